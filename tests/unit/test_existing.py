"""Networks, keys and clusters of somebody else's: what a program makes beside them, and what does not fit."""

import json
from typing import Any

import pulumi
import pytest

from components.cluster import Cluster
from components.existing_cluster import ExistingCluster
from components.existing_keys import problems as key_problems
from components.keys import Keys, KeysArgs, data_key_policy, key_policy, logs_key_policy
from components.network import ExistingNetwork, Network
from components.tagging import register_tagging
from infra.settings import SettingsError, parse
from infra.stack import deploy
from operations.doctor.account import check_admin
from operations.doctor.cluster import check_api_server
from operations.doctor.finding import Level
from operations.doctor.needs import needs
from operations.leftovers.subject import existing_of
from tests.unit.doctor_fakes import one, subject
from tests.unit.doctor_fakes import refused as not_found
from tests.unit.parts import PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
VPC = {"vpcId": "vpc-0a1b2c3d", "privateSubnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]}
ID = "0a1b2c3d-0a1b-2c3d-4e5f-0a1b2c3d4e5f"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{ID}"
KEYS = {"data": KEY, "cluster": KEY, "logs": KEY}


def adopted(**more: Any) -> dict[str, Any]:
    """The settings of dev on a network, keys and a cluster that are there."""
    pools = [pool for pool in settings_of("dev")["nodePools"] if pool.get("kind", "auto") == "auto"]
    return {
        **settings_of("dev"),
        "accountId": ACCOUNT,
        "network": {"existing": VPC},
        "keys": {"existing": KEYS},
        "cluster": {"existing": {"name": "shared"}},
        "nodePools": pools,
        **more,
    }


def three_things() -> None:
    """A network, keys and a cluster that are there, and nothing else."""
    options = with_aws()
    subnets = VPC["privateSubnetIds"]
    network = Network("network", ExistingNetwork(vpc_id="vpc-0a1b2c3d", private_subnet_ids=list(subnets)), options)
    Keys("keys", KeysArgs(placement=PLACEMENT, existing=KEYS), options)
    existing = ExistingCluster(
        placement=PLACEMENT, name="shared", vpc_id=network.vpc_id, profile="groundwork-dev", is_scraped=True
    )
    Cluster("cluster", existing, options)


@pytest.fixture(scope="module")
def whole() -> Recording:
    return record(deploy, config=adopted())


def refused(settings: dict[str, Any]) -> str:
    with pytest.raises(SettingsError) as error:
        parse("dev", settings)
    return str(error.value)


def test_a_platform_on_what_exists_makes_no_network_no_such_key_and_no_cluster(whole: Recording):
    recording = whole
    made = {item.type for item in recording.registrations if item.custom}
    for service in ("aws:ec2/vpc:", "aws:ec2/subnet:", "aws:ec2/route:", "aws:eks/cluster:", "aws:ec2/natGateway:"):
        assert not [type_ for type_ in made if type_.startswith(service)], service
    assert not [name for name in recording.of("aws:kms/key:Key") if name.startswith("keys-")]
    assert not [name for name in recording.of("aws:iam/role:Role") if name.startswith("cluster-")]
    assert not [name for name in recording.of("aws:eks/accessEntry:AccessEntry") if "-admin-" in name]
    contract = recording.outputs["contract"]
    assert contract["cluster"]["name"] == "shared"
    assert contract["network"]["private_subnet_ids"] == VPC["privateSubnetIds"]
    assert contract["storage"]["kms_key_arn"] == KEY
    user = json.loads(recording.one("pulumi:providers:kubernetes").inputs["kubeconfig"])["users"][0]["user"]
    assert user["exec"]["args"][-3] == "shared"


def test_one_key_may_be_taken_and_the_others_made():
    args = KeysArgs(placement=PLACEMENT, existing={"data": KEY})
    recording = record(lambda: Keys("keys", args, with_aws()))
    assert set(recording.of("aws:kms/key:Key")) == {"keys-cluster", "keys-logs"}
    assert set(recording.of("aws:kms/alias:Alias")) == {"keys-cluster-alias", "keys-logs-alias"}


def test_what_is_read_gets_no_tag_of_ours():
    seen: list[Any] = []

    def program() -> None:
        register_tagging("groundwork-dev", "dev")
        pulumi.runtime.register_stack_transformation(lambda args: seen.append(args))
        three_things()

    record(program)
    [read] = [args for args in seen if args.type_ == "aws:kms/key:Key" and args.name == "keys-data-existing"]
    assert read.props["tags"] is None


def test_a_team_comes_into_an_existing_cluster_by_an_access_entry_of_its_own(whole: Recording):
    entries = whole.of("aws:eks/accessEntry:AccessEntry")
    assert entries
    assert {item.inputs["clusterName"] for item in entries.values()} == {"shared"}


@pytest.mark.parametrize(
    ("call", "answer", "said"),
    [
        ("aws:ec2/getVpc:getVpc", {"enableDnsSupport": False}, "its DNS support is off"),
        ("aws:ec2/getSubnet:getSubnet", {"availabilityZone": "us-east-1a"}, "all its subnets lie in us-east-1a"),
        ("aws:ec2/getSubnet:getSubnet", {"vpcId": "vpc-1"}, "subnet-0a1b2c3d lies in vpc-1, not in vpc-0a1b2c3d"),
        ("aws:ec2/getSubnet:getSubnet", {"mapPublicIpOnLaunch": True}, "gives machines public addresses"),
        ("aws:ec2/getSubnet:getSubnet", {"availableIpAddressCount": 5}, "has 5 free addresses"),
        ("aws:eks/getCluster:getCluster", {"status": "DELETING"}, "it is DELETING"),
        ("aws:eks/getCluster:getCluster", {"computeConfigs": []}, "it is not in Auto Mode"),
        (
            "aws:eks/getCluster:getCluster",
            {"vpcConfig": {"vpcId": "vpc-2", "clusterSecurityGroupId": "sg-1"}},
            "it lies in vpc-2; groundwork:network.existing.vpcId is vpc-0a1b2c3d",
        ),
        (
            "aws:eks/getCluster:getCluster",
            {"vpcConfig": {"vpcId": "vpc-0a1b2c3d", "clusterSecurityGroupId": "sg-1", "endpointPrivateAccess": False}},
            "its private endpoint is off",
        ),
        (
            "aws:eks/getCluster:getCluster",
            {"accessConfigs": [{"authenticationMode": "CONFIG_MAP"}]},
            "its authentication mode is CONFIG_MAP",
        ),
        (
            "aws:eks/getCluster:getCluster",
            {"computeConfigs": [{"enabled": True, "nodePools": [], "nodeRoleArn": ""}]},
            "has no node role",
        ),
        ("aws:kms/key:Key", {"isEnabled": False}, "it is disabled"),
        ("aws:kms/key:Key", {"policy": key_policy("aws", "us-east-1", ACCOUNT)}, "keys.existing.logs"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(call: str, answer: dict[str, Any], said: str):
    with pytest.raises(pulumi.RunError, match="does not fit; nothing of it has been changed") as error:
        record(three_things, answers={call: answer})
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"network": settings_of("dev")["network"]},
            "groundwork:network.existing: is missing; with `cluster.existing`",
        ),
        ({"cluster": {"existing": {"name": "shared"}, "version": "1.35"}}, "groundwork:cluster.version"),
        ({"cluster": {"existing": {"name": "shared"}, "admins": ["role/me"]}}, "groundwork:cluster.admins"),
        ({"cluster": {"existing": {"name": "groundwork-dev"}}}, "`groundwork teardown` would clear it"),
        ({"cluster": {"existing": {"name": "a b"}}}, "the name of an EKS cluster"),
        ({"keys": {"existing": {"data": "alias/ours"}}}, "the ARN of a KMS key (not of an alias)"),
        ({"keys": {"existing": {"data": KEY.replace("us-east-1", "eu-west-1")}}}, "allowed is a key of us-east-1"),
        ({"keys": {"existing": {"logs": KEY.replace(ACCOUNT, "999999999999")}}}, f"in the account {ACCOUNT}"),
        (
            {"nodePools": [{"name": "big", "kind": "managed", "instanceType": "p4d.24xlarge", "maxGpus": 8}]},
            "groundwork:nodePools[0].kind",
        ),
    ],
)
def test_settings_of_existing_things_are_checked_before_aws_is_asked(change: dict[str, Any], said: str):
    assert said in refused(adopted(**change))


