"""What dev and prod cost while nobody uses them, computed from the program itself, and by hand in docs/costs.md."""

import re
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

from infra.sections.costs import CostSettings
from infra.settings import parse
from infra.stack import deploy
from operations.costing.bill import Bill, bill_of
from operations.costing.shown import as_text
from prices import IDLE, Catalogue, Resource, Usage, estimate
from prices.meters import BY_USE, FREE, METERS, why_free
from prices.table import markdown
from tests.guide import missing_lines, samples
from tests.handbook_commands import HANDBOOK
from tests.unit.recording import Recording, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
COSTS, RESOURCES = ROOT / "docs" / "costs.md", ROOT / "docs" / "resources.md"
MOST_USD = Decimal(200)
CENT = Decimal("0.01")
NODE_CPUS, NODE_MIB = 2, 4096
"""c6a.large: https://docs.aws.amazon.com/ec2/latest/instancetypes/co.html"""
RESERVED_CPUS, RESERVED_MIB = 0.07, 255 + 11 * 29 + 100
"""What Kubernetes keeps for itself on a node of 2 CPUs and 29 pods at most: 6 % of the first CPU and 1 % of the second;
255 MiB, 11 MiB a pod, and 100 MiB before it evicts (https://github.com/awslabs/amazon-eks-ami, nodeadm)."""
ENVIRONMENTS = ("dev", "prod")


@pytest.fixture(scope="module")
def recordings() -> dict[str, Recording]:
    return {name: record(deploy, stack=name, config=settings_of(name)) for name in ENVIRONMENTS}


@pytest.fixture(scope="module")
def dev(recordings: dict[str, Recording]) -> Recording:
    return recordings["dev"]


def resources(recording: Recording) -> list[Resource]:
    return [Resource(item.type, item.name, item.inputs) for item in recording.registrations if item.custom]


def bill(name: str, recording: Recording) -> Bill:
    """As `groundwork cost` makes it."""
    settings = parse(name, settings_of(name))
    return bill_of(resources(recording), settings.costs.usage(), settings.region)


def by_hand(mark: str) -> list[list[str]]:
    """The rows of a table of the page, without its head."""
    found = re.search(rf"<!-- {mark} -->\n(.*?)\n<!-- end -->", COSTS.read_text(), re.DOTALL)
    assert found, f"docs/costs.md has no table between its marks: {mark}"
    return [[cell.strip().strip("`*") for cell in line.strip("|").split("|")] for line in found[1].splitlines()[2:]]


def computed(words: str) -> Decimal:
    """The arithmetic in a cell, such as `2 nodes × 730 h`: its numbers, × ÷ + and brackets."""
    symbols = re.sub(r"[^0-9.×÷+()]", "", words).replace("×", "*").replace("÷", "/")
    assert re.fullmatch(r"[0-9.*/+()]+", symbols), words
    return eval(re.sub(r"[0-9.]+", lambda number: f"Decimal('{number[0]}')", symbols))


def cents(usd: Decimal) -> str:
    return f"{usd.quantize(CENT, ROUND_HALF_UP):,}"


def test_dev_idle_costs_200_dollars_a_month_or_less(dev: Recording):
    told = estimate(resources(dev), IDLE, settings_of("dev")["region"])
    assert told.unknown == ()
    assert told.usd <= MOST_USD, markdown(told)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_was_counted_by_hand_is_what_the_tool_says_to_the_cent(name: str, recordings: dict[str, Recording]):
    told = bill(name, recordings[name])
    quantities: dict[str, Decimal] = {}
    for line in told.told.lines:
        quantities[line.price.item] = quantities.get(line.price.item, Decimal(0)) + line.quantity
    *rows, (_, _, _, together) = by_hand(f"{name} idle")
    assert {item: computed(counted) for item, counted, _, _ in rows} == quantities, as_text(name, told, items=True)
    total = Decimal(0)
    for item, counted, price, usd in rows:
        dollars = Decimal(price.split(",")[0])
        assert dollars == Catalogue.load().price(told.region, item).usd, item
        assert cents(computed(counted) * dollars) == usd, item
        total += computed(counted) * dollars
    assert together == cents(total) == cents(told.told.usd)
    assert f"| **together** | | | | **{together}** |" in as_text(name, told)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_limit_of_the_pools_by_hand_is_the_tools_to_the_cent(name: str, recordings: dict[str, Recording]):
    told = bill(name, recordings[name])
    *rows, (_, _, _, together) = by_hand(f"{name} limit")
    pools = {pool.name for pool in parse(name, settings_of(name)).node_pools if pool.accelerator != "none"}
    assert {pool for pool, _, _, _ in rows} == pools
    for pool, _, counted, usd in rows:
        assert cents(computed(counted)) == usd, pool
    total = sum((computed(counted) for _, _, counted, _ in rows), Decimal(0))
    assert together == cents(total) == cents(told.most.usd)
    assert told.most.unknown == ()
    assert told.accelerators == 0


