"""One run of a `groundwork team` command: the settings that are wished for, the preview, the question, the update."""

import contextlib
import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import yaml
from pydantic import ValidationError

from infra.queue_settings import classes_of_pools
from infra.sections.node_pools import NodePoolSettings
from local.cli import Format
from local.errors import LocalStackError
from local.progress import Progress
from operations.engine_run import StackEngine, stack_engine
from operations.environments import ACCOUNTS, OperatedEnvironment, environment
from operations.leftovers.subject import Subject, recorded, subject
from operations.resuming.resume import make_ready
from operations.teams.report import as_document, as_result, as_text
from operations.teams.settings_file import SettingsFile, Wish
from operations.teams.update import Planned, Update, teams_of_state
from operations.teams.work import stop, work_of

NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
NAMED = 8
"""Jobs that a message names before it counts the others."""


class Run:
    """A command's work on one team. Used in a `with`: what it writes for the engine is gone afterwards.

    recount, stop_jobs: what the command was told to do besides. planned: whether the engine is held to the plan of its
    preview. Raises LocalStackError for what a user can mend, as every method does.
    """

    def __init__(self, env: str, team: str, *, recount: bool, planned: bool, output: Format, stop_jobs: bool):
        if NAME.fullmatch(team) is None:
            raise LocalStackError(
                f"{team!r} is no name for a team: it is lower-case letters, digits and hyphens, as its namespace's is."
            )
        self._env: OperatedEnvironment = environment(env)
        self._engine: StackEngine = stack_engine(self._env)
        self._team, self._recount, self._planned = team, recount, planned
        self._output, self._stop_jobs = output, stop_jobs
        self._progress = Progress(sys.stderr)
        self._folder = Path(tempfile.mkdtemp(prefix="groundwork-team-"))
        self._kept: list[str] = []
        self._subject: Subject | None = None
        self.file = _read(self._env)

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def owning_nothing(self, wish: Wish) -> Wish:
        """The wish, with no share of any instance class of the pools."""
        pools = cast(list[dict[str, Any]], self.file.settings().get("nodePools") or [])
        try:
            classes = classes_of_pools([NodePoolSettings.model_validate(pool) for pool in pools])
        except ValidationError as error:
            raise LocalStackError(f"{self.file.name}: the node pools are not valid: {error}") from None
        return replace(wish, guaranteed={**{one.name: 0 for one in classes}, **wish.guaranteed})

    def make_ready(self) -> None:
        """Settles what an earlier run left unfinished: a dead lock, what AWS made and the state does not know."""
        make_ready(self._env, self._engine, self._progress)

    def prepare(self, wanted: SettingsFile) -> Planned:
        """What would be done, with everything looked at that would refuse it. Nothing is changed."""
        state = recorded(self._engine)
        there = teams_of_state(state)
        if self._team not in {*there, *self.file.names, *wanted.names}:
            raise LocalStackError(
                f"Neither {self.file.name} nor the stack has a team {self._team!r}; the stack has {', '.join(there)}.",
                hint="`groundwork team add` adds one.",
            )
        if not state:
            raise LocalStackError(
                f"The stack {self._env.name} holds nothing yet.", hint=f"`groundwork stack up {self._env.name}` first."
            )
        removing = self._team not in wanted.names
        if removing and self._team in there:
            self._look_at_work()
            self._kept = list(self._keeps(state))
        settings = self._folder / self._env.settings_file.name
        settings.write_text(wanted.text)
        update = self._update(settings, removing=removing, names=[*self.file.names, *wanted.names, *there])
        title = f"pulumi preview --stack {self._env.name}, whole, then {self._team} alone"
        with self._progress.step(title) as step:
            planned = update.prepare(step.now)
            step.done(f"{len(planned.own)} of {self._team}'s, {len(planned.shared)} of all teams'")
        return planned

    def ask(self, planned: Planned) -> None:
        """Shows what the question is about."""
        print(f"\n{as_text(self._env.name, planned, self._kept)}", file=sys.stderr)

    def show(self, planned: Planned, outcome: str, seconds: float | None = None) -> None:
        """Prints the result."""
        if self._output is Format.json:
            print(json.dumps(as_document(self._env.name, planned, outcome, self._kept, seconds), indent=2))
            return
        if seconds is None:
            print(as_text(self._env.name, planned, self._kept))
        else:
            print(as_result(self._env.name, planned, self._kept, seconds))

    def do(self, wanted: SettingsFile, planned: Planned) -> None:
        """Stops what runs, where told to, writes the file, and updates the team's part."""
        started = time.monotonic()
        if self._subject is not None and self._stop_jobs:
            with self._progress.step(f"Jobs and endpoints of {self._team}") as step:
                if left := stop(self._team, self._subject, step.now):
                    raise LocalStackError(f"{len(left)} would not stop: {', '.join(one.name for one in left)}.")
                step.done("none runs")
        self._write(wanted)
        if planned.steps:
            removing = self._team not in wanted.names
            update = self._update(self._env.settings_file, removing=removing, names=wanted.names)
            try:
                update.run(planned)
            except LocalStackError as error:
                error.hint = (
                    f"{error.hint} {self.file.name} says what was wished for: "
                    f"`groundwork team apply {self._env.name} {self._team}` goes on. Where the engine says that a step "
                    "is not in its plan: --no-plan."
                ).strip()
                raise
        self.show(planned, "done", round(time.monotonic() - started, 1))

    def _update(self, settings: Path, *, removing: bool, names: list[str]) -> Update:
        return Update(
            engine=self._engine,
            team=self._team,
            teams=list(dict.fromkeys(names)),
            settings=settings,
            plan=self._folder / "plan.json" if self._planned else None,
            removing=removing,
            recount=self._recount,
        )

    def _write(self, wanted: SettingsFile) -> None:
        path = self._env.settings_file
        if wanted.text == self.file.text:
            return
        if path.read_text() != self.file.text:
            raise LocalStackError(
                f"{self.file.name} was changed meanwhile; nothing was done.", hint="Run the same command again."
            )
        beside = path.with_name(f".{path.name}.new")
        beside.write_text(wanted.text)
        shutil.copymode(path, beside)
        beside.replace(path)

    def _look_at_work(self) -> None:
        self._subject = subject(self._env, self._engine)
        with self._progress.step(f"What {self._team} has running") as step:
            work = work_of(self._team, self._subject, dict(self._engine.variables))
            step.done(f"{len(work.at_aws)} jobs and endpoints, {len(work.in_cluster)} on the cluster")
        if not work.shown:
            return
        named = ", ".join(work.shown[:NAMED])
        named += f" and {len(work.shown) - NAMED} more" if len(work.shown) > NAMED else ""
        if not self._stop_jobs:
            raise LocalStackError(
                f"{self._team} still has {named}.",
                hint="Nothing was changed. Ask the team; --stop-jobs ends all of that, the volumes' data with it.",
            )
        self._progress.say(f"Ended first: {named}")

    def _keeps(self, state: list[dict[str, Any]]) -> Iterator[str]:
        """What stays of a team that goes, and what still names it."""
        for uri in _prefixes(self._team, state):
            yield f"{uri}/ with all that is in it"
        yield f"its registered models, its experiments, and the logs of its jobs and endpoints ({self._team}-…)"
        monitored = cast(Mapping[str, Any], self.file.settings().get("monitoring") or {}).get("endpoints") or ()
        named = [each.get("name", "") for each in monitored if str(each.get("name", "")).startswith(f"{self._team}-")]
        if named:
            yield f"groundwork:monitoring.endpoints of {self.file.name} still names {', '.join(named)}"
        for name in _accounts_with(self._env.checkout, self._env.name, self._team):
            yield f"{name} still has a CI role for it (`make account`)"


