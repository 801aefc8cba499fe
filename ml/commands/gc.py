"""`ml gc`: what is nobody's or has expired, what it costs, and its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ml.audit import AuditLog, Line
from ml.commands.output import Format, print_json, say, table
from ml.environment import Environment, chosen_team, open_environment, readable_errors, team_names
from ml.errors import ExitCode, MlError
from ml.garbage import compare
from ml.garbage.compare import Action, Item, Rules
from ml.garbage.costs import cost_of
from ml.garbage.sweep import Sweep
from ml.garbage.things import JOB_KINDS, Cloud, Inventory
from ml.ledger import Entry, Ledger, LedgerError
from platform_contract import PlatformContract


def gc(
    *, env: str | None, output: Format, team: str | None, yes: bool, young: int | None, unused: int | None
) -> ExitCode:
    """Name what is nobody's or has expired, and with `yes` remove it.

    young: seconds that something must have been there to be judged. unused: seconds that a model or a configuration
    that nothing uses is kept.
    """
    environment = open_environment(env)
    name = chosen_team(environment, team)
    contract = environment.for_team(name)
    rules = _rules(young, unused)
    with readable_errors(environment):
        found = look(environment, contract, name, rules)
        done = _sweep(Sweep(environment, contract, name, found.lines), found.items) if yes else []
    if output is Format.JSON:
        print_json(_document(contract, found, done, changed=yes))
    else:
        _print(environment, contract, name, found, changed=yes)
    return ExitCode.JOB_FAILED if any("error" in one for one in done) else ExitCode.OK


@dataclass(frozen=True)
class Found:
    """What a comparison is made of, and what it says is to be done.

    teamless: what is no team's, which is only named.
    """

    inventory: Inventory
    lines: Sequence[Line]
    items: Sequence[Item]
    teamless: Sequence[str]


def look(environment: Environment, contract: PlatformContract, team: str, rules: Rules) -> Found:
    """Compare a team's ledger with the cloud. Changes nothing."""
    cloud = Cloud(environment, team, team_names(environment), contract.teams[team].artifact_uri)
    # The ledger first: what is made in between then has no entry here, and is too young to be judged.
    # Of what is closed only jobs matter: their uploads stay, so that they can be run again.
    entries = Ledger(environment, contract, team).entries(closed=JOB_KINDS)
    if broken := [entry.key.folder for entry in entries if entry.unreadable]:
        raise LedgerError(f"The ledger has entries that cannot be read ({', '.join(broken)}): `ml audit verify`.")
    inventory = cloud.inventory()
    lines = AuditLog(environment, contract, team).lines()
    # What became of a deletion is settled before its entry is closed, which then says by which line.
    items = [*compare.intents(lines, rules), *compare.unnoticed(inventory, lines)]
    items += compare.compare(inventory, entries, rules, cloud.with_owner)
    items += compare.uploads(inventory, _read(cloud, inventory, entries), rules)
    items += compare.hosted(inventory, rules)
    return Found(inventory, lines, items, cloud.teamless())


def _rules(young: int | None, unused: int | None) -> Rules:
    rules = Rules(now=datetime.now(UTC))
    return Rules(
        now=rules.now,
        young=rules.young if young is None else timedelta(seconds=young),
        unused=rules.unused if unused is None else timedelta(seconds=unused),
    )


def _read(cloud: Cloud, inventory: Inventory, entries: Sequence[Entry]) -> set[str]:
    """What runs read: by the ledger, and of jobs that it does not know, by their own description."""
    listed = {entry.key.name for entry in entries if entry.key.kind == "training-job"}
    found = compare.reads(inventory, entries)
    for job in inventory.of("training-job"):
        if job.name not in listed:
            found.update(cloud.reads_of(job.name))
    return found


def _sweep(sweep: Sweep, items: Sequence[Item]) -> list[dict[str, Any]]:
    done: list[dict[str, Any]] = []
    for item in items:
        try:
            outcome = {"done": sweep.do(item)}
            say(f"{item.kind} {item.name}: {outcome['done']}")
        except MlError as error:
            outcome = {"error": str(error)}
            say(f"{item.kind} {item.name}: {error}")
        done.append(outcome)
    return done


def _print(environment: Environment, contract: PlatformContract, team: str, found: Found, *, changed: bool) -> None:
    region = contract.platform.region
    for kind in found.inventory.unseen:
        say(f"Not looked at: {kind} (the caller may not list them)")
    if found.teamless:
        print(f"No team's, and for an administrator to judge: {', '.join(found.teamless)}.")
    if not found.items:
        things = len(found.inventory.things)
        print(f"Nothing of {team} is nobody's, and nothing has expired ({things} things looked at).")
        return
    rows: list[tuple[str, ...]] = []
    for item in found.items:
        cost = cost_of(item.thing, region).text if item.thing is not None and item.action is Action.REMOVE else ""
        rows.append((item.action.value, item.kind, item.name, item.owner, cost, item.says))
    print(table(("DO", "KIND", "NAME", "OWNER", "COSTS", "WHY"), rows))
    total, unknown = _total(found.items, region)
    if removed := sum(1 for item in found.items if item.action is Action.REMOVE):
        more = f", and {unknown} whose price nobody knows" if unknown else ""
        does = "less now" if changed else "to be saved"
        print(f"{removed} to remove: {total:,.2f} USD a month {does}{more}.")
    if not changed:
        print(f"Nothing was changed. To do it: ml gc --team {team} -y --env {environment.name}")


def _total(items: Sequence[Item], region: str) -> tuple[float, int]:
    costs = [cost_of(item.thing, region) for item in items if item.thing is not None and item.action is Action.REMOVE]
    return sum(cost.usd_month for cost in costs), sum(not cost.known for cost in costs)


def _document(
    contract: PlatformContract, found: Found, done: Sequence[dict[str, Any]], *, changed: bool
) -> dict[str, Any]:
    region = contract.platform.region
    total, unknown = _total(found.items, region)
    documents: list[dict[str, Any]] = []
    for number, item in enumerate(found.items):
        cost = cost_of(item.thing, region) if item.thing is not None and item.action is Action.REMOVE else None
        documents.append(
            {
                "action": item.action.value,
                "kind": item.kind,
                "name": item.name,
                "owner": item.owner,
                "why": item.why,
                "says": item.says,
                "usd_month": round(cost.usd_month, 4) if cost is not None and cost.known else None,
                **(done[number] if done else {}),
            }
        )
    return {
        "changed": changed,
        "items": documents,
        "usd_month": round(total, 4),
        "unpriced": unknown,
        "looked_at": len(found.inventory.things),
        "unseen": found.inventory.unseen,
        "teamless": list(found.teamless),
    }
