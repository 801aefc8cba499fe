"""`python -m local.monitoring.gpu_metrics`: a stand-in for NVIDIA's DCGM exporter, where there is no GPU to ask.

It shows the metrics that the exporter shows, for the GPUs that the API server knows of: one for each `nvidia.com/gpu`
of each node's capacity, held by the running pods that ask for one there. What no API server knows is stood in for: a
GPU's use is what the annotation `groundwork.local/gpu-utilization` of its pod says (percent), and 0 without one; its
memory is what the node's label `eks.amazonaws.com/instance-gpu-memory` says (MiB); power, temperature and errors are 0.
Names and labels: https://github.com/NVIDIA/dcgm-exporter/blob/main/etc/default-counters.csv
"""

import argparse
import signal
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.kubernetes.api import ApiClient, ApiError, Endpoint
from local.kubernetes.certificates import ControlPlaneFiles

RESOURCE = "nvidia.com/gpu"
UTILIZATION = "groundwork.local/gpu-utilization"
GPU_NAME, GPU_MEMORY = "eks.amazonaws.com/instance-gpu-name", "eks.amazonaws.com/instance-gpu-memory"
"""Labels of Auto Mode's nodes (https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html)."""
HELP = {
    "DCGM_FI_DEV_GPU_UTIL": "GPU utilization (in %).",
    "DCGM_FI_DEV_MEM_COPY_UTIL": "Memory utilization (in %).",
    "DCGM_FI_DEV_FB_USED": "Framebuffer memory used (in MiB).",
    "DCGM_FI_DEV_FB_FREE": "Framebuffer memory free (in MiB).",
    "DCGM_FI_DEV_POWER_USAGE": "Power draw (in W).",
    "DCGM_FI_DEV_GPU_TEMP": "GPU temperature (in C).",
    "DCGM_FI_DEV_XID_ERRORS": "Value of the last XID error encountered.",
}


def exposition(nodes: list[dict[str, Any]], pods: list[dict[str, Any]]) -> str:
    """The metrics in Prometheus' text format, from lists of Node and Pod objects."""
    holders: dict[str, list[tuple[dict[str, Any], str]]] = defaultdict(list)
    for pod in pods:
        if (pod.get("status") or {}).get("phase") == "Running" and (node := pod["spec"].get("nodeName")):
            holders[node].extend(_held(pod))
    lines: dict[str, list[str]] = {name: [] for name in HELP}
    for node in nodes:
        name = node["metadata"]["name"]
        for index in range(_count((node.get("status") or {}).get("capacity"))):
            holder = holders[name][index] if index < len(holders[name]) else None
            labels = _labels(node, index, holder)
            for metric, value in _values(node, holder):
                lines[metric].append(f"{metric}{{{labels}}} {value:g}")
    text: list[str] = []
    for metric, help_text in HELP.items():
        text += [f"# HELP {metric} {help_text}", f"# TYPE {metric} gauge", *lines[metric]]
    return "\n".join(text) + "\n"


def _held(pod: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """The pod and a container's name, once for each GPU that the container asks for."""
    for container in pod["spec"].get("containers") or []:
        for _ in range(_count((container.get("resources") or {}).get("limits"))):
            yield pod, container["name"]


def _count(resources: Mapping[str, Any] | None) -> int:
    return int((resources or {}).get(RESOURCE) or 0)


def _labels(node: dict[str, Any], index: int, holder: tuple[dict[str, Any], str] | None) -> str:
    name = node["metadata"]["name"]
    labels = {
        "gpu": str(index),
        "UUID": f"GPU-{node['metadata'].get('uid') or name}-{index}",
        "device": f"nvidia{index}",
        "modelName": (node["metadata"].get("labels") or {}).get(GPU_NAME, "stand-in"),
        "Hostname": name,
    }
    if holder is not None:
        pod, container = holder
        labels |= {"namespace": pod["metadata"]["namespace"], "pod": pod["metadata"]["name"], "container": container}
    return ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _values(node: dict[str, Any], holder: tuple[dict[str, Any], str] | None) -> Iterator[tuple[str, float]]:
    annotations = (holder[0]["metadata"].get("annotations") or {}) if holder else {}
    use = _number(annotations.get(UTILIZATION))
    memory = _number((node["metadata"].get("labels") or {}).get(GPU_MEMORY))
    used = memory * min(use, 100.0) / 100
    yield "DCGM_FI_DEV_GPU_UTIL", use
    yield "DCGM_FI_DEV_MEM_COPY_UTIL", use
    yield "DCGM_FI_DEV_FB_USED", used
    yield "DCGM_FI_DEV_FB_FREE", memory - used
    for metric in ("DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_GPU_TEMP", "DCGM_FI_DEV_XID_ERRORS"):
        yield metric, 0.0


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def serve(client: ApiClient, port: int) -> ThreadingHTTPServer:
    """A server on 127.0.0.1 that asks the API server at each scrape."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/healthz":
                self._answer(200, "ok\n")
                return
            try:
                nodes = client.get("/api/v1/nodes").get("items") or []
                pods = client.get("/api/v1/pods", fieldSelector="status.phase=Running").get("items") or []
            except ApiError as error:
                self._answer(503, f"{error.message}\n")
                return
            self._answer(200, exposition(nodes, pods))

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """A line a scrape is of no use to anybody."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m local.monitoring.gpu_metrics", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--server", required=True, help="address of the API server")
    parser.add_argument("--certificates", type=Path, required=True, help="folder of the control plane's certificates")
    options = parser.parse_args(arguments)
    files = ControlPlaneFiles(options.certificates)
    endpoint = Endpoint(
        server=options.server,
        certificate_authority=files.authority.certificate,
        client_certificate=(files.monitoring.certificate, files.monitoring.key),
    )
    server = serve(ApiClient(endpoint), options.port)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