def listed(name: str) -> tuple[str, list[dict[str, Any]]]:
    """The teams of an environment, by its settings and by its stack, as text and as a document."""
    env = environment(name)
    file, there = _read(env), teams_of_state(recorded(stack_engine(env)))
    rows = [_row(file, team, str(team["name"]) in there) for team in file.teams]
    rows += [{"name": team, "state": "in the stack alone"} for team in there if team not in file.names]
    lines = [_line(row) for row in rows]
    if any(row["state"] != "up" for row in rows):
        lines.append(f"`groundwork team apply {name} NAME` brings one to what {file.name} says.")
    return "\n".join(lines), rows


def _row(file: SettingsFile, team: Mapping[str, Any], there: bool) -> dict[str, Any]:
    return {
        "name": team["name"],
        "state": "up" if there else "in the settings alone",
        "quota": team.get("quota") or {},
        "members": team.get("members") or [],
        "memberTag": bool(team.get("memberTag")),
        "approvers": team.get("approvers") or [],
        "queue": team.get("queue") or {},
        "monthlyBudgetUsd": file.budgets.get(str(team["name"])),
    }


def _line(row: Mapping[str, Any]) -> str:
    parts = [f"{row['name']:<20} {row['state']:<22}"]
    quota: Mapping[str, Any] = row.get("quota") or {}
    if quota:
        parts.append(" ".join(f"{key}={number}" for key, number in quota.items()))
    if row.get("members"):
        parts.append(f"{len(row['members'])} members")
    if row.get("monthlyBudgetUsd"):
        parts.append(f"{row['monthlyBudgetUsd']} USD a month")
    return "  ".join(parts).rstrip()


def _read(env: OperatedEnvironment) -> SettingsFile:
    return SettingsFile(name=env.settings_file.name, text=env.settings_file.read_text())


def _prefixes(team: str, state: list[dict[str, Any]]) -> list[str]:
    for resource in state:
        if str(resource["urn"]).endswith(f"aws:ssm/parameter:Parameter::contract-team-{team}"):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                document = json.loads(resource["inputs"]["insecureValue"])
                return [document["data_uri"], document["artifact_uri"]]
    return []


def _accounts_with(checkout: Path, environment_name: str, team: str) -> list[str]:
    """Settings files of accounts that give the team's repositories a role."""
    found: list[str] = []
    for file in sorted((checkout / ACCOUNTS.folder).glob("Pulumi.*.yaml")):
        config = cast(dict[str, Any], cast(dict[str, Any], yaml.safe_load(file.read_text()) or {}).get("config") or {})
        teams = cast(list[dict[str, Any]], config.get(f"{ACCOUNTS.name}:teams") or [])
        if any((each.get("environment"), each.get("team")) == (environment_name, team) for each in teams):
            found.append(f"{ACCOUNTS.folder}/{file.name}")
    return found