def test_the_doctor_asks_after_an_existing_cluster_by_its_own_name():
    existing = {"cluster": {"existing": {"name": "shared"}}, "network": {"existing": VPC}, "nodePools": []}
    existing |= {"teams": [{"name": "research"}], "guardrails": {}}
    missing = subject(instead=existing, eks={"describe_cluster": not_found("ResourceNotFoundException")})
    found = one(check_api_server(missing))
    assert (found.level, found.where) == (Level.FAILURE, "shared")
    assert "cluster.existing.name" in found.mend
    admin = one(check_admin(missing))
    assert admin.level is Level.WARNING
    assert "list-access-entries --cluster-name shared" in admin.mend
    counted, _ = needs(missing.settings)
    assert counted == [], "its nodes are there"


def test_what_settings_take_from_elsewhere_is_spared_wherever_it_is_named():
    assert existing_of(adopted()) == {"shared", KEY, ID, "vpc-0a1b2c3d", "subnet-0a1b2c3d", "subnet-1a1b2c3d"}
    assert existing_of({"region": "us-east-1"}) == frozenset()
    by_reference = {"keys": {"existing": "cfn:keys"}, "network": {"existing": {"privateSubnetIds": "cfn:subnets"}}}
    assert existing_of(by_reference) == frozenset()


