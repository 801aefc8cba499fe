"""`python -m local.monitoring.rule_sync`: keeps Prometheus' rules those of the stack's own AMP workspaces.

What Amazon Managed Service for Prometheus would evaluate on AWS, the local Prometheus evaluates: each rule-group
namespace becomes a rule file. While no workspace is there, the rule files of the repository stand in.
"""

import argparse
import logging
import signal
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPOSITORY_RULES = Path(__file__).resolve().parents[2] / "components" / "monitoring" / "rules"
INTERVAL_S = 5.0

logger = logging.getLogger(__name__)


def stack_rules(client: Any) -> dict[str, str]:
    """Rule files by name, of every rule-group namespace of every workspace; `client` is boto3's for `amp`."""
    files: dict[str, str] = {}
    for page in client.get_paginator("list_workspaces").paginate():
        for workspace in page["workspaces"]:
            identifier = workspace["workspaceId"]
            listed = client.get_paginator("list_rule_groups_namespaces").paginate(workspaceId=identifier)
            for namespaces in listed:
                for each in namespaces["ruleGroupsNamespaces"]:
                    found = client.describe_rule_groups_namespace(workspaceId=identifier, name=each["name"])
                    text = found["ruleGroupsNamespace"]["data"].decode()
                    files[f"{workspace.get('alias') or identifier}-{each['name']}.yaml"] = text
    return files


def repository_rules(folder: Path = REPOSITORY_RULES) -> dict[str, str]:
    """The rule files that every stack gets."""
    return {file.name: file.read_text() for file in sorted(folder.glob("*.yaml"))}


def write_rules(folder: Path, wanted: Mapping[str, str]) -> bool:
    """Make the folder's rule files those that are wanted; True when something changed."""
    folder.mkdir(parents=True, exist_ok=True)
    there = {file.name: file.read_text() for file in folder.glob("*.yaml")}
    if there == dict(wanted):
        return False
    for name in there.keys() - wanted.keys():
        (folder / name).unlink()
    for name, text in wanted.items():
        draft = folder / f"{name}.new"
        draft.write_text(text)
        draft.replace(folder / name)
    return True


def reload(prometheus: str) -> str:
    """Have Prometheus read its rules again; says why it refused, or nothing. It then keeps those that it had."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(f"{prometheus}/-/reload", method="POST"), timeout=10):  # noqa: S310
            return ""
    except urllib.error.HTTPError as error:
        return error.read().decode(errors="replace").strip()


def sync(client: Any, prometheus: str, folder: Path) -> None:
    """Look once. Raises OSError or botocore's errors where one of the two does not answer."""
    wanted = stack_rules(client)
    source = f"{len(wanted)} rule-group namespaces of the stack" if wanted else "the repository, as there is no stack"
    if write_rules(folder, wanted or repository_rules()):
        refused = reload(prometheus)
        logger.info("rules of %s: %s", source, f"refused: {refused}" if refused else "loaded")


def main(arguments: list[str] | None = None) -> int:
    """Look until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m local.monitoring.rule_sync", description=__doc__)
    parser.add_argument("--prometheus", required=True, help="address of Prometheus")
    parser.add_argument("--folder", type=Path, required=True, help="folder of its rule files")
    parser.add_argument("--marker", type=Path, required=True, help="file to touch after each look")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.Session().client("amp")
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    while not stopping.is_set():
        try:
            sync(client, options.prometheus, options.folder)
            options.marker.touch()
        except (OSError, BotoCoreError, ClientError) as error:
            logger.warning("cannot look at the stack's rules: %s", error)
        stopping.wait(INTERVAL_S)
    return 0


if __name__ == "__main__":
    sys.exit(main())
