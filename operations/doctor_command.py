"""`groundwork doctor ENV`: whether `up` would succeed, before anything is made."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from local.cli import Format, Output, plain_errors

if TYPE_CHECKING:
    from operations.doctor.finding import Finding
    from operations.environments import OperatedEnvironment

MARKS = {"ok": "✓", "warning": "!", "failure": "✗"}


def doctor(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="The environment: groundwork.yaml, Pulumi.<ENV>.yaml.")
    ],
    output: Output = Format.text,
) -> None:
    """Say whether `up` would succeed, what stands in its way, and how each thing is mended. Changes nothing.

    Looks at this machine, the settings, credentials, account, state, API server, sign-in, service-linked roles and
    quotas.

    Exit codes: 0 `up` would succeed, whatever warnings there are; 1 it would not, or it could not be told.
    """
    from operations.doctor.examine import examine, would_succeed
    from operations.environments import environment as find_environment

    with plain_errors(f"groundwork doctor {environment}"):
        env = find_environment(environment)
        findings = list(examine(env))
    succeeds = would_succeed(findings)
    if output is Format.json:
        document = {
            "environment": env.name,
            "wouldSucceed": succeeds,
            "findings": [finding.document() for finding in findings],
        }
        print(json.dumps(document, indent=2))
    else:
        print(render(env, findings, succeeds=succeeds))
    if not succeeds:
        raise typer.Exit(1)


def render(env: "OperatedEnvironment", findings: "Sequence[Finding]", *, succeeds: bool) -> str:
    """The findings as a person reads them: each with its place, and below it how to mend it."""
    lines = [f"{env.name}: profile {env.profile}, account {env.account_id or 'not named'}, {env.region}"]
    width = max((len(finding.check) for finding in findings), default=0)
    for finding in findings:
        lines.append(f"  {MARKS[finding.level]} {finding.check:<{width}}  {finding.where}: {finding.text}")
        if finding.mend:
            lines.append(f"    {'':<{width}}  → {finding.mend}")
    counts = {level: sum(finding.level == level for finding in findings) for level in ("failure", "warning")}
    told = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items())
    would = "would succeed" if succeeds else "would not succeed"
    lines.append(f"{told}: as far as this was seen, `make up ENV={env.name}` {would}.")
    return "\n".join(lines)
