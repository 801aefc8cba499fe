"""`groundwork upgrade plan ENV`: the versions that an environment runs, those that it wants, and the order between."""

import json
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli import Format, Output, plain_errors
from local.errors import LocalStackError

if TYPE_CHECKING:
    from operations.engine_run import StackEngine
    from operations.environments import OperatedEnvironment
    from operations.upgrade.plan import Plan

REFUSED = 1
app = typer.Typer(
    help="Versions of cluster, add-ons, providers and engine.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def upgrade() -> None:
    """Versions of cluster, add-ons, providers and engine: what runs, what is wanted, and the order between."""


@app.command("plan", epilog="Example:  groundwork upgrade plan dev")
def plan_command(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="The environment: its settings are Pulumi.<ENV>.yaml.")
    ],
    output: Output = Format.text,
) -> None:
    """Show in which order an environment comes to the versions that its settings want. Changes nothing.

    Asks the state for engine and providers, and EKS for cluster, nodes, add-ons and its own findings. Exit codes: 0
    nothing stands in the way; 1 something does (a skipped version, a version below the running one, nodes or an add-on
    that do not go with it), or it failed. docs/upgrades.md has each step with its way back.
    """
    with plain_errors(f"groundwork upgrade plan {environment}"):
        from operations.environments import environment as find_environment

        env = find_environment(environment)
        found = look(env)
    print(
        json.dumps({"environment": env.name, **found.document()}, indent=2)
        if output is Format.json
        else render(env.name, found)
    )
    if found.refusals:
        raise typer.Exit(REFUSED)


def look(env: "OperatedEnvironment") -> "Plan":
    """Reads settings, state and EKS. Raises LocalStackError."""
    from botocore.exceptions import BotoCoreError, ClientError

    from operations.calls import PATIENCE, code_of
    from operations.doctor.subject import read_settings
    from operations.engine_run import stack_engine
    from operations.environments import boto_session
    from operations.upgrade.found import recorded_engine, recorded_providers, running_cluster
    from operations.upgrade.plan import Wanted, plan

    settings, findings = read_settings(env)
    if settings is None:
        raise LocalStackError("\n".join(f"{each.where}: {each.text}" for each in findings))
    engine = stack_engine(env)
    state = engine.state()
    chosen = settings.cluster
    auto = [pool.max_node_hours for pool in settings.node_pools if pool.kind == "auto"]
    wanted = Wanted(
        environment=env.name,
        engine=_version(engine),
        version=None if chosen.existing else chosen.version,
        addons=chosen.addon_versions,
        auto_hours=max(auto, default=None),
    )
    try:
        eks = boto_session(env).client("eks", config=PATIENCE)
        cluster = running_cluster(eks, f"groundwork-{env.name}", wanted.version) if wanted.version else None
    except ClientError as error:
        raise LocalStackError(
            f"EKS answered {code_of(error)}: {error}", hint=f"`groundwork doctor {env.name}`"
        ) from None
    except BotoCoreError as error:
        raise LocalStackError(f"EKS was not reached: {error}", hint=f"`groundwork doctor {env.name}`") from None
    today = datetime.now(UTC).date()
    return plan(wanted, recorded_engine(state), recorded_providers(state), cluster, today)


def _version(engine: "StackEngine") -> str:
    """This checkout's engine's own version, as `pulumi version` prints it: v3.259.0."""
    told = subprocess.run([str(engine.program), "version"], capture_output=True, text=True, check=False)
    if told.returncode:
        raise LocalStackError(f"`pulumi version` failed: {told.stderr.strip()}")
    return told.stdout.strip().removeprefix("v")


def render(name: str, found: "Plan") -> str:
    """The plan as a person reads it: each step with what makes it, then what stands in the way."""
    if not found.steps:
        return f"{name}: nothing is up yet; `groundwork stack up {name}` makes it with the versions of this checkout."
    width = max(len(step.what) for step in found.steps)
    lines: list[str] = [f"{name}:"]
    number = 0
    for step in found.steps:
        if step.done:
            lines.append(f"   ✓ {step.what:<{width}}  {step.now}")
            continue
        number += 1
        lines.append(f"  {number:>2} {step.what:<{width}}  {step.now or '…'} → {step.wanted}   {step.how}")
    for mark, remarks in (("!", found.notes), ("✗", found.refusals)):
        for remark in remarks:
            lines.append(f"   {mark} {remark.what}: {remark.text}")
            if remark.mend:
                lines.append(f"     → {remark.mend}")
    if found.refusals:
        lines.append(
            f"This does not go: {len(found.refusals)} thing{'s' if len(found.refusals) > 1 else ''} in the way."
        )
    elif number:
        lines.append(f"Nothing stands in the way. Look first: `groundwork stack preview {name}`.")
    else:
        lines.append("Everything runs what is wanted.")
    return "\n".join(lines)
