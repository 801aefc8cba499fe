"""The monitoring services, described for the supervisor, which runs them once somebody has asked for them."""

import functools
import json
import os
import shutil
import sys
import time
from pathlib import Path

from local.environment import aws_environment
from local.kubernetes.services import api_server_url
from local.monitoring.configuration import kube_state_metrics_arguments, rules_folder, write_configuration
from local.monitoring.ports import MonitoringPorts, choose_monitoring_ports
from local.paths import Paths
from local.supervisor.ports import Ports
from local.supervisor.spec import ServiceSpec

KEPT = "15d"
SYNC_IS_LATE_S = 60.0


def ports_file(paths: Paths) -> Path:
    """File of the kept ports."""
    return paths.local / "monitoring-ports.json"


def sync_marker(paths: Paths) -> Path:
    """A file that `local.monitoring.rule_sync` touches each time that it has looked at the stack's rules."""
    return paths.run / "rules-synced"


def forget(paths: Paths) -> None:
    """Nobody asks for monitoring any more, and what it measured was of a stack that is gone."""
    paths.monitoring_request.unlink(missing_ok=True)
    shutil.rmtree(paths.prometheus_data, ignore_errors=True)


class MonitoringOnRequest:
    """The services for as long as the request file is there; the supervisor asks again and again."""

    def __init__(self, paths: Paths, ports: Ports):
        self._paths = paths
        self._ports = ports
        self._text = ""
        self._specs: list[ServiceSpec] = []

    def __call__(self) -> list[ServiceSpec]:
        """What ought to run now; nothing when nobody has asked, or a program is gone."""
        try:
            text = self._paths.monitoring_request.read_text()
        except FileNotFoundError:
            self._text, self._specs = "", []
            return []
        if text != self._text:
            self._text, self._specs = text, self._described(text)
        return self._specs

    def _described(self, text: str) -> list[ServiceSpec]:
        try:
            programs = {name: Path(path) for name, path in json.loads(text)["programs"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            return []
        if not all(program.exists() for program in programs.values()):
            return []
        own = choose_monitoring_ports(ports_file(self._paths))
        write_configuration(self._paths, self._ports, own)
        return monitoring_services(self._paths, self._ports, own, programs)


def monitoring_services(
    paths: Paths, ports: Ports, own: MonitoringPorts, programs: dict[str, Path]
) -> list[ServiceSpec]:
    """Prometheus and what it scrapes besides the stack's own services.

    programs: paths of prometheus, kube-state-metrics and node_exporter.
    """
    return [
        _service(
            paths,
            "kube-state-metrics",
            own.kube_state_metrics,
            (str(programs["kube-state-metrics"]), *kube_state_metrics_arguments(paths, own)),
            "/healthz",
            depends_on=("kube-apiserver",),
        ),
        _service(
            paths,
            "node-exporter",
            own.node_exporter,
            (str(programs["node_exporter"]), f"--web.listen-address=127.0.0.1:{own.node_exporter}"),
            "/",
        ),
        _service(
            paths,
            "gpu-metrics",
            own.gpu_metrics,
            (
                *(sys.executable, "-m", "local.monitoring.gpu_metrics", "--port", str(own.gpu_metrics)),
                *("--server", api_server_url(ports), "--certificates", str(paths.kubernetes)),
            ),
            "/healthz",
            depends_on=("kube-apiserver",),
        ),
        _service(
            paths,
            "prometheus",
            own.prometheus,
            (
                str(programs["prometheus"]),
                f"--config.file={paths.monitoring / 'prometheus.yml'}",
                f"--storage.tsdb.path={paths.prometheus_data}",
                f"--storage.tsdb.retention.time={KEPT}",
                f"--web.listen-address=127.0.0.1:{own.prometheus}",
                # Rules are loaded anew as the stack's change; jobs write what they measure, as into Amazon's service.
                "--web.enable-lifecycle",
                "--web.enable-remote-write-receiver",
            ),
            "/-/ready",
            depends_on=("kube-apiserver",),
        ),
        ServiceSpec(
            name="rule-sync",
            command=(
                *(sys.executable, "-m", "local.monitoring.rule_sync"),
                *("--prometheus", prometheus_url(own)),
                *("--folder", str(rules_folder(paths))),
                *("--marker", str(sync_marker(paths))),
            ),
            environment={**_python_path(paths), **aws_environment(paths, ports)},
            health=functools.partial(_is_recent, sync_marker(paths)),
            # It listens nowhere.
            address="",
            log_file=paths.log("rule-sync"),
            depends_on=("aws", "prometheus"),
        ),
    ]


def prometheus_url(own: MonitoringPorts) -> str:
    """Address of the local Prometheus."""
    return f"http://127.0.0.1:{own.prometheus}"


def _service(
    paths: Paths, name: str, port: int, command: tuple[str, ...], health: str, depends_on: tuple[str, ...] = ()
) -> ServiceSpec:
    address = f"http://127.0.0.1:{port}"
    return ServiceSpec(
        name=name,
        command=command,
        environment=_python_path(paths),
        health=f"{address}{health}",
        address=address,
        log_file=paths.log(name),
        depends_on=depends_on,
    )


def _python_path(paths: Paths) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(paths.checkout), os.environ.get("PYTHONPATH"))))}


def _is_recent(marker: Path) -> bool:
    return time.time() - marker.stat().st_mtime < SYNC_IS_LATE_S
