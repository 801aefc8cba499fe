"""What idle GPUs cost, as a genuine Prometheus computes it from the rules and the dashboards' queries."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.monitoring.dashboards import filled_in
from components.monitoring.dashboards.queries import GPU, of_gpu_nodes, of_limit, priced
from components.monitoring.gpu_prices import gpu_price_rules
from local.acquire.tools import PROMETHEUS
from tests.local.monitoring_programs import program

pytestmark = pytest.mark.local
POOL, TYPE = "label_groundwork_pool", "label_node_kubernetes_io_instance_type"
PRICES = {"g5.xlarge": 1.0, "g6.12xlarge": 2.5}


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program(PROMETHEUS, "promtool", tmp_path_factory.mktemp("promtool"))


def series() -> dict[str, str]:
    """One busy GPU on n1; on n2 one that idles, one that has just stopped, and two that work."""
    use = {("n1", 0): "90x60", ("n2", 0): "1x60", ("n2", 1): "90x50 0x10", ("n2", 2): "50x60", ("n2", 3): "70x60"}
    return {
        **{f'DCGM_FI_DEV_GPU_UTIL{{Hostname="{node}",gpu="{gpu}"}}': values for (node, gpu), values in use.items()},
        f'kube_node_labels{{node="n1",{POOL}="small",{TYPE}="g5.xlarge"}}': "1x60",
        f'kube_node_labels{{node="n2",{POOL}="large",{TYPE}="g6.12xlarge"}}': "1x60",
        f'kube_node_status_capacity{{node="n1",{GPU},unit="integer"}}': "1x60",
        f'kube_node_status_capacity{{node="n2",{GPU},unit="integer"}}': "4x60",
        'kube_customresource_nodepool_limit{nodepool="large",resource="nvidia.com/gpu"}': "8x60",
        'kube_customresource_nodepool_usage{nodepool="large",resource="nvidia.com/gpu"}': "4x60",
    }


def asked(expression: str, *samples: tuple[str, float]) -> dict[str, Any]:
    return {
        "expr": filled_in(expression),
        "eval_time": "60m",
        "exp_samples": [{"labels": labels, "value": value} for labels, value in samples],
    }


def test_idle_gpus_and_their_dollars_are_what_one_computes_by_hand(promtool: Path, tmp_path: Path):
    (tmp_path / "prices.yaml").write_text(gpu_price_rules(PRICES))
    queries = [
        asked("sum(groundwork:gpu_idle)", ("{}", 1)),
        asked(
            "groundwork:gpu_idle_dollars_per_hour",
            ('groundwork:gpu_idle_dollars_per_hour{instance_type="g5.xlarge"}', 0),
            ('groundwork:gpu_idle_dollars_per_hour{instance_type="g6.12xlarge"}', 2.5),
        ),
        asked(
            f"sum by (instance_type) ({priced(f'kube_node_status_capacity{{{GPU}}}')})",
            ('{instance_type="g5.xlarge"}', 1),
            ('{instance_type="g6.12xlarge"}', 10),
        ),
        asked(
            f"avg by ({POOL}) ({of_gpu_nodes('DCGM_FI_DEV_GPU_UTIL', POOL)})",
            (f'{{{POOL}="small"}}', 90),
            (f'{{{POOL}="large"}}', (1 + 0 + 50 + 70) / 4),
        ),
        asked(of_limit('resource="nvidia.com/gpu"'), ('{nodepool="large",resource="nvidia.com/gpu"}', 0.5)),
    ]
    case = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series().items()],
        "promql_expr_test": queries,
    }
    document = {"rule_files": ["prices.yaml"], "evaluation_interval": "1m", "tests": [case]}
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(document))
    command = [str(promtool), "test", "rules", str(tmp_path / "cases.yaml")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
