"""Ports of a checkout's services: chosen free once, then kept."""

import hashlib
import json
import socket
from dataclasses import asdict, dataclass, fields
from pathlib import Path

FIRST, LAST, BLOCK = 20000, 31999, 10
"""Range to choose from: below those that Linux hands out by itself (32768 and up), so a kept port stays ours."""


@dataclass(frozen=True)
class Ports:
    """Loopback ports, one a purpose. `etcd_peer` is only there because etcd insists on having one."""

    aws: int
    kubernetes: int
    etcd: int
    etcd_peer: int
    controller_manager: int
    mlflow: int


def is_free(port: int) -> bool:
    """True when a server could listen on the loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def kept_ports(file: Path) -> Ports | None:
    """Ports written earlier, or None when there are none or the file cannot be understood."""
    try:
        values = json.loads(file.read_text())
        return Ports(**{field.name: int(values[field.name]) for field in fields(Ports)})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def choose_ports(file: Path) -> Ports:
    """Return the checkout's ports; the first call picks a block of free ones and writes the file.

    Where the search starts comes from the file's own path, so that two checkouts choose different blocks even while
    neither runs. Raises RuntimeError when no block is free.
    """
    return kept_ports(file) or _choose(file, None)


def move_ports(file: Path) -> Ports:
    """Choose other ports than the checkout has, for good."""
    return _choose(file, kept_ports(file))


def _choose(file: Path, avoid: Ports | None) -> Ports:
    names = [field.name for field in fields(Ports)]
    blocks = (LAST + 1 - FIRST) // BLOCK
    start = int.from_bytes(hashlib.sha256(str(file.resolve()).encode()).digest()[:4], "big") % blocks
    for step in range(blocks):
        first = FIRST + (start + step) % blocks * BLOCK
        candidates = range(first, first + len(names))
        if (avoid is None or first != avoid.aws) and all(is_free(port) for port in candidates):
            ports = Ports(**dict(zip(names, candidates, strict=True)))
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = file.with_suffix(".new")
            draft.write_text(json.dumps(asdict(ports), indent=2) + "\n")
            draft.replace(file)
            return ports
    raise RuntimeError(f"no free block of {len(names)} ports between {FIRST} and {LAST} on 127.0.0.1")
