"""The local Prometheus' parts: what it scrapes, where its rules come from, and the stand-in for GPU metrics."""

import contextlib
import json
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from components.monitoring.kube_state_metrics import CUSTOM, WATCHED, arguments
from components.monitoring.metrics import PROMETHEUS
from local.monitoring import configuration
from local.monitoring.command import LISTED, reading_rights
from local.monitoring.configuration import kube_state_metrics_arguments, prometheus
from local.monitoring.gpu_metrics import exposition
from local.monitoring.ports import MonitoringPorts, choose_monitoring_ports
from local.monitoring.rule_sync import repository_rules, sync
from local.monitoring.services import MonitoringOnRequest, forget
from local.paths import Paths
from local.supervisor.ports import Ports

pytestmark = pytest.mark.unit
PORTS = Ports(aws=1, kubernetes=2, etcd=3, etcd_peer=4, controller_manager=5, mlflow=6)
OWN = MonitoringPorts(prometheus=11, kube_state_metrics=12, telemetry=13, node_exporter=14, gpu_metrics=15)


def test_every_job_that_is_scraped_on_aws_is_scraped_here_by_the_same_name(tmp_path: Path):
    here = {job["job_name"] for job in prometheus(Paths(tmp_path), PORTS, OWN)["scrape_configs"]}
    not_scraped = {"rules", "model-monitoring", "kube-state-metrics-custom"}
    assert set(PROMETHEUS) - not_scraped <= here


def test_kube_state_metrics_counts_here_what_it_counts_on_aws(tmp_path: Path):
    def told(flags: tuple[str, ...]) -> set[str]:
        return {flag for flag in flags if flag.startswith(("--resources", "--metric-labels"))}

    assert told(kube_state_metrics_arguments(Paths(tmp_path), OWN)) == told(arguments("x"))
    assert configuration.CUSTOM_RESOURCES.is_file()


def test_the_monitoring_user_may_read_what_is_counted_and_nothing_else():
    on_aws = {group: set(resources) for group, resources in {**WATCHED, **CUSTOM}.items()}
    assert {group: set(resources) for group, resources in LISTED.items()} == on_aws
    rules = reading_rights()["clusterroles"]["rules"]
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert [rule for rule in rules if "get" in rule["verbs"]] == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]


def test_the_services_run_from_the_request_on_and_end_with_it(tmp_path: Path):
    paths = Paths(tmp_path)
    wanted = MonitoringOnRequest(paths, PORTS)
    assert wanted() == []
    programs = {}
    for name in ("prometheus", "promtool", "kube-state-metrics", "node_exporter"):
        programs[name] = str(tmp_path / name)
        (tmp_path / name).touch()
    paths.run.mkdir(parents=True)
    paths.monitoring_request.write_text(json.dumps({"programs": programs}))
    names = [service.name for service in wanted()]
    assert names == ["kube-state-metrics", "node-exporter", "gpu-metrics", "prometheus", "rule-sync"]
    assert wanted() == wanted()
    paths.monitoring_request.unlink()
    assert wanted() == []


def test_the_end_of_the_stack_is_the_end_of_its_monitoring(tmp_path: Path):
    paths = Paths(tmp_path)
    paths.run.mkdir(parents=True)
    paths.prometheus_data.mkdir(parents=True)
    paths.monitoring_request.write_text("{}")
    for _ in range(2):
        forget(paths)
    assert not paths.monitoring_request.exists()
    assert not paths.prometheus_data.exists()


def test_a_request_whose_programs_are_gone_starts_nothing(tmp_path: Path):
    paths = Paths(tmp_path)
    paths.run.mkdir(parents=True)
    paths.monitoring_request.write_text(json.dumps({"programs": {"prometheus": str(tmp_path / "gone")}}))
    assert MonitoringOnRequest(paths, PORTS)() == []