def policy_of(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def told(policy: dict[str, Any], wanted: str) -> list[str]:
    return key_problems(
        enabled=True, use="ENCRYPT_DECRYPT", spec="SYMMETRIC_DEFAULT", policy=policy, wanted=json.loads(wanted)
    )


ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
EVERYTHING = {"Effect": "Allow", "Principal": ROOT, "Action": "kms:*", "Resource": "*"}
SOME = {**EVERYTHING, "Action": ["kms:*crypt*", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:CreateGrant"]}
LOGS = {**SOME, "Principal": {"Service": ["logs.us-east-1.amazonaws.com"]}}


@pytest.mark.parametrize("statement", [EVERYTHING, SOME, {**EVERYTHING, "Principal": {"AWS": [ACCOUNT]}}])
def test_a_key_whose_policy_leaves_it_to_the_accounts_iam_fits(statement: dict[str, Any]):
    assert told(policy_of(statement), key_policy("aws", "us-east-1", ACCOUNT)) == []


@pytest.mark.parametrize(
    "statement",
    [
        {**EVERYTHING, "Effect": "Deny"},
        {**EVERYTHING, "Action": ["kms:Encrypt", "kms:Decrypt"]},
        {**EVERYTHING, "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/ours"}},
        {"Effect": "Allow", "Principal": ROOT, "NotAction": "kms:Delete*", "Resource": "*"},
    ],
)
def test_a_key_that_iam_policies_cannot_open_is_refused_with_the_statement_to_add(statement: dict[str, Any]):
    (problem,) = told(policy_of(statement), key_policy("aws", "us-east-1", ACCOUNT))
    assert '"Sid": "AccountDecides"' in problem


def test_a_key_for_logs_lets_cloudwatch_logs_use_it_under_a_condition_of_its_keepers_choice():
    wanted = logs_key_policy("aws", "us-east-1", ACCOUNT)
    assert (
        told(policy_of(EVERYTHING, {**LOGS, "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}), wanted)
        == []
    )
    assert len(told(policy_of(EVERYTHING), wanted)) == 2


def test_a_key_for_data_lets_in_the_accounts_that_models_are_promoted_to():
    wanted = data_key_policy("aws", "us-east-1", ACCOUNT, ["222222222222"])
    assert len(told(policy_of(EVERYTHING), wanted)) == len(json.loads(wanted)["Statement"]) - 1
    assert told(json.loads(wanted), wanted) == []
