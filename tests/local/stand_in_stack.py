"""A stack of small real processes for the supervisor's tests, described by <checkout>/stack.json.

Each entry: name, port, needs, and `does`: serve, exit, never, stubborn, parent, or full.
"""

import json
import sys
from pathlib import Path

from local.paths import Paths
from local.supervisor.daemon import Stack
from local.supervisor.spec import ServiceSpec

PROGRAM = """
import http.server, os, signal, subprocess, sys, time
does, port = sys.argv[1], int(sys.argv[2])
print("hello from", does, flush=True)
if does == "exit":
    print("ValueError: the database is from the future", flush=True)
    sys.exit(3)
if does == "full":
    print("write /data/wal: no space left on device", flush=True)
    sys.exit(1)
if does == "never":
    time.sleep(600)
if does == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if does == "parent":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    open("child.pid", "w").write(str(child.pid))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(500 if os.path.exists(f"sick-{port}") else 200); self.end_headers()
    def log_message(self, *args): pass
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def stack(paths: Paths) -> Stack:
    """What the supervisor of a test runs."""
    entries = json.loads((paths.checkout / "stack.json").read_text())

    def on_request() -> list[ServiceSpec]:
        asked = paths.checkout / "asked.json"
        return [_spec(paths, json.loads(asked.read_text()))] if asked.exists() else []

    return Stack([_spec(paths, entry) for entry in entries], on_request)


def _spec(paths: Paths, entry: dict) -> ServiceSpec:
    address = f"http://127.0.0.1:{entry['port']}"
    return ServiceSpec(
        name=entry["name"],
        command=(sys.executable, "-c", PROGRAM, entry["does"], str(entry["port"])),
        environment={"STAND_IN": entry["name"]},
        health=f"{address}/health",
        address=address,
        log_file=Path(entry["log"]) if "log" in entry else paths.log(entry["name"]),
        depends_on=tuple(entry.get("needs", ())),
        start_timeout_s=entry.get("timeout", 20),
        stop_grace_s=entry.get("grace", 5),
    )
