"""What the plugin has made, noted as soon as AWS has said its id.

An engine that is killed knows of an operation in flight only that it had begun. With this note the next `make local`
can tell it which resource came of it, instead of making a second one or failing because the first is there.
"""

import json
import os
from pathlib import Path

FILE = "created.jsonl"


def note(urn: str, resource_id: str) -> None:
    """Add a line to the note in PULUMI_HOME; one short write, so that lines of parallel creations stay whole."""
    home = os.environ.get("PULUMI_HOME")
    if not home:
        return
    line = json.dumps({"urn": urn, "id": resource_id}) + "\n"
    handle = os.open(Path(home) / FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def noted(home: Path) -> dict[str, str]:
    """Id by URN; where a URN was created several times, the last one."""
    try:
        lines = (home / FILE).read_text().splitlines()
    except FileNotFoundError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        try:
            entry = json.loads(line)
            found[entry["urn"]] = entry["id"]
        except (ValueError, KeyError):
            continue
    return found


def forget(home: Path) -> None:
    """Start an empty note: the engine has saved everything that was noted."""
    (home / FILE).unlink(missing_ok=True)
