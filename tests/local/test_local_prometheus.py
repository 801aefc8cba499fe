"""A genuine Prometheus beside a control plane, the AWS server and an inference server, as `make local-monitoring` runs
it: its rules are those of the stack's workspace, and every query of a dashboard has an answer."""

import io
import json
import os
import re
import subprocess
import tarfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.monitoring.budget_rules import budget_rules
from components.monitoring.dashboards import prometheus_queries
from components.monitoring.gpu_prices import gpu_price_rules
from local.acquire.tools import KUBE_STATE_METRICS, NODE_EXPORTER, PROMETHEUS
from local.kubernetes.api import APPLY
from local.monitoring.command import ROLE as CLUSTER_ROLE
from local.monitoring.command import reading_rights
from local.monitoring.configuration import write_configuration
from local.monitoring.ports import choose_monitoring_ports
from local.monitoring.rule_sync import repository_rules
from local.monitoring.services import monitoring_services, ports_file
from local.paths import Paths
from local.supervisor.health import is_healthy
from local.supervisor.ports import Ports
from tests.local.control_plane import running_control_plane
from tests.local.monitored_objects import NAMESPACE, make_objects
from tests.local.monitoring_programs import program
from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer

pytestmark = pytest.mark.local
PATIENCE_S = 240.0
DRIFT = """\
# TYPE groundwork_model_drift_score gauge
groundwork_model_drift_score{team="vision",endpoint="iris",feature="petal_width"} 0.31
# TYPE groundwork_model_drift_threshold gauge
groundwork_model_drift_threshold{team="vision",endpoint="iris"} 0.2
"""


@dataclass(frozen=True)
class Watched:
    """What runs, as Prometheus' API sees it. promtool: path of the program."""

    url: str
    promtool: Path

    def get(self, path: str, **query: str) -> Any:
        address = f"{self.url}/api/v1/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        with urllib.request.urlopen(address, timeout=10) as response:
            return json.load(response)["data"]

    def ask(self, expression: str) -> list[dict[str, Any]]:
        return self.get("query", query=expression)["result"]

    def alert(self, name: str) -> list[dict[str, Any]]:
        return [alert for alert in self.get("alerts")["alerts"] if alert["labels"]["alertname"] == name]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    programs = {
        name: program(tool, name, folder)
        for tool in (PROMETHEUS, KUBE_STATE_METRICS, NODE_EXPORTER)
        for name in tool.programs
    }
    with ExitStack() as stack:
        control = stack.enter_context(running_control_plane(folder))
        aws = SageMakerServer(folder / "aws")
        stack.callback(lambda: aws.process is None or aws.stop())
        aws.start()
        _serve_a_model(aws, folder)
        _put_rules(aws)
        for plural, document in reading_rights().items():
            path = f"/apis/rbac.authorization.k8s.io/v1/{plural}/{CLUSTER_ROLE}"
            control.admin.request("PATCH", path, {"fieldManager": "test", "force": "true"}, document, APPLY)
        make_objects(control.admin)
        paths = Paths(folder)
        own = choose_monitoring_ports(ports_file(paths))
        kubernetes = int(control.url.rsplit(":", 1)[1])
        ports = Ports(
            aws=aws.port, kubernetes=kubernetes, etcd=control.etcd_port, etcd_peer=0, controller_manager=0, mlflow=0
        )
        write_configuration(paths, ports, own)
        _often(paths.monitoring / "prometheus.yml")
        paths.run.mkdir(parents=True)
        for service in monitoring_services(paths, ports, own, programs):
            _start(stack, service, aws)
        watched = Watched(f"http://127.0.0.1:{own.prometheus}", programs["promtool"])
        invoke(aws)
        yield watched


def _often(configuration: Path) -> None:
    document = json.loads(configuration.read_text())
    document["global"] |= {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "2s"}
    configuration.write_text(json.dumps(document))


