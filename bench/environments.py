"""The peers' own Python environments, made from hash-locked requirements."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class BenchError(Exception):
    """A measurement cannot be made; the message says what is missing and what to do."""


def peer_python(name: str) -> Path:
    """The interpreter of a peer's environment, `.venv-bench-<name>` in the checkout; made when missing or outdated.

    name: the lock is `bench/requirements-<name>.txt`. Raises BenchError.
    """
    lock = ROOT / "bench" / f"requirements-{name}.txt"
    folder = ROOT / f".venv-bench-{name}"
    python = folder / "bin" / "python"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = folder / ".lock-sha256"
    if stamp.exists() and stamp.read_text() == wanted and python.exists():
        return python
    uv = _uv()
    say(f"installing {folder.name} from {lock.name} …")
    _run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
    _run([uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(lock)])
    stamp.write_text(wanted)
    return python


def say(text: str) -> None:
    """Progress for a person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def _uv() -> str:
    for candidate in (shutil.which("uv"), str(ROOT / ".groundwork" / "bootstrap" / "bin" / "uv")):
        if candidate and Path(candidate).exists():
            return candidate
    raise BenchError("uv is needed to install the peers and is not on PATH. Run `make install`, or install uv.")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-15:])
        raise BenchError(f"{' '.join(command[:3])} … failed:\n{tail}")
