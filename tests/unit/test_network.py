"""The network: subnets over zones, ways out, endpoints, flow logs, and an existing VPC."""

from typing import Any

import pytest

from components.addressing import private_subnets, public_subnets
from components.network import ExistingNetwork, Nat, Network, NetworkArgs
from components.vpc_endpoints import PRIVATE_CLUSTER_SERVICES
from tests.unit.parts import KEY, PLACEMENT, with_aws
from tests.unit.recording import Recording, record

pytestmark = pytest.mark.unit
ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def built(zones: int = 2, nat: Nat = "one", **more: Any) -> Recording:
    args: dict[str, Any] = {"cidr": "10.0.0.0/16", "logs_key_arn": KEY, **more}
    return record(
        lambda: Network("network", NetworkArgs(placement=PLACEMENT, zones=ZONES[:zones], nat=nat, **args), with_aws())
    )


def nat_of(recording: Recording) -> dict[str, str]:
    routes = recording.of("aws:ec2/route:Route")
    return {name: item.inputs["natGatewayId"] for name, item in routes.items() if "natGatewayId" in item.inputs}


@pytest.mark.parametrize("zones", [2, 3])
def test_every_zone_has_a_private_and_a_public_subnet(zones: int):
    subnets = built(zones).of("aws:ec2/subnet:Subnet").values()
    placed = sorted((item.inputs["availabilityZone"], "internal-elb" in str(item.inputs["tags"])) for item in subnets)
    assert placed == [(zone, private) for zone in ZONES[:zones] for private in (False, True)]
    assert not any(item.inputs["mapPublicIpOnLaunch"] for item in subnets)


def test_no_two_subnets_overlap_and_a_zone_added_later_moves_none():
    two, three = private_subnets("10.0.0.0/16", 2), private_subnets("10.0.0.0/16", 3)
    assert two == ["10.0.0.0/18", "10.0.64.0/18"] == three[:2]
    assert public_subnets("10.0.0.0/16", 3) == ["10.0.192.0/20", "10.0.208.0/20", "10.0.224.0/20"]


def test_one_nat_gateway_serves_every_zone():
    recording = built(3, "one")
    assert len(recording.of("aws:ec2/natGateway:NatGateway")) == 1
    assert set(nat_of(recording).values()) == {"network-nat-a-id"}
    assert len(nat_of(recording)) == 3


def test_a_nat_gateway_per_zone_serves_its_own():
    recording = built(3, "per-zone")
    assert nat_of(recording) == {f"network-private-{zone}-out": f"network-nat-{zone}-id" for zone in "abc"}
    assert len(recording.of("aws:ec2/eip:Eip")) == 3


def test_without_nat_no_private_subnet_has_a_way_out():
    recording = built(2, "none", interface_endpoints=PRIVATE_CLUSTER_SERVICES)
    assert nat_of(recording) == {}
    assert recording.of("aws:ec2/eip:Eip") == {}
    made = recording.of("aws:ec2/vpcEndpoint:VpcEndpoint")
    assert len(made) == len(PRIVATE_CLUSTER_SERVICES) + 1
    names = {item.inputs["serviceName"] for item in made.values()}
    assert {"com.amazonaws.us-east-1.ecr.api", "aws.sagemaker.us-east-1.experiments"} <= names


def test_s3_is_reached_by_a_gateway_endpoint_from_every_private_subnet():
    endpoint = built(2).one("aws:ec2/vpcEndpoint:VpcEndpoint").inputs
    assert endpoint["vpcEndpointType"] == "Gateway"
    assert endpoint["serviceName"] == "com.amazonaws.us-east-1.s3"
    assert endpoint["routeTableIds"] == ["network-private-a-routes-id", "network-private-b-routes-id"]


def test_interface_endpoints_take_https_from_the_vpc_alone():
    recording = built(2, interface_endpoints=("sts",))
    endpoint = recording.one("aws:ec2/vpcEndpoint:VpcEndpoint", "network-endpoints-sts").inputs
    assert endpoint["privateDnsEnabled"] is True
    rule = recording.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert (rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) == ("10.0.0.0/16", 443, 443)


def test_the_default_security_group_has_no_rules():
    group = built().one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup").inputs
    assert not {"ingress", "egress"} & set(group)


def test_flow_logs_are_encrypted_and_end():
    recording = built(flow_log_days=14)
    group = recording.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert (group["retentionInDays"], group["kmsKeyId"]) == (14, KEY)
    assert recording.one("aws:ec2/flowLog:FlowLog").inputs["trafficType"] == "ALL"


def test_flow_logs_can_be_left_out():
    assert built(flow_log_days=None).of("aws:ec2/flowLog:FlowLog") == {}


def test_nothing_is_made_in_an_existing_network():
    made: list[Network] = []
    args = ExistingNetwork(vpc_id="vpc-0a1b2c3d", private_subnet_ids=["subnet-1", "subnet-2"])
    recording = record(lambda: made.append(Network("network", args, with_aws())))
    assert [item.type for item in recording.registrations if item.custom] == ["pulumi:providers:aws"]
    assert made[0].routes == []
