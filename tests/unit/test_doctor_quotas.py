"""`groundwork doctor`: quotas beside what the settings ask for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from operations.doctor.finding import Level
from operations.doctor.needs import needs
from operations.doctor.offers import check_offers
from operations.doctor.quotas import check_network, check_sagemaker, check_vcpus
from operations.doctor.vcpu_quotas import ON_DEMAND, SPOT, vcpu_quota
from tests.unit.doctor_fakes import one, refused, subject

pytestmark = pytest.mark.unit
ASKED = {"L-DB2E81BA": [{"Status": "PENDING", "DesiredValue": 32.0, "Created": datetime(2026, 11, 20, tzinfo=UTC)}]}


def service_quotas(values: dict[str, float], asked: dict[str, Any] | None = None, default: float = 0) -> dict[str, Any]:
    def history(ServiceCode: str, QuotaCode: str) -> Any:  # noqa: N803
        return {"RequestedQuotas": (asked or {}).get(QuotaCode, [])}

    def applied(ServiceCode: str, QuotaCode: str) -> Any:  # noqa: N803
        if QuotaCode in values:
            return {"Quota": {"Value": values[QuotaCode]}}
        return refused("NoSuchResourceException")

    return {
        "get_service_quota": applied,
        "get_aws_default_service_quota": {"Quota": {"Value": default}},
        "list_requested_service_quota_change_history_by_quota": history,
    }


def vcpus(values: dict[str, float], **given: Any) -> dict[str, Any]:
    """Name of each quota to what was found about it."""
    pools = given.pop("pools", None)
    change = {"nodePools": pools} if pools is not None else None
    looked_at = subject(change=change, service_quotas=service_quotas(values, **given))
    return {finding.text.split(":")[0]: finding for finding in check_vcpus(looked_at)}


def test_a_gpu_quota_of_zero_is_told_with_the_command_that_asks_for_what_the_pools_may_come_to():
    found = vcpus({"L-1216C47A": 100})["Running On-Demand G and VT instances"]
    assert found.level is Level.WARNING
    # Eight GPUs, each in a g5.xlarge or g6.xlarge with 4 vCPUs.
    assert "0 vCPUs; gpu-small may come to 32: not one machine starts, the smallest has 4" in found.text
    assert found.mend == (
        "aws service-quotas request-service-quota-increase --service-code ec2 --quota-code L-DB2E81BA "
        "--desired-value 32 --region us-east-1 --profile groundwork-dev"
    )


def test_a_quota_that_holds_some_of_the_pools_machines_is_a_warning_without_alarm():
    found = vcpus({"L-DB2E81BA": 8})["Running On-Demand G and VT instances"]
    assert found.level is Level.WARNING
    assert "not one machine" not in found.text


def test_a_quota_that_holds_the_pools_is_in_order():
    found = vcpus({"L-DB2E81BA": 32})["Running On-Demand G and VT instances"]
    assert (found.level, found.mend) == (Level.OK, "")


def test_a_quota_that_was_asked_for_already_says_so():
    found = vcpus({}, asked=ASKED)["Running On-Demand G and VT instances"]
    assert "32 were asked for on 2026-11-20 (PENDING)" in found.text


def test_spot_and_on_demand_are_counted_apart():
    found = vcpus({"L-3819A6DF": 32})
    assert found["All G and VT Spot Instance Requests"].level is Level.OK
    assert found["Running On-Demand G and VT instances"].level is Level.WARNING


def test_up_would_fail_where_nodes_that_it_waits_for_cannot_start():
    pool = {"name": "big", "kind": "managed", "instanceType": "p4d.24xlarge", "maxGpus": 16, "minNodes": 1}
    found = vcpus({"L-417A185B": 0, "L-1216C47A": 64}, pools=[pool])["Running On-Demand P instances"]
    assert found.level is Level.FAILURE
    assert "96 of it at once" in found.text


def test_not_even_ekss_own_nodes_start_without_standard_machines():
    found = vcpus({"L-1216C47A": 0}, pools=[])
    assert [finding.level for finding in found.values()] == [Level.FAILURE]


def test_a_quota_that_was_never_raised_has_its_default():
    found = vcpus({}, default=64)
    assert all(finding.level is Level.OK for finding in found.values() if "cpu" not in finding.text.split(";")[1])


def test_machines_whose_quota_aws_does_not_name_are_told_by_pool():
    pool = {"name": "new", "families": ["p6-b200"], "capacity": ["spot"], "maxGpus": 8}
    found = vcpus({"L-1216C47A": 64}, pools=[pool])
    assert any("new (p6-b200 on spot)" in finding.text for finding in found.values())


def test_what_is_reserved_asks_for_nothing():
    pool = {
        **{"name": "block", "kind": "managed", "instanceType": "p5.48xlarge", "maxGpus": 8},
        **{"capacity": ["capacity-block"], "reservationIds": ["cr-0a1b2c3d"]},
    }
    wanted, unknown = needs(subject(change={"nodePools": [pool]}).settings)
    assert ([need.pools for need in wanted], unknown) == ([["EKS's own nodes"]], [])


@pytest.mark.parametrize(
    ("family", "spot", "code"),
    [
        ("g6e", False, "L-DB2E81BA"),
        ("gr6", True, "L-3819A6DF"),
        ("p4de", True, "L-7212CCBC"),
        ("p5en", True, "L-C4BD4855"),
        ("p6-b200", False, "L-417A185B"),
        ("trn2", False, "L-2C3B7624"),
        ("inf2", True, "L-B5D1601B"),
        ("m7i-flex", False, "L-1216C47A"),
    ],
)
def test_a_family_counts_against_the_quota_of_its_class(family: str, spot: bool, code: str):
    quota = vcpu_quota(family, spot=spot)
    assert quota is not None
    assert quota.code == code


def test_no_two_quotas_share_a_code():
    quotas = [*ON_DEMAND.values(), *SPOT.values()]
    assert len({quota.code for quota in quotas}) == len(quotas)


def network(vpcs: int, addresses: int, own: bool = False, **change: Any) -> list[Any]:
    def describe_vpcs(Filters: Any = None) -> Any:  # noqa: N803
        return {"Vpcs": ([{}] if own else []) if Filters else [{}] * vpcs}

    ec2 = {"describe_vpcs": describe_vpcs, "describe_addresses": {"Addresses": [{}] * addresses}}
    quotas = service_quotas({"L-F678F1CE": 5, "L-0263D0A3": 5})
    return list(check_network(subject(change=change, ec2=ec2, service_quotas=quotas)))


def test_there_is_room_for_one_more_network():
    assert [finding.level for finding in network(4, 4)] == [Level.OK, Level.OK]


def test_up_would_fail_on_a_sixth_vpc_and_on_addresses_for_its_gateways():
    vpcs, addresses = network(5, 3, network={"nat": "per-zone", "zones": ["us-east-1a", "us-east-1b", "us-east-1c"]})
    assert (vpcs.level, addresses.level) == (Level.FAILURE, Level.FAILURE)
    assert "--service-code vpc --quota-code L-F678F1CE --desired-value 6" in vpcs.mend
    assert "3 in use, 3 more asked for" in addresses.text


def test_a_network_that_is_there_already_asks_for_nothing():
    assert network(5, 5, own=True) == []


def sagemaker(quotas: dict[str, float]) -> list[Any]:
    listed = [
        {"QuotaName": name, "Value": value, "QuotaCode": f"L-{i}"} for i, (name, value) in enumerate(quotas.items())
    ]
    answers = {**service_quotas({}), "list_service_quotas": {"Quotas": listed}}
    return list(check_sagemaker(subject(service_quotas=answers)))


def test_a_family_that_no_training_job_can_have_is_told_with_its_smallest_size():
    found = sagemaker(
        {
            "ml.m5.large for training job usage": 4,
            "ml.g5.2xlarge for training job usage": 0,
            "ml.g5.xlarge for training job usage": 0,
        }
    )
    assert [finding.level for finding in found] == [Level.OK, Level.WARNING]
    assert "training job usage of g5: 0 of every size" in found[1].text
    assert "--service-code sagemaker --quota-code L-2 --desired-value 1" in found[1].mend
    assert found[1].mend.endswith("# ml.g5.xlarge for training job usage")


def test_a_pool_whose_machines_a_zone_does_not_offer_is_told_with_the_zones_that_do():
    offered = [("g6.xlarge", "us-east-1a"), ("g6.xlarge", "us-east-1b"), ("p5.48xlarge", "us-east-1a")]
    answer = {"InstanceTypeOfferings": [{"InstanceType": name, "Location": zone} for name, zone in offered]}
    pools = [
        {"name": "small", "families": ["g5", "g6"], "maxGpus": 8},
        {"name": "large", "families": ["p5"], "maxGpus": 8},
    ]
    looked_at = subject(change={"nodePools": pools}, ec2={"describe_instance_type_offerings": answer})
    large, rest = check_offers(looked_at)
    assert (large.level, rest.level) == (Level.WARNING, Level.OK)
    assert "large (p5) is offered in us-east-1b; it starts in us-east-1a alone" in large.text
    assert "the machines of small" in rest.text


def test_a_pool_that_no_zone_has_machines_for_never_starts_one():
    pools = [{"name": "large", "families": ["p5"], "maxGpus": 8}]
    nothing = {"describe_instance_type_offerings": {"InstanceTypeOfferings": []}}
    found = one(check_offers(subject(change={"nodePools": pools}, ec2=nothing)))
    assert found.level is Level.WARNING
    assert found.text.endswith("is offered in us-east-1a, us-east-1b")
