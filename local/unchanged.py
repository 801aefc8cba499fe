"""Whether `pulumi up` would find the same program, settings and state as when it last succeeded.

Without a refresh, `pulumi up` compares the program with the recorded state and never looks at the platform itself: the
same program on the same state makes the same nothing, so a second `make local` need not run it.
"""

import hashlib
from pathlib import Path

from local.paths import Paths

INPUTS = (
    "Pulumi.yaml",
    "Pulumi.local.yaml",
    "requirements.txt",
    "infra",
    "components",
    "platform_contract",
    "local/providers",
    "local/language_host",
)
"""What decides the outcome besides the state: the program, its settings, and the plugins."""
DATA = (".py", ".yaml", ".yml", ".json", ".sh")


def since_last_up(paths: Paths) -> bool:
    """True when nothing that `pulumi up` reads differs from what `remember_up` saw."""
    try:
        return _memory(paths).read_text() == fingerprint(paths)
    except OSError:
        return False


def remember_up(paths: Paths) -> None:
    """Note that an `up` has succeeded."""
    _memory(paths).write_text(fingerprint(paths))


def fingerprint(paths: Paths) -> str:
    """A hash of INPUTS and of the stack's state, which every other run of the engine changes."""
    digest = hashlib.sha256()
    roots = [paths.checkout / name for name in INPUTS] + [paths.pulumi_state / ".pulumi" / "stacks"]
    for root in roots:
        for file in [root] if root.is_file() else sorted(root.rglob("*")):
            if file.suffix in DATA or root.is_file():
                digest.update(f"{file.relative_to(paths.checkout)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _memory(paths: Paths) -> Path:
    return paths.local / "last-up"
