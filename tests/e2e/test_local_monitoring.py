"""`make local-monitoring` beside a local platform: from nothing to rules that are evaluated, and its end."""

import json
import re
import time
import urllib.request
from typing import Any

import pytest

from tests.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]
SERVICES = {"prometheus", "kube-state-metrics", "node-exporter", "gpu-metrics", "rule-sync"}


def states(platform: Platform) -> dict[str, str]:
    return {service["name"]: service["state"] for service in platform.checkout.status()["services"]}


def test_a_prometheus_comes_beside_the_platform_with_its_rules_and_goes_when_told(platform: Platform):
    before = states(platform)
    output = platform.checkout.must("make", "local-monitoring")
    assert {name for name, state in states(platform).items() if state == "healthy"} == set(before) | SERVICES
    address = re.search(r"(http://\S+)/api/v1/rules", output)[1]

    def groups() -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{address}/api/v1/rules", timeout=10) as answer:
            return json.load(answer)["data"]["groups"]

    deadline = time.monotonic() + 60
    while not (there := groups()):
        assert time.monotonic() < deadline, "no rules"
        time.sleep(1)
    alerts = {rule["name"] for group in there for rule in group["rules"] if rule["type"] == "alerting"}
    assert {"GpuIdle", "NodePoolAtLimit", "ModelDrifts", "BudgetAt80Percent"} <= alerts
    platform.checkout.must(".venv/bin/groundwork", "local", "monitoring", "--stop")
    assert states(platform) == before
