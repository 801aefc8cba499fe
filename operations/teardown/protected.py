"""What a stack keeps: resources that the engine protects, a cluster that EKS protects, and what is not empty."""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalStackError
from operations.engine_run import StackEngine
from operations.leftovers.kind import Call, Clients
from operations.leftovers.removal import BY_WORD

CLUSTER = "aws:eks/cluster:Cluster"
HOLDING = {
    "aws:s3/bucket:Bucket": ("bucket", "forceDestroy"),
    "aws:ecr/repository:Repository": ("repository", "forceDelete"),
}
"""Types that AWS deletes only when they are empty: their word, and the input with which the provider empties them."""
LISTED_BY = {"bucket": "Name", "repository": "repositoryName"}
STATEFUL = (
    *(CLUSTER, "aws:s3/bucket:Bucket", "aws:ecr/repository:Repository", "aws:kms/key:Key", "aws:rds/instance:Instance"),
    *("aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer", "aws:sagemaker/mlflowApp:MlflowApp"),
    *("aws:amp/workspace:Workspace", "aws:grafana/workspace:Workspace"),
)
State = Sequence[dict[str, Any]]


def protected(state: State) -> list[dict[str, Any]]:
    """Resources that the engine refuses to delete."""
    return [each for each in state if each.get("protect")]


def guarded_cluster(state: State) -> str:
    """The cluster that EKS refuses to delete; empty where there is none."""
    for each in state:
        if each["type"] == CLUSTER and (each.get("outputs") or {}).get("deletionProtection"):
            return str(each["id"])
    return ""


def not_empty(state: State, clients: Clients) -> list[dict[str, Any]]:
    """Buckets and repositories that hold something and that the settings do not let a destroy empty."""
    found: list[dict[str, Any]] = []
    for each in state:
        if each["type"] not in HOLDING or each.get("protect"):
            continue
        word, lets = HOLDING[each["type"]]
        if not (each.get("inputs") or {}).get(lets) and _holds(word, str(each["id"]), clients):
            found.append(each)
    return found


def _holds(word: str, name: str, clients: Clients) -> bool:
    kind = BY_WORD[word]
    assert isinstance(kind.contents, Call)
    try:
        return bool(kind.contents(clients(kind.service), {LISTED_BY[word]: name}))
    except (ClientError, BotoCoreError):
        return False  # it is gone, or nobody may look: the engine will say


def protect(engine: StackEngine, resources: State) -> None:
    """Have the engine protect resources in the stack's state, until the next `up`. Raises LocalStackError."""
    if not resources:
        return
    urns = [str(each["urn"]) for each in resources]
    done = engine.quiet("state", "protect", *urns, "--yes")
    if done.returncode:
        raise LocalStackError(f"`pulumi state protect` failed: {(done.stderr or done.stdout).strip()}")


def stateful(state: State) -> list[dict[str, Any]]:
    """Resources that keep data, which a destroy takes along."""
    return [each for each in state if each["type"] in STATEFUL]


def shown(resource: dict[str, Any]) -> str:
    """`bucket groundwork-dev-data-…` for people."""
    return f"{str(resource['type']).rsplit(':', 1)[1]} {resource.get('id') or str(resource['urn']).rsplit('::', 1)[1]}"
