"""What one team has running: its jobs and endpoints at AWS, and what its namespace holds."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.errors import LocalStackError
from local.kubernetes.api import ApiClient, ApiError
from operations.leftovers.finding import Fate, Finding, Report
from operations.leftovers.removal import remove
from operations.leftovers.scan import scan
from operations.leftovers.subject import Subject
from operations.teardown.in_cluster import api_of
from operations.teardown.work import RUNNING

ENDED = ("Succeeded", "Failed")
"""Phases of a pod that has ended (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase)."""
HELD: Mapping[str, str] = {
    "/apis/batch/v1/namespaces/{}/cronjobs": "cron job",
    "/apis/batch/v1/namespaces/{}/jobs": "job on the cluster",
    "/apis/apps/v1/namespaces/{}/deployments": "deployment",
    "/apis/apps/v1/namespaces/{}/statefulsets": "stateful set",
    "/api/v1/namespaces/{}/pods": "pod",
    "/api/v1/namespaces/{}/persistentvolumeclaims": "volume claim, with its data",
}
"""Where an API server lists what goes with a namespace, and what it is."""


@dataclass(frozen=True, kw_only=True)
class TeamWork:
    """What runs. at_aws: jobs and endpoints of SageMaker. in_cluster: kind and name of what the namespace holds."""

    at_aws: Sequence[Finding] = ()
    in_cluster: Sequence[str] = ()

    @property
    def shown(self) -> list[str]:
        """Each in words."""
        return [*(f"{one.kind} {one.name}" for one in self.at_aws), *self.in_cluster]


def work_of(team: str, subject: Subject, variables: Mapping[str, str]) -> TeamWork:
    """What the team has running. variables: of a process that finds the environment's profile.

    Raises LocalStackError where it cannot be told: nobody may take "none was seen" for "none runs".
    """
    report = _look(team, subject)
    if report.unseen:
        told = "; ".join(f"{kind}: {why}" for kind, why in report.unseen.items())
        raise LocalStackError(f"Whether {team} has jobs or endpoints running cannot be told: {told}")
    scope = subject.scope
    api = api_of(subject.clients, scope.cluster, scope.region, variables)
    held: list[str] = []
    if api is not None:
        try:
            held = list(_held(team, api))
        except ApiError as error:
            raise LocalStackError(f"What {team} has on the cluster cannot be told: {error}") from None
    return TeamWork(at_aws=report.of(Fate.LEFTOVER), in_cluster=held)


def stop(team: str, subject: Subject, tell: Callable[[str], None]) -> list[Finding]:
    """Stops the team's jobs and deletes its endpoints; what would not stop."""
    return remove(subject.clients, lambda: _look(team, subject), tell).of(Fate.LEFTOVER)


def team_of(name: str, teams: Sequence[str]) -> str:
    """The team whose job or endpoint this is, for its name begins with the team's; empty where it is none's.

    IAM holds every member to that (components/team_policy.py). Of `a` and `a-b`, `a-b-job` is the latter's.
    """
    return max((team for team in teams if name.startswith(f"{team}-")), key=len, default="")


def _look(team: str, subject: Subject) -> Report:
    report = scan(subject.clients, subject.scope, kinds=RUNNING, net=False)
    teams = list({*subject.scope.teams, team})
    own = [one for one in report.findings if team_of(one.name, teams) == team]
    return Report(own, report.unseen)


def _held(team: str, api: ApiClient) -> Iterator[str]:
    for path, words in HELD.items():
        found: list[dict[str, Any]] = api.get(path.format(team))["items"]
        for each in found:
            status: Mapping[str, Any] = each.get("status") or {}
            ended = status.get("phase") in ENDED or bool(status.get("completionTime"))
            if not ended and not each["metadata"].get("ownerReferences"):
                yield f"{words} {each['metadata']['name']}"
