"""What dev costs while nobody uses it, computed from the program itself."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.stack import deploy
from prices import IDLE, Catalogue, Resource, estimate
from prices.table import markdown
from tests.unit.recording import Recording, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
COSTS = ROOT / "docs" / "costs.md"
MOST_USD = Decimal(200)
NODE_CPUS, NODE_MIB = 2, 4096
"""c6a.large: https://docs.aws.amazon.com/ec2/latest/instancetypes/co.html"""
RESERVED_CPUS, RESERVED_MIB = 0.07, 255 + 11 * 29 + 100
"""What Kubernetes keeps for itself on a node of 2 CPUs and 29 pods at most: 6 % of the first CPU and 1 % of the second;
255 MiB, 11 MiB a pod, and 100 MiB before it evicts (https://github.com/awslabs/amazon-eks-ami, nodeadm)."""


@pytest.fixture(scope="module")
def dev() -> Recording:
    return record(deploy, stack="dev", config=settings_of("dev"))


def resources(recording: Recording) -> list[Resource]:
    return [Resource(item.type, item.name, item.inputs) for item in recording.registrations if item.custom]


def test_dev_idle_costs_200_dollars_a_month_or_less(dev: Recording):
    told = estimate(resources(dev), IDLE, settings_of("dev")["region"])
    assert told.unknown == ()
    assert told.usd <= MOST_USD, markdown(told)


def test_the_arithmetic_in_the_docs_is_the_one_of_today(dev: Recording):
    wanted = markdown(estimate(resources(dev), IDLE, settings_of("dev")["region"]))
    shown = re.search(r"<!-- dev idle -->\n(.*)\n<!-- end -->", COSTS.read_text(), re.DOTALL)
    assert shown, "docs/costs.md has no table between its marks"
    assert shown[1] == wanted, f"put this table into docs/costs.md:\n{wanted}"


def requests(container: dict[str, Any]) -> tuple[float, float]:
    """CPUs and MiB that a container asks for."""
    asked = (container.get("resources") or {}).get("requests") or {}
    cpu, memory = str(asked.get("cpu", "0")), str(asked.get("memory", "0Mi"))
    cpus = float(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu)
    return cpus, float(memory[:-2]) * (1024 if memory.endswith("Gi") else 1)


def test_what_the_platform_runs_on_the_cluster_fits_on_the_one_node_that_the_sum_counts(dev: Recording):
    assert dict(IDLE.nodes) == {"c6a.large": 1}
    cpus, mib = 0.0, 0.0
    for item in dev.registrations:
        if item.type.startswith("kubernetes:apps/v1:") and not item.type.endswith(("List", "Patch")):
            spec = item.inputs["spec"]
            pod = spec["template"]["spec"]
            if pod.get("nodeSelector"):  # of an accelerator's pool, which is empty
                continue
            for container in pod["containers"]:
                one_cpu, one_mib = requests(container)
                cpus += one_cpu * spec.get("replicas", 1)
                mib += one_mib * spec.get("replicas", 1)
    assert cpus <= NODE_CPUS - RESERVED_CPUS
    assert mib <= NODE_MIB - RESERVED_MIB


def types_in_the_code() -> set[str]:
    """Tokens of the AWS resources that the components make: `aws.ec2.Vpc(` is `aws:ec2/vpc:Vpc`."""
    found: set[str] = set()
    for folder in ("account", "components", "infra"):
        for file in (ROOT / folder).rglob("*.py"):
            for module, name in re.findall(r"\baws\.([a-z0-9]+)\.([A-Z]\w*)\(", file.read_text()):
                if not name.endswith("Args"):
                    found.add(f"aws:{module}/{name[0].lower()}{name[1:]}:{name}")
    return found


def test_every_type_that_the_platform_can_make_is_in_the_tables():
    found = types_in_the_code()
    assert len(found) > 40
    told = estimate([Resource(each, each, {}) for each in sorted(found)], IDLE, "us-east-1")
    assert {each.type for each in told.unknown if "nobody has entered" in each.reason} == set()


def test_prices_are_of_one_region():
    assert {price.region for price in Catalogue.load().all()} == {"us-east-1"}