def test_ports_are_kept(tmp_path: Path):
    file = tmp_path / "ports.json"
    first = choose_monitoring_ports(file)
    assert choose_monitoring_ports(file) == first
    assert len({first.prometheus, first.kube_state_metrics, first.telemetry, first.node_exporter}) == 4


def node(gpus: int) -> dict[str, Any]:
    labels = {"eks.amazonaws.com/instance-gpu-name": "a10g", "eks.amazonaws.com/instance-gpu-memory": "24576"}
    capacity = {"cpu": "4", "nvidia.com/gpu": str(gpus)}
    return {"metadata": {"name": "n1", "uid": "u", "labels": labels}, "status": {"capacity": capacity}}


def pod(phase: str = "Running", **annotations: str) -> dict[str, Any]:
    container = {"name": "main", "resources": {"limits": {"nvidia.com/gpu": "1"}}}
    return {
        "metadata": {"name": "train-0", "namespace": "vision", "annotations": annotations},
        "spec": {"nodeName": "n1", "containers": [container]},
        "status": {"phase": phase},
    }


def samples(text: str, metric: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"{metric}{{")]


def test_the_stand_in_shows_each_gpu_and_the_pod_that_holds_it():
    text = exposition([node(2)], [pod(**{"groundwork.local/gpu-utilization": "40"})])
    first, second = samples(text, "DCGM_FI_DEV_GPU_UTIL")
    assert first == (
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-u-0",device="nvidia0",modelName="a10g",Hostname="n1",'
        'namespace="vision",pod="train-0",container="main"} 40'
    )
    assert "pod=" not in second
    assert second.endswith(" 0")


def test_the_stand_in_says_idle_of_a_pod_that_says_nothing():
    assert samples(exposition([node(1)], [pod()]), "DCGM_FI_DEV_GPU_UTIL")[0].endswith('container="main"} 0')


def test_the_stand_in_gives_no_gpu_to_a_pod_that_waits_and_shows_none_on_a_node_without():
    assert "train-0" not in exposition([node(1)], [pod("Pending")])
    assert samples(exposition([node(0)], []), "DCGM_FI_DEV_GPU_UTIL") == []


class Amp:
    """Two pages of what boto3's client for `amp` answers."""

    def __init__(self, rules: dict[str, str]):
        self.rules = rules

    def get_paginator(self, operation: str) -> Any:
        workspaces = [{"workspaceId": "ws-1", "alias": "groundwork-dev"}] if self.rules else []
        answers: dict[str, dict[str, Any]] = {
            "list_workspaces": {"workspaces": workspaces},
            "list_rule_groups_namespaces": {"ruleGroupsNamespaces": [{"name": name} for name in self.rules]},
        }

        class Paginator:
            def paginate(self, **_: str) -> list[dict[str, Any]]:
                return [answers[operation]]

        return Paginator()

    def describe_rule_groups_namespace(self, workspaceId: str, name: str) -> dict[str, Any]:  # noqa: N803
        return {"ruleGroupsNamespace": {"data": self.rules[name].encode()}}


@contextlib.contextmanager
def prometheus_that_counts() -> Generator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked
    server.shutdown()


def test_the_rules_of_the_stacks_workspace_replace_those_of_the_repository(tmp_path: Path):
    with prometheus_that_counts() as (url, asked):
        sync(Amp({}), url, tmp_path)
        assert {file.name for file in tmp_path.iterdir()} == set(repository_rules())
        sync(Amp({"gpus": "groups: []\n"}), url, tmp_path)
        assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
            "groundwork-dev-gpus.yaml": "groups: []\n"
        }
        assert asked == ["/-/reload", "/-/reload"]


def test_prometheus_is_left_alone_while_the_rules_stay_the_same(tmp_path: Path):
    with prometheus_that_counts() as (url, asked):
        for _ in range(3):
            sync(Amp({"gpus": "groups: []\n"}), url, tmp_path)
        assert asked == ["/-/reload"]