def test_the_handbook_shows_what_the_command_prints(dev: Recording):
    shown = next(sample for block, sample in samples(HANDBOOK) if block.text.startswith("groundwork cost dev"))
    assert shown is not None
    assert missing_lines(shown.text, as_text("dev", bill("dev", dev))) == []


def test_prods_tracking_server_is_all_that_has_no_price(recordings: dict[str, Recording]):
    assert [each.resource for each in bill("prod", recordings["prod"]).told.unknown] == ["tracking-server"]


def test_what_is_not_set_is_an_idle_environments_use():
    assert CostSettings().usage() == IDLE
    assert set(CostSettings.spelling().values()) == set(Usage.__dataclass_fields__)


def requests(container: dict[str, Any]) -> tuple[float, float]:
    """CPUs and MiB that a container asks for."""
    asked = (container.get("resources") or {}).get("requests") or {}
    cpu, memory = str(asked.get("cpu", "0")), str(asked.get("memory", "0Mi"))
    cpus = float(cpu[:-1]) / 1000 if cpu.endswith("m") else float(cpu)
    return cpus, float(memory[:-2]) * (1024 if memory.endswith("Gi") else 1)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_the_platform_runs_on_the_cluster_fits_on_the_nodes_that_the_sum_counts(
    name: str, recordings: dict[str, Recording]
):
    nodes = bill(name, recordings[name]).usage.nodes
    assert list(nodes) == ["c6a.large"]
    cpus, mib = 0.0, 0.0
    for item in recordings[name].registrations:
        if item.type.startswith("kubernetes:apps/v1:") and not item.type.endswith(("List", "Patch")):
            spec = item.inputs["spec"]
            pod = spec["template"]["spec"]
            if "groundwork/efa" in (pod.get("nodeSelector") or {}):  # of an accelerator's pool, which is empty
                continue
            copies = spec.get("replicas", 1) if item.type.endswith("Deployment") else nodes["c6a.large"]
            for container in pod["containers"]:
                one_cpu, one_mib = requests(container)
                cpus += one_cpu * copies
                mib += one_mib * copies
    assert cpus <= (NODE_CPUS - RESERVED_CPUS) * nodes["c6a.large"]
    assert mib <= (NODE_MIB - RESERVED_MIB) * nodes["c6a.large"]


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


def readable(type_: str) -> str:
    """A type as docs/resources.md writes it."""
    package, module, name = type_.split(":")
    return f"{name} ({package} {module.split('/')[0] if package == 'aws' else module})"


def test_every_type_of_the_page_of_resources_is_priced_or_free_with_a_reason(recordings: dict[str, Recording]):
    listed = set(re.findall(r"^\| (\w+ \([a-z]+ [^)]+\)) \|", RESOURCES.read_text(), re.MULTILINE))
    assert len(listed) > 80
    known = {readable(type_): type_ for type_ in (*METERS, *FREE, *BY_USE)}
    made = {item.type for recording in recordings.values() for item in recording.registrations if item.custom}
    known |= {readable(type_): type_ for type_ in made}
    unknown: list[str] = []
    for name in sorted(listed):
        word, package, module = name.removesuffix(")").replace(" (", " ").split(" ", 2)
        group = "core/v1" if module == "v1" else module  # the page has the API's own name of it
        type_ = known.get(name) or f"{package}:{group}:{word}"
        if type_ not in METERS and not why_free(type_):
            unknown.append(name)
    assert unknown == []


@pytest.mark.parametrize("kind", ["apps/v1:StatefulSet", "core/v1:PersistentVolume", "batch/v1:CronJob"])
def test_a_kind_of_kubernetes_that_nobody_entered_is_unknown_and_not_free(kind: str):
    told = estimate([Resource(f"kubernetes:{kind}", "one", {})], Usage(), "us-east-1")
    assert [each.resource for each in told.unknown] == ["one"]


def test_a_managed_pool_that_always_runs_costs_its_machines_and_disks():
    template = {"instanceType": "p4d.24xlarge", "blockDeviceMappings": [{"ebs": {"volumeSize": 4}}, {"ebs": {}}]}
    group = {"scalingConfig": {"minSize": 2.0, "maxSize": 3.0}, "launchTemplate": {"version": "1"}}
    pool = [
        Resource("aws:eks/nodeGroup:NodeGroup", "pool-a-group", group),
        Resource("aws:ec2/launchTemplate:LaunchTemplate", "pool-a-launch-template", template),
    ]
    told = bill_of(pool, Usage(), "us-east-1")
    assert {line.price.item: line.quantity for line in told.told.lines} == {"ec2:p4d.24xlarge": 1460, "ebs:gp3": 8}
    assert (cents(told.accelerators), cents(told.most.usd)) == ("32,058.16", "48,087.24")
    lost = bill_of(pool[:1], Usage(), "us-east-1")
    assert "a machine that only its launch template names" in lost.told.unknown[0].reason
    assert lost.most.unknown == ("pool-a-group: a machine that only its launch template names, so no ceiling",)


def test_prices_are_of_one_region():
    assert {price.region for price in Catalogue.load().all()} == {"us-east-1"}
