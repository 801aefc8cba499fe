"""Looks at one environment: the preview, its state, what drifted, and what runs on what would go."""

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import yaml
from botocore.exceptions import BotoCoreError, ClientError

from components.tagging import TEAM_TAG
from local.environment import POLICY_PACK
from local.errors import LocalStackError
from operations import drift as drifts
from operations.costing.assumptions import usage_of
from operations.engine_run import StackEngine
from operations.environments import OperatedEnvironment
from operations.leftovers.finding import Finding
from operations.leftovers.subject import subject
from operations.review.building import Seen, ends_something
from operations.review.model import Running
from operations.review.redaction import Redactor, secrets_of
from operations.review.stream import Preview
from operations.teardown.work import running
from prices import IDLE, Usage

Tell = Callable[[str], None]
NOT_ASKED = "Nobody asked SageMaker what runs (--no-jobs)."
_TEAM = re.compile(rf"{re.escape(TEAM_TAG)}=([\w.-]+)")


def with_pack(engine: StackEngine, pack: Path | None) -> StackEngine:
    """The engine with another policy pack: CI judges a change by the pack of the branch that it goes to.

    A checkout that nobody has installed anything in runs its pack on this process's packages; its rules are its own.
    Raises LocalStackError where there is none in the folder.
    """
    if pack is None:
        return engine
    file = pack / "PulumiPolicy.yaml"
    if not file.is_file():
        raise LocalStackError(
            f"{pack} is no policy pack: it has no PulumiPolicy.yaml.", hint="Name the folder, such as ../base/policies."
        )
    if (environment := _environment_of(file)) is not None and not os.path.lexists(environment):
        environment.symlink_to(sys.prefix, target_is_directory=True)
    return replace(engine, variables={**engine.variables, POLICY_PACK: str(pack.resolve())})


def _environment_of(file: Path) -> Path | None:
    """The virtual environment that a pack names; None where it names none."""
    document = cast(dict[str, Any], yaml.safe_load(file.read_text(encoding="utf-8")) or {})
    runtime: Any = document.get("runtime")
    options = cast(dict[str, Any], runtime).get("options") if isinstance(runtime, dict) else None
    named = cast(dict[str, Any], options or {}).get("virtualenv")
    return (file.parent / str(named)).absolute() if named else None


def previewed(engine: StackEngine, tell: Tell) -> Preview:
    """The genuine preview, to its end or to where it fails: why it failed is in it."""
    preview = Preview()
    try:
        for event in engine.events("preview"):
            preview.take(event)
            tell(f"{len(preview.steps)} resources")
    except LocalStackError as error:
        preview.failure = str(error)
    return preview


def seen(
    environment: OperatedEnvironment,
    engine: StackEngine,
    preview: Preview,
    *,
    drift: drifts.Drift | None = None,
    look_at_jobs: bool = True,
    notes: tuple[str, ...] = (),
    usage: Usage = IDLE,
) -> Seen:
    """All that is to be known about a previewed environment. What cannot be seen becomes a note."""
    more = list(notes)
    state: Sequence[Mapping[str, Any]] = ()
    try:
        state = engine.resources()
    except LocalStackError as error:
        more.append(f"The state could not be read: what depends on what and the cost before are not known. {error}")
    found: list[Running] | None = []
    if ends_something(preview):
        found, missing = _running(environment, engine) if look_at_jobs else (None, [NOT_ASKED])
        more += missing
    return Seen(
        name=environment.name,
        region=environment.region,
        preview=preview,
        state=state,
        drift=drift,
        running=found,
        notes=more,
        usage=usage,
    )


def assumed(engine: StackEngine) -> tuple[Usage, tuple[str, ...]]:
    """The use that the cost counts with; that of an idle environment, and why, where the settings do not tell."""
    try:
        return usage_of(engine.folder, engine.stack), ()
    except LocalStackError as error:
        return IDLE, (f"The cost counts with an idle month: {error}",)


def drifted(engine: StackEngine, tell: Tell) -> tuple[drifts.Drift | None, tuple[str, ...]]:
    """What changed behind the program's back; None, and why, where that cannot be told."""
    try:
        found = drifts.find(engine, tell)
    except LocalStackError as error:
        return None, (f"Drift could not be looked for: {error}",)
    return found, tuple(f"Drift: {warning}" for warning in found.warnings)


def redactor(engine: StackEngine) -> Redactor:
    """Knows the secrets that this process and the engine's have in their variables."""
    return Redactor([*secrets_of(os.environ), *secrets_of(engine.variables)])


def _running(environment: OperatedEnvironment, engine: StackEngine) -> tuple[list[Running] | None, list[str]]:
    """SageMaker's jobs and endpoints of the environment."""
    try:
        found = running(subject(environment, engine))
    except (LookupError, LocalStackError, ClientError, BotoCoreError) as error:
        return None, [f"Whether jobs or endpoints run could not be told: {error}"]
    return [Running(kind=each.kind, name=each.name, team=_team(each)) for each in found], []


def _team(finding: Finding) -> str:
    matched = _TEAM.search(finding.why)
    return matched[1] if matched else ""
