"""Ways to the private API server: a group that lets nobody in by itself, and viewers who change nothing."""

import pytest

from components.cluster_access import ClusterAccess, ClusterAccessArgs
from infra.settings import SettingsError, parse
from tests.unit.parts import PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
VIEWER = f"arn:aws:iam::{ACCOUNT}:role/auditor"


def made(*, from_vpc: bool = True, viewers: bool = True) -> Recording:
    def program() -> None:
        args = ClusterAccessArgs(
            placement=PLACEMENT,
            vpc_id="vpc-0a1b2c3d",
            cluster_name="groundwork-dev",
            cluster_security_group_id="sg-0c1a55e7",
            from_vpc=from_vpc,
            viewers={"role-auditor": VIEWER} if viewers else {},
        )
        ClusterAccess("cluster-access", args, with_aws())

    return record(program)


def test_the_api_server_takes_calls_of_the_groups_members_on_its_one_port():
    rule = made().one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert rule["securityGroupId"] == "sg-0c1a55e7"
    assert rule["referencedSecurityGroupId"] == "cluster-access-id"
    assert (rule["fromPort"], rule["toPort"]) == (443, 443)
    assert "cidrIpv4" not in rule


def test_nobody_calls_a_member_of_the_group():
    recording = made()
    rules = recording.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").values()
    assert [rule.name for rule in rules if rule.inputs["securityGroupId"] == "cluster-access-id"] == []


def test_a_viewer_has_an_entry_of_its_own_with_a_policy_that_reads_no_secret():
    recording = made()
    assert recording.one("aws:eks/accessEntry:AccessEntry").inputs["principalArn"] == VIEWER
    policy = recording.one("aws:eks/accessPolicyAssociation:AccessPolicyAssociation").inputs["policyArn"]
    assert policy == "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


def test_nothing_is_made_that_is_not_asked_for():
    recording = made(from_vpc=False, viewers=False)
    assert [item.name for item in recording.registrations if item.custom and item.type.startswith("aws:")] == []


def test_an_administrator_is_no_viewer_besides():
    settings = settings_of("prod")
    settings["cluster"]["access"] = {"viewers": settings["cluster"]["admins"]}
    with pytest.raises(SettingsError, match=r"cluster\.access\.viewers.*none of the administrators"):
        parse("prod", settings)
