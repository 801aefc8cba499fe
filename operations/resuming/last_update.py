"""How the stack's last update ended, as the engine's own history tells it."""

import json

from operations.engine_run import StackEngine


def last_update_failed(engine: StackEngine) -> bool:
    """Whether the newest entry of `pulumi stack history` failed; False where there is no history to be read."""
    done = engine.quiet("stack", "history", "--json", "--page-size", "1")
    if done.returncode:
        return False
    try:
        entries = json.loads(done.stdout)
    except ValueError:
        return False
    return bool(entries) and entries[0].get("result") == "failed"
