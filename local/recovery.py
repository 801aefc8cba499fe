"""Brings the Pulumi state up to what there is, after a killed engine or a move to other ports."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from local.paths import Paths
from local.providers import created
from local.pulumi_stack import STACK, ask_engine, cut_off, latest, run_engine


def recover(paths: Paths, tell: Callable[[str], None]) -> str:
    """Settle the operations that were in flight; says what was done, or nothing when there were none.

    A creation is taken into the state when the plugin had noted its id, or struck off: `up` makes it again. A refresh
    then reads everything as it is, also what was being updated or deleted.
    """
    pending = latest(paths).get("pending_operations") or []
    if not pending:
        created.forget(paths.pulumi_home)
        return ""
    tell("finding out what a killed run had done")
    paths.run.mkdir(parents=True, exist_ok=True)
    cut_off(paths).touch()
    document = json.loads(ask_engine(paths, "stack", "export", "--stack", STACK))
    adopted = adopt(document["deployment"], created.noted(paths.pulumi_home))
    file = paths.run / "recovered.json"
    file.write_text(json.dumps(document))
    ask_engine(paths, "stack", "import", "--stack", STACK, "--file", str(file), "--non-interactive")
    run_engine(paths, "refresh", tell)
    created.forget(paths.pulumi_home)
    file.unlink()
    return f"a killed run had {len(pending)} operations in flight; {adopted} had made something"


def read_addresses(paths: Paths, tell: Callable[[str], None]) -> None:
    """Refresh what carries an address of a local service: AWS resources, not what is reached through such one."""
    urns = [one["urn"] for one in latest(paths).get("resources") or [] if one["type"].startswith("aws:")]
    if urns:
        run_engine(paths, "refresh", tell, [option for urn in urns for option in ("--target", urn)])


def adopt(deployment: dict[str, Any], ids: Mapping[str, str]) -> int:
    """Turn pending creations whose id is known into resources, and drop what else is pending; returns how many.

    The engine's own way, `pulumi refresh --import-pending-creates`, drops them all (3.259.0).
    """
    resources: list[dict[str, Any]] = deployment.setdefault("resources", [])
    adopted = 0
    for operation in deployment.pop("pending_operations", None) or []:
        resource = operation["resource"]
        urn = resource["urn"]
        if operation["type"] != "creating" or urn not in ids:
            continue
        same = [one for one in resources if one["urn"] == urn]
        if any(one.get("id") == ids[urn] for one in same):
            # The note is of an earlier creation, which the state has.
            continue
        for one in same:
            # Being replaced: the new one is there, so the old one is to be deleted, as the engine would have it.
            one["delete"] = True
        # With outputs it is read by its own id; without, the id would be taken for that of an import.
        resources.append({**resource, "id": ids[urn], "outputs": {"id": ids[urn]}})
        adopted += 1
    return adopted
