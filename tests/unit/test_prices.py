"""The price list, and what the estimator makes of it."""

import ast
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from prices import (
    IDLE,
    Catalogue,
    Machines,
    Price,
    Resource,
    UnknownPriceError,
    Usage,
    dollars,
    estimate,
    gpu_hour_prices,
    job_price,
)
from prices.meters import BY_USE, FREE, METERS

pytestmark = pytest.mark.unit
REGION = "us-east-1"
ROOT = Path(__file__).parents[2]


def priced(item: str, usd: str, unit: str = "hour") -> Price:
    return Price(region=REGION, item=item, usd=Decimal(usd), unit=unit, date="2026-01-01", source="a test")


def test_every_price_says_when_and_where_it_was_read():
    for price in Catalogue.load().all():
        assert price.usd >= 0, price
        assert price.unit, price
        assert len(price.source) > 10, price
        assert date.fromisoformat(price.date) <= date(2026, 12, 31), price


def test_a_price_of_nothing_is_only_for_what_its_source_calls_free():
    free = [price.item for price in Catalogue.load().all() if price.usd == 0]
    assert free == ["sagemaker:mlflow-app"]


def test_a_price_that_nobody_knows_is_an_error_and_never_nothing():
    with pytest.raises(UnknownPriceError, match=r"no price of ec2:x99\.large in us-east-1"):
        Catalogue.load().price(REGION, "ec2:x99.large")


def test_an_unknown_price_says_where_it_is_known():
    with pytest.raises(UnknownPriceError, match="it is known for us-east-1"):
        Catalogue([priced("nat:gateway", "0.045")]).price("eu-central-1", "nat:gateway")


def test_the_same_price_twice_is_an_error():
    with pytest.raises(ValueError, match="twice"):
        Catalogue([priced("nat:gateway", "1"), priced("nat:gateway", "2")])


def test_sagemakers_machines_cost_more_than_ec2s():
    catalogue = Catalogue.load()
    for name in ("g5.xlarge", "g5.12xlarge", "m5.xlarge"):
        assert catalogue.hourly(REGION, f"ml.{name}").usd > catalogue.hourly(REGION, name).usd


def test_eks_takes_its_share_of_a_nodes_price():
    catalogue = Catalogue([priced("ec2:c6a.large", "0.1"), priced("eks:auto-mode-share", "12", "percent")])
    fee = catalogue.price(REGION, "eks-auto-mode:c6a.large")
    assert fee.usd == Decimal("0.012")
    assert fee.unit == "hour"


def test_a_gpu_costs_its_part_of_the_machine():
    catalogue = Catalogue([priced("ec2:p9.48xlarge", "80")])
    assert gpu_hour_prices(REGION, {"p9.48xlarge": 8, "unheard.of": 1}, catalogue) == {"p9.48xlarge": 10.0}


def test_a_month_of_a_nat_gateway_is_730_hours():
    told = estimate([Resource("aws:ec2/natGateway:NatGateway", "nat", {})], Usage(), REGION)
    assert [(line.resource, line.price.item, line.quantity) for line in told.lines] == [
        ("nat", "nat:gateway", Decimal(730))
    ]
    assert told.usd == Decimal("32.85")


def test_an_interface_endpoint_costs_in_each_zone_and_a_gateway_endpoint_nothing():
    kind = "aws:ec2/vpcEndpoint:VpcEndpoint"
    two_zones = {"vpcEndpointType": "Interface", "subnetIds": ["a", "b"]}
    told = estimate(
        [Resource(kind, "sts", two_zones), Resource(kind, "s3", {"vpcEndpointType": "Gateway"})], Usage(), REGION
    )
    assert [(line.resource, line.quantity) for line in told.lines] == [("sts", Decimal(1460))]


def test_a_type_that_nobody_entered_is_listed_and_never_free():
    told = estimate([Resource("aws:quantum/computer:Computer", "q", {})], Usage(), REGION)
    assert told.lines == ()
    assert [(each.resource, each.type) for each in told.unknown] == [("q", "aws:quantum/computer:Computer")]


def test_an_item_without_a_price_in_the_region_is_listed():
    told = estimate([Resource("aws:eks/cluster:Cluster", "cluster", {})], Usage(), "eu-central-1")
    assert told.usd == 0
    assert "no price of eks:cluster in eu-central-1" in told.unknown[0].reason


def test_what_a_month_uses_is_charged_once_for_the_environment():
    told = estimate([], Usage(nodes={"c6a.large": 2}, nat_gb=10), REGION)
    items = {line.price.item: line.quantity for line in told.lines}
    assert items == {
        "ec2:c6a.large": Decimal(1460),
        "eks-auto-mode:c6a.large": Decimal(1460),
        "ebs:gp3": Decimal(160),
        "nat:data": Decimal(10),
    }


def test_samples_follow_from_series_and_scrapes():
    assert Usage(metric_series=1000, scrape_seconds=60).samples == 1000 * 730 * 60


def test_a_load_balancer_of_the_cluster_is_seen():
    ingress = Resource("kubernetes:networking.k8s.io/v1:Ingress", "tracking", {})
    service = Resource("kubernetes:core/v1:Service", "inner", {"spec": {"type": "ClusterIP"}})
    told = estimate([ingress, service], Usage(), REGION)
    assert [line.price.item for line in told.lines] == ["lb:application"]


def test_a_type_is_in_one_table_alone():
    assert not METERS.keys() & FREE.keys()
    assert not METERS.keys() & BY_USE.keys()
    assert not BY_USE.keys() & FREE.keys()


def test_prices_need_nothing_but_the_standard_library():
    for file in (ROOT / "prices").glob("*.py"):
        if file.stem.startswith("make_"):  # renews a data file; nothing imports it
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= {*sys.stdlib_module_names, "prices"}, file.name


def test_idle_is_without_jobs_and_accelerators():
    assert all(name.split(".")[0] in ("c6a", "c7a", "m7a") for name in IDLE.nodes)


def test_a_jobs_price_is_its_machines_price_by_the_hour():
    price = job_price(REGION, [Machines("ml.m5.xlarge", 2)])
    assert price.hourly == Decimal("0.46")
    assert price.cost(1800) == Decimal("0.23")
    # A stopped job may take two minutes more, and they are charged.
    assert price.most(3480) == price.cost(3600)


def test_money_lasts_as_long_as_the_limit_that_keeps_to_it():
    price = job_price(REGION, [Machines("ml.m5.xlarge", 1)])
    seconds = price.runtime_for(Decimal("0.50"))
    assert price.most(seconds) <= Decimal("0.50") < price.most(seconds + 1)
    assert price.runtime_for(Decimal("0.001")) < 0


def test_a_job_on_machines_without_a_price_has_none():
    with pytest.raises(UnknownPriceError, match=r"sagemaker:ml\.x9\.large"):
        job_price(REGION, [Machines("ml.m5.xlarge"), Machines("ml.x9.large")])


def test_amounts_are_never_said_too_low():
    assert [dollars(Decimal(text)) for text in ("0", "0.231", "0.00812", "12")] == ["0.00", "0.24", "0.0082", "12.00"]
