"""`groundwork teardown ENV`: an environment goes, in the order in which nothing is left behind, and then a scan."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from local.cli import Format, Output, plain_errors
from local.errors import LocalStackError
from operations.leftovers_command import LEFT, USAGE, doomed, look, removed

if TYPE_CHECKING:
    from local.progress import Progress
    from operations.engine_run import StackEngine
    from operations.leftovers.subject import Subject
    from operations.teardown.interfaces import Interface

REFUSED = 1
UNREACHABLE = {"PULUMI_K8S_DELETE_UNREACHABLE": "true"}
"""Lets the engine forget objects of a cluster that does not answer (pulumi/pulumi-kubernetes#2489)."""
SHUT = (0, 401, 403)
"""Statuses with which an API server lets a caller in no more: no answer, no such identity, no right."""
NAMED = 12
"""Resources that a message names before it counts the others."""


def teardown(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="The environment: its settings are Pulumi.<ENV>.yaml.")
    ],
    stop_jobs: Annotated[
        bool, typer.Option("--stop-jobs", help="Stop the teams' jobs and delete their endpoints first.")
    ] = False,
    keep_protected: Annotated[
        bool, typer.Option("--keep-protected", help="Leave what is protected, or not empty, and destroy all else.")
    ] = False,
    without_cluster: Annotated[
        bool, typer.Option("--without-cluster", help="The API server cannot be reached: leave its objects.")
    ] = False,
    remove_leftovers: Annotated[
        bool, typer.Option("--remove-leftovers", help="Remove what the scan at the end finds left over.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    output: Output = Format.text,
) -> None:
    """Destroy an environment, in the order in which nothing is left behind, and prove it by a scan.

    It shows what goes and what is kept, and asks. Then: Ingresses, LoadBalancer Services, workloads and node pools of
    the cluster, the stack, and the scan of `groundwork leftovers`. What was interrupted goes on when it is run again.

    Exit codes: 0 nothing is left over; 3 something is, or a kind could not be looked at; 1 refused or failed.
    """
    if not yes and not sys.stdin.isatty():
        print(f"There is no terminal to ask on: groundwork teardown {environment} -y", file=sys.stderr)
        raise typer.Exit(USAGE)
    with plain_errors(f"groundwork teardown {environment}"):
        task = Teardown(environment, stop_jobs=stop_jobs, keep_protected=keep_protected)
        task.check()
        if not yes and typer.prompt(f"Type {environment} to destroy it", err=True, default="") != environment:
            print("Nothing was changed.", file=sys.stderr)
            raise typer.Exit(REFUSED)
        status = task.run(without_cluster=without_cluster, remove_leftovers=remove_leftovers, output=output)
    raise typer.Exit(status)


class Teardown:
    """One run of the command. Each step may be repeated: what is gone already is no error."""

    def __init__(self, name: str, *, stop_jobs: bool, keep_protected: bool):
        # Imported here: the other commands need not wait for botocore.
        from local.progress import Progress
        from operations.engine_run import stack_engine
        from operations.environments import environment
        from operations.leftovers.subject import subject

        self._name, self._stop_jobs, self._keep_protected = name, stop_jobs, keep_protected
        self._env = environment(name)
        self._engine: StackEngine = stack_engine(self._env)
        self._progress: Progress = Progress(sys.stderr)
        self._subject: Subject = subject(self._env, self._engine)

    def check(self) -> None:
        """Shows what goes and what is kept. Raises LocalStackError where that is refused."""
        from operations.locks import require_unlocked
        from operations.teardown import protected

        state, say = self._subject.state, self._progress.say
        for lock in require_unlocked(self._env):
            say(f"{lock} held the stack, and that process is gone: its lock is broken.")
        keeping = protected.protected(state)
        full = protected.not_empty(state, self._subject.clients)
        staying = protected.kept_with(state, [*keeping, *full]) if self._keep_protected else []
        going = [each for each in state if each not in staying]
        kinds = Counter(str(each["type"]).rsplit(":", 1)[1] for each in going)
        most = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(5))
        say(f"{self._name} in account {self._subject.scope.account_id}, {self._subject.scope.region}")
        say(f"Goes: {len(going)} resources of the stack" + (f" ({most}, …)" if most else ""))
        data = [each for each in protected.stateful(going) if each not in keeping and each not in full]
        if data:
            say(f"With all that is in them: {_names(data)}")
        lifts = self._mend("protection.protect: false")
        if not self._subject.retention.protect:  # somebody, or --keep-protected, has protected it in the state
            lifts = f"`pulumi state unprotect --all --stack {self._name}` lifts it."
        self._refuse_or_say(keeping, "protected from a destroy", lifts)
        self._refuse_or_say(full, "not empty", self._mend("protection.deleteContents: true"))
        if (cluster := protected.guarded_cluster(state)) and cluster not in {each["id"] for each in keeping}:
            raise LocalStackError(
                f"EKS refuses to delete the cluster {cluster}: its deletion protection is on.",
                hint=self._mend("protection.clusterDeletion: false"),
            )
        if (more := len(staying) - len(keeping) - len(full)) > 0:
            say(f"Kept with these, for they need them or are set on them: {more} more")
        self._check_work()

    def _refuse_or_say(self, kept: list[dict[str, Any]], why: str, mend: str) -> None:
        if kept and not self._keep_protected:
            many = "1 resource is" if len(kept) == 1 else f"{len(kept)} resources are"
            raise LocalStackError(
                f"{many} {why}: {_names(kept)}.",
                hint=f"{mend} Or leave them: --keep-protected.",
            )
        if kept:
            self._progress.say(f"Kept, for they are {why}: {_names(kept)}")

    def _mend(self, setting: str) -> str:
        return f"Set {setting} in Pulumi.{self._name}.yaml, then `make up ENV={self._name}`."

    def _check_work(self) -> None:
        from operations.teardown.work import running

        try:
            found = running(self._subject)
        except LookupError as error:
            raise LocalStackError(f"Whether jobs or endpoints run cannot be told: {error}") from None
        if not found:
            return
        shown = ", ".join(f"{one.kind} {one.name} ({one.why})" for one in found[:NAMED])
        shown += f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
        if not self._stop_jobs:
            raise LocalStackError(
                f"Jobs or endpoints are running: {shown}.",
                hint="Nothing was changed. Ask whose they are; --stop-jobs stops the jobs and deletes the endpoints.",
            )
        self._progress.say(f"Stopped first: {shown}")

    def run(self, *, without_cluster: bool, remove_leftovers: bool, output: Format) -> int:
        """The steps; gives the command's exit code. Raises LocalStackError."""
        from operations.leftovers.subject import subject
        from operations.teardown.work import stop

        if self._stop_jobs:
            with self._progress.step("Jobs and endpoints") as step:
                if left := stop(self._subject, step.did):
                    raise LocalStackError(f"{len(left)} would not stop: {', '.join(one.name for one in left)}.")
                step.done("none runs")
        self._settle()
        if not without_cluster:
            self._clear_the_cluster()
        self._destroy(without_cluster=without_cluster)
        self._subject = subject(self._env, self._engine)
        report = look(self._subject, self._progress)
        if remove_leftovers and doomed(report):
            report = removed(self._subject, self._progress)
        self._show(report, output)
        return 0 if report.empty else LEFT

    def _settle(self) -> None:
        """What an `up` that was killed had made, and not written down, comes into the state: it stands in the way."""
        from operations.leftovers.subject import subject
        from operations.resuming.resume import make_ready, state_of

        pending: list[dict[str, Any]] = state_of(self._env, self._engine).get("pending_operations") or []
        # A deletion that was cut off is simply done again.
        if any(each["type"] == "creating" for each in pending):
            make_ready(self._env, self._engine, self._progress)
            self._subject = subject(self._env, self._engine)

    def _clear_the_cluster(self) -> None:
        from local.kubernetes.api import ApiError
        from operations.teardown.in_cluster import Clearing, api_of

        scope, variables = self._subject.scope, dict(self._engine.variables)
        if other := scope.existing_cluster:
            # Its workloads are of others too; the stack's own namespaces and node pools go with the stack.
            self._progress.say(f"Cluster {other} is somebody else's: only what the stack made in it goes.")
            return
        api = api_of(self._subject.clients, scope.prefix, scope.region, variables)
        if api is None:
            return
        with self._progress.step(f"Cluster {scope.prefix}") as step:
            clearing = Clearing(api, step.now, did=step.did)
            try:
                done = f"gone: load balancers {clearing.balancers()}, workloads {clearing.workloads()}"
                done += f", node pools {clearing.node_pools()}"
            except ApiError as error:
                if error.status in SHUT and not self._has_objects():
                    # The access entries go after the last object, and before the cluster.
                    step.done("nothing of the stack is in it any more, and it lets nobody in")
                    return
                raise LocalStackError(
                    f"The API server of {scope.prefix} refused or did not answer: {error}",
                    hint="Where it cannot be reached any more: --without-cluster leaves what it made to the scan.",
                ) from None
            step.done(done)

    def _has_objects(self) -> bool:
        return any(str(each["type"]).startswith("kubernetes:") for each in self._subject.state)

    def _destroy(self, *, without_cluster: bool) -> None:
        from dataclasses import replace

        from operations.teardown import protected
        from operations.teardown.interfaces import stopped, told, wait

        state, engine = self._subject.state, self._engine
        if not state:
            self._progress.say("The stack holds nothing.")
            return
        if without_cluster:
            engine = replace(engine, variables={**engine.variables, **UNREACHABLE})
        options: list[str] = []
        if self._keep_protected:
            # What stays is protected from here on: the engine asks for nothing else.
            kept = [*protected.protected(state), *protected.not_empty(state, self._subject.clients)]
            staying = protected.kept_with(state, kept)
            protected.protect(engine, [each for each in staying if not each.get("protect")])
            options = ["--exclude-protected"]
        if found := [each for each in self._in_the_way() if each.is_strange]:
            many = "a network interface is" if len(found) == 1 else f"{len(found)} network interfaces are"
            self._progress.say(f"In the stack's network {many} not the stack's; it goes only without:\n{told(found)}")
        try:
            engine.show("destroy", *options)
        except LocalStackError:
            if not (found := self._in_the_way()):
                raise
            if not all(each.passing for each in found):
                raise stopped(found) from None
            with self._progress.step("Network interfaces of others") as step:
                wait(self._in_the_way, step.now)
                step.done("AWS has taken them away")
            engine.show("destroy", *options)

    def _in_the_way(self) -> list[Interface]:
        from botocore.exceptions import BotoCoreError, ClientError

        from operations.leftovers.subject import recorded
        from operations.teardown.interfaces import in_the_way

        try:
            return in_the_way(recorded(self._engine), self._subject.clients)
        except (BotoCoreError, ClientError):
            return []  # who may not look hears what the engine could not delete

    def _show(self, report: Any, output: Format) -> None:
        from operations.leftovers.lists import as_document, as_text

        scope = self._subject.scope
        print(as_text(report, scope) if output is Format.text else json.dumps(as_document(report, scope), indent=2))


def _names(resources: list[dict[str, Any]]) -> str:
    from operations.teardown.protected import shown

    named = ", ".join(shown(each) for each in resources[:NAMED])
    more = len(resources) - NAMED
    return f"{named} and {more} more" if more > 0 else named
