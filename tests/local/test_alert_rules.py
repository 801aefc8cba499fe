"""promtool's own word on the alert rules."""

import subprocess
from pathlib import Path

import pytest

from components.monitoring.budget_rules import budget_rules
from components.monitoring.gpu_prices import gpu_price_rules
from local.acquire.tools import PROMETHEUS
from tests.local.monitoring_programs import program

pytestmark = pytest.mark.local
ROOT = Path(__file__).parents[2]
RULES = ROOT / "components" / "monitoring" / "rules"


@pytest.fixture(scope="module")
def promtool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return program(PROMETHEUS, "promtool", tmp_path_factory.mktemp("promtool"))


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def test_prometheus_understands_every_rule(promtool: Path, tmp_path: Path):
    (tmp_path / "budget.yaml").write_text(budget_rules({"g5.xlarge": 1.006}, 3000))
    (tmp_path / "gpu_prices.yaml").write_text(gpu_price_rules({"g5.xlarge": 1.006}))
    answer = run(promtool, "check", "rules", *sorted(RULES.glob("*.yaml")), *sorted(tmp_path.glob("*.yaml")))
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize("cases", sorted((ROOT / "tests" / "promtool").glob("*.yaml")), ids=lambda file: file.stem)
def test_alerts_fire_and_are_silent_as_their_cases_say(promtool: Path, cases: Path):
    answer = run(promtool, "test", "rules", cases)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_promtool_would_notice_a_rule_that_never_fires(promtool: Path, tmp_path: Path):
    rules, cases = (RULES / "gpus.yaml").read_text(), (ROOT / "tests" / "promtool" / "gpus.yaml").read_text()
    (tmp_path / "gpus.yaml").write_text(rules.replace("< 5", "< 0"))
    (tmp_path / "cases.yaml").write_text(cases.replace("../../components/monitoring/rules/", ""))
    answer = run(promtool, "test", "rules", tmp_path / "cases.yaml")
    assert answer.returncode != 0
    assert "GpuIdle" in answer.stdout + answer.stderr
