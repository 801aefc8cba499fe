"""Ports of the monitoring services: chosen free once a checkout, then kept.

They are apart from those of the stack itself: adding to these would move every checkout's API server.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from local.supervisor.ports import is_free

FIRST, LAST, BLOCK = 18000, 18999, 10
"""Range to choose from: outside of the stack's own (20000 on) and of model servers' (21000 on)."""


@dataclass(frozen=True)
class MonitoringPorts:
    """Loopback ports, one a purpose. `telemetry` is kube-state-metrics' second one, with metrics of itself."""

    prometheus: int
    kube_state_metrics: int
    telemetry: int
    node_exporter: int
    gpu_metrics: int


def choose_monitoring_ports(file: Path) -> MonitoringPorts:
    """The checkout's ports; the first call chooses them. Raises RuntimeError when no block is free."""
    names = [field.name for field in fields(MonitoringPorts)]
    try:
        values = json.loads(file.read_text())
        return MonitoringPorts(**{name: int(values[name]) for name in names})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass
    blocks = (LAST + 1 - FIRST) // BLOCK
    start = int.from_bytes(hashlib.sha256(str(file.resolve()).encode()).digest()[:4], "big") % blocks
    for step in range(blocks):
        first = FIRST + (start + step) % blocks * BLOCK
        candidates = range(first, first + len(names))
        if all(is_free(port) for port in candidates):
            ports = MonitoringPorts(**dict(zip(names, candidates, strict=True)))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(asdict(ports), indent=2) + "\n")
            return ports
    raise RuntimeError(f"no free block of {len(names)} ports between {FIRST} and {LAST} on 127.0.0.1")