def _start(stack: ExitStack, service: Any, aws: SageMakerServer) -> None:
    environment = {**os.environ, **service.environment}
    if "AWS_PROFILE" in service.environment:
        environment |= {"AWS_CONFIG_FILE": str(aws.folder / "config")}
        environment |= {"AWS_SHARED_CREDENTIALS_FILE": str(aws.folder / "credentials")}
    log = service.log_file.open("ab")
    process = subprocess.Popen(service.command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    stack.callback(process.wait, 20)
    stack.callback(process.terminate)
    deadline = time.monotonic() + PATIENCE_S
    while not is_healthy(service):
        assert process.poll() is None, f"{service.name} ended:\n{service.log_file.read_text()[-3000:]}"
        assert time.monotonic() < deadline, f"{service.name}:\n{service.log_file.read_text()[-3000:]}"
        time.sleep(0.1)


def _serve_a_model(aws: SageMakerServer, folder: Path) -> None:
    """An endpoint `iris` with the project's own inference server."""
    import mlflow.sklearn
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    model = folder / "model"
    features, target = load_iris(return_X_y=True, as_frame=True)
    mlflow.sklearn.save_model(LogisticRegression(max_iter=500).fit(features, target), model)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(model, ".")
    aws.prepare()
    aws.s3.put_object(Bucket=BUCKET, Key="models/iris.tar.gz", Body=packed.getvalue())
    with (aws.state / "environments.yaml").open("a") as environments:
        environments.write('  - images: ["serving:*"]\n    serve: ["{python}", "-m", "ml.serving"]\n')
    container = {"Image": "serving:1", "ModelDataUrl": f"s3://{BUCKET}/models/iris.tar.gz"}
    aws.sagemaker.create_model(ModelName="iris", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    aws.config("iris", {"VariantName": "All", "ModelName": "iris"})
    aws.sagemaker.create_endpoint(EndpointName="iris", EndpointConfigName="iris")
    assert aws.settled("iris")["EndpointStatus"] == "InService"


def invoke(aws: SageMakerServer) -> None:
    for _ in range(5):
        aws.runtime.invoke_endpoint(EndpointName="iris", Body="5.1,3.5,1.4,0.2\n", ContentType="text/csv")
        # So that Prometheus sees the counters grow.
        time.sleep(2)


def _put_rules(aws: SageMakerServer) -> None:
    """A workspace with the repository's rules, a budget and prices, as the stack makes it."""
    client = aws.client("amp")
    workspace = client.create_workspace(alias="groundwork-test")["workspaceId"]
    more = {
        "budget.yaml": budget_rules({"g5.xlarge": 1.006}, 3000),
        "gpu-prices.yaml": gpu_price_rules({"g5.xlarge": 1.006}),
    }
    for name, text in {**repository_rules(), **more}.items():
        # Some groups are evaluated every few minutes; nobody waits for that here.
        data = re.sub(r"interval: \d+m", "interval: 2s", text).encode()
        client.create_rule_groups_namespace(workspaceId=workspace, name=name.removesuffix(".yaml"), data=data)


def eventually(condition: Callable[[], Any], what: Callable[[], str]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := condition()):
        assert time.monotonic() < deadline, what()
        time.sleep(0.5)
    return answer


def test_every_target_answers(watched: Watched):
    jobs = {"kubernetes-apiservers", "etcd", "kube-state-metrics", "node-exporter", "dcgm-exporter"}
    jobs |= {"inference-servers", "aws-server", "prometheus"}

    def up() -> bool:
        return {each["metric"]["job"] for each in watched.ask("up == 1")} == jobs and not watched.ask("up == 0")

    eventually(up, lambda: json.dumps([(t["labels"], t["lastError"]) for t in watched.get("targets")["activeTargets"]]))


def test_the_rules_are_those_of_the_stacks_workspace_and_all_can_be_evaluated(watched: Watched):
    def states() -> dict[str, str]:
        return {
            f"{Path(group['file']).name}: {rule['name']}": rule["health"] + rule.get("lastError", "")
            for group in watched.get("rules")["groups"]
            for rule in group["rules"]
        }

    eventually(lambda: set(states().values()) == {"ok"}, lambda: json.dumps(states(), indent=1))
    files = {name.split(":")[0] for name in states()}
    expected = {*repository_rules(), "budget.yaml", "gpu-prices.yaml"}
    assert files == {f"groundwork-test-{name}" for name in expected}


@pytest.mark.parametrize("query", prometheus_queries(), ids=lambda query: f"{query.dashboard}: {query.panel}")
def test_every_query_of_a_dashboard_is_answered_with_data(watched: Watched, query: Any):
    _push_drift(watched)
    eventually(lambda: watched.ask(query.expr), lambda: f"no data for {query.expr}")


def test_a_pod_that_waits_for_a_gpu_and_a_gpu_that_idles_are_on_their_way_to_an_alert(watched: Watched):
    waits = eventually(lambda: watched.alert("GpuPodPending"), lambda: "no GpuPodPending")
    assert (waits[0]["state"], waits[0]["labels"]["pod"]) == ("pending", "waits-0")
    idle = eventually(lambda: watched.alert("GpuIdle"), lambda: "no GpuIdle")
    assert (idle[0]["state"], idle[0]["labels"]["pod"]) == ("pending", "train-0")
    assert eventually(lambda: watched.alert("NodePoolAtLimit"), lambda: "no NodePoolAtLimit")


def test_drift_that_a_job_writes_fires_its_alert(watched: Watched):
    _push_drift(watched)
    alert = eventually(lambda: watched.alert("ModelDrifts"), lambda: "no ModelDrifts")[0]
    assert alert["state"] == "firing"
    assert alert["labels"]["feature"] == "petal_width"
    assert alert["annotations"]["summary"] == "petal_width of endpoint iris (team vision) has drifted to 0.31"


def test_an_alert_says_whose_it_is_by_its_namespace(watched: Watched):
    crashes = eventually(lambda: watched.alert("PodCrashLooping"), lambda: "no PodCrashLooping")
    assert crashes[0]["labels"]["namespace"] == NAMESPACE


def _push_drift(watched: Watched) -> None:
    """By remote write, as a monitoring job does. Newer versions of promtool know the path by themselves."""
    said: list[str] = []
    for address in (watched.url, f"{watched.url}/api/v1/write"):
        command = [str(watched.promtool), "push", "metrics", address]
        pushed = subprocess.run(command, input=DRIFT, capture_output=True, text=True, check=False)
        if pushed.returncode == 0:
            return
        said.append(pushed.stderr)
    raise AssertionError("\n".join(said))
