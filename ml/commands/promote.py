"""`ml promote`."""

import difflib
from pathlib import Path
from typing import Any

from ml.commands.output import Format, print_json, say
from ml.environment import open_environment
from ml.errors import ExitCode, SpecError
from ml.registry import promotion
from ml.registry.aliases import ALIASES, CHALLENGER
from ml.registry.packages import PENDING
from ml.registry.promotion import Promoted
from ml.registry.proposal import Promoting


def promote(
    reference: str, *, env: str | None, output: Format, to: str, spec_file: Path | None, source: str | None
) -> ExitCode:
    """Give a version an alias, if its gates let it."""
    if to not in ALIASES:
        close = difflib.get_close_matches(to, ALIASES, n=1)
        raise SpecError(f"--to: {to!r} is no alias; " + (f"did you mean {close[0]}?" if close else ", ".join(ALIASES)))
    environment = open_environment(env)
    if source is not None:
        from ml.registry.copying import copy_version

        reference = copy_version(open_environment(source), environment, reference, say)
    promoting = promotion.look_up(environment, reference, spec_file)
    say(f"{promoting.name} of the run {promoting.record.job}, to {to} in {environment.name}")
    promoted = promotion.promote(promoting, to, lambda status: say(f"· gates: {status}"))
    if promoted.package:
        from ml.registry.cards import store_card

        store_card(promoting.environment, promoting.contract, promoting.team, promoting.version)
    if output is Format.JSON:
        print_json(_document(promoting, promoted))
    else:
        _print(promoting, promoted)
    refused = promoted.evidence is not None and not promoted.evidence.passed
    return ExitCode.REFUSED if refused else ExitCode.OK


def _document(promoting: Promoting, promoted: Promoted) -> dict[str, Any]:
    evidence = promoted.evidence
    return {
        "model": promoting.version.name,
        "version": promoting.version.version,
        "aliases": list(promoted.aliases),
        "changed": promoted.changed,
        "package": promoted.package,
        "status": promoted.status,
        "passed": evidence.passed if evidence else None,
        "gates": evidence.report["results"] if evidence else [],
        "report": evidence.uri if evidence else None,
        "job": evidence.job if evidence else None,
    }


def _print(promoting: Promoting, promoted: Promoted) -> None:
    name, where = promoting.name, promoting.contract.platform.environment
    if promoted.evidence is not None:
        for result in promoted.evidence.report["results"]:
            print(f"  {'passed ' if result['passed'] else 'REFUSED'}  {result['gate']}: {result['text']}")
        if not promoted.evidence.passed:
            refused = promoted.evidence.refused
            count = (
                f"{len(refused)} gate{'s' if len(refused) > 1 else ''} of {len(promoted.evidence.report['results'])}"
            )
            print(f"{name} is not promoted: {count} refused it. The report: {promoted.evidence.uri}")
            return
    if promoted.status == PENDING:
        print(f"{name} is the {CHALLENGER} and waits for approval by somebody else: ml approve {name} --env {where}")
    elif not promoted.changed:
        print(f"{name} is the {promoted.aliases[0]} already.")
    else:
        print(f"{name} is the {promoted.aliases[0]} of {where}.")
