"""promtool's own word on the collector's configuration."""

import subprocess
from pathlib import Path

import pytest

from components.monitoring.scrape import scrape_configuration
from local.acquire.tools import PROMETHEUS
from tests.local.monitoring_programs import program

pytestmark = pytest.mark.local


def test_prometheus_understands_what_the_collector_is_told(tmp_path: Path):
    promtool = program(PROMETHEUS, "promtool", tmp_path)
    file = tmp_path / "prometheus.yml"
    file.write_text(scrape_configuration(60))
    # Only the syntax: the credentials that the file names lie where the collector runs.
    command = [str(promtool), "check", "config", "--syntax-only", str(file)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    file.write_text(scrape_configuration(60).replace("action: keep", "action: hold"))
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "hold" in refused.stdout + refused.stderr
