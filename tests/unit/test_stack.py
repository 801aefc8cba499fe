"""The whole program under mocks, with the settings of each environment that ships."""

import json
from typing import Any

import pytest

from infra.principals import same_principal
from infra.stack import deploy
from platform_contract import from_parameters
from tests.unit.recording import ACCOUNT, Recording, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
HOLD_DATA = {
    "aws:s3/bucket:Bucket",
    "aws:kms/key:Key",
    "aws:ecr/repository:Repository",
    "aws:eks/cluster:Cluster",
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer",
    "aws:amp/workspace:Workspace",
    "aws:sagemaker/mlflowApp:MlflowApp",
    "aws:rds/instance:Instance",
}


Deployed = tuple[str, Recording]


@pytest.fixture(scope="module", params=["local", "dev", "prod"])
def deployed(request: pytest.FixtureRequest) -> Deployed:
    return request.param, record(deploy, stack=request.param, config=settings_of(request.param))


def test_what_is_published_is_a_contract_that_a_client_reads(deployed: Deployed):
    environment, recording = deployed
    written = recording.of("aws:ssm/parameter:Parameter").values()
    contract = from_parameters(environment, {item.inputs["name"]: item.inputs["insecureValue"] for item in written})
    assert contract.platform.environment == environment
    assert contract.platform.account_id == ACCOUNT
    assert set(contract.teams) == {team["name"] for team in settings_of(environment)["teams"]}
    limits = {name: limit for pools in contract.cluster.node_pools.values() for name, limit in pools.items()}
    assert limits == {
        pool["name"]: pool.get("maxGpus") or pool.get("maxNeuronDevices") or pool["maxVcpus"]
        for pool in settings_of(environment)["nodePools"]
    }
    assert contract.registry.serving_image.startswith(contract.registry.repositories["serving"] + ":")


def test_the_stack_output_is_the_contract(deployed: Deployed):
    _, recording = deployed
    output = recording.outputs["contract"]
    for item in recording.of("aws:ssm/parameter:Parameter").values():
        section = item.inputs["name"].split("/contract/")[1].split("/")
        if section[0] == "team-index":
            assert json.loads(item.inputs["insecureValue"]) == sorted(output["teams"])
            continue
        document = output["teams"][section[1]] if section[0] == "teams" else output[section[0]]
        assert json.loads(item.inputs["insecureValue"]) == document


def test_everything_has_an_explicit_provider(deployed: Deployed):
    _, recording = deployed
    for item in recording.registrations:
        if item.custom and not item.type.startswith("pulumi:providers:"):
            assert item.provider, f"{item.type} {item.name}"


def test_the_provider_refuses_other_accounts_where_one_is_set(deployed: Deployed):
    environment, recording = deployed
    inputs = recording.one("pulumi:providers:aws").inputs
    assert inputs["profile"] == f"groundwork-{environment}"
    account = settings_of(environment).get("accountId")
    assert json.loads(inputs.get("allowedAccountIds", "null")) == ([account] if account else None)


def test_logical_names_carry_no_environment_and_no_account(deployed: Deployed):
    environment, recording = deployed
    names = [item.name for item in recording.registrations]
    assert len(set(zip((item.type for item in recording.registrations), names, strict=True))) == len(names)
    for name in names:
        assert environment not in name.split("-")
        assert ACCOUNT not in name


def test_what_holds_data_is_protected_where_the_settings_say_so(deployed: Deployed):
    environment, recording = deployed
    wanted = settings_of(environment)["protection"]["protect"]
    for item in recording.registrations:
        assert item.protect == (wanted and item.type in HOLD_DATA), f"{item.type} {item.name}"


def test_only_production_is_protected_from_a_destroy():
    protected = {name: settings_of(name)["protection"] for name in ("local", "dev", "prod")}
    assert protected["prod"] == {"protect": True, "clusterDeletion": True, "deleteContents": False}
    assert (
        protected["dev"] == protected["local"] == {"protect": False, "clusterDeletion": False, "deleteContents": True}
    )


def test_every_identity_policy_names_its_actions_and_its_resources(deployed: Deployed):
    _, recording = deployed
    for item in recording.registrations:
        if item.type == "aws:iam/rolePolicy:RolePolicy":
            for statement in json.loads(item.inputs["policy"])["Statement"]:
                where = f"{item.name} {statement['Sid']}"
                assert not [action for action in statement["Action"] if "*" in action], where
                assert ("*" in statement["Resource"]) == statement["Sid"].endswith("Unscoped"), where


def test_statement_ids_of_a_policy_are_words_and_differ(deployed: Deployed):
    _, recording = deployed
    for item in recording.registrations:
        for key in ("policy", "assumeRolePolicy"):
            document = json.loads(item.inputs[key]) if isinstance(item.inputs.get(key), str) else {}
            sids = [statement["Sid"] for statement in document.get("Statement", [])]
            assert len(set(sids)) == len(sids), item.name
            assert all(sid.isalnum() for sid in sids), item.name


def test_every_name_fits_what_aws_takes(deployed: Deployed):
    _, recording = deployed
    limits = {"aws:iam/role:Role": ("name", 64), "aws:s3/bucket:Bucket": ("bucket", 63)}
    for kind, (key, limit) in limits.items():
        for item in recording.of(kind).values():
            assert len(item.inputs[key]) <= limit, item.inputs[key]


def test_the_cluster_leaves_before_its_ways_out(deployed: Deployed):
    _, recording = deployed
    routes = {item.name for item in recording.registrations if item.type == "aws:ec2/route:Route"}
    assert routes <= recording.one("aws:eks/cluster:Cluster").dependencies
    assert routes <= recording.one("pulumi:providers:kubernetes").dependencies


def test_a_second_run_registers_the_same(deployed: Deployed):
    environment, first = deployed
    second = record(deploy, stack=environment, config=settings_of(environment))

    def seen(recording: Recording) -> dict[tuple[str, str], Any]:
        return {(item.type, item.name): item.inputs for item in recording.registrations}

    assert seen(first) == seen(second)


def test_a_platform_stands_on_an_existing_network_and_an_existing_tracking_server():
    existing = {"vpcId": "vpc-0a1b2c3d", "privateSubnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]}
    changed = {
        "network": {"existing": existing},
        "tracking": {"kind": "existing", "uri": "https://mlflow.example"},
    }
    recording = record(deploy, config={**settings_of("dev"), **changed})
    assert not [item.name for item in recording.registrations if item.name.startswith("network-")]
    assert recording.outputs["contract"]["network"]["private_subnet_ids"] == existing["privateSubnetIds"]
    assert recording.outputs["contract"]["tracking"]["uri"] == "https://mlflow.example"
    assert recording.one("aws:eks/cluster:Cluster").inputs["vpcConfig"]["subnetIds"] == existing["privateSubnetIds"]


def test_a_destroy_ends_a_teams_pods_before_the_pools_that_they_run_on(deployed: Deployed):
    _, recording = deployed
    pools = {item.name for item in recording.registrations if item.type == "kubernetes:karpenter.sh/v1:NodePool"}
    spaces = recording.of("kubernetes:core/v1:Namespace").values()
    of_teams = [item for item in spaces if "groundwork/team" in (item.inputs["metadata"].get("labels") or {})]
    assert len(of_teams) == len(recording.outputs["contract"]["teams"])
    for namespace in of_teams:
        assert pools
        assert pools <= namespace.dependencies


def test_a_destroy_ends_a_teams_jobs_before_the_controller_of_their_queues(deployed: Deployed):
    _, recording = deployed
    queues = recording.of("kubernetes:kueue.x-k8s.io/v1beta2:LocalQueue")
    for name, team in recording.outputs["contract"]["teams"].items():
        assert team["queue"] == "default"
        space = f"team-{name}-namespace"
        assert "kueue-controller" in recording.one("kubernetes:core/v1:Namespace", space).dependencies
        assert space in queues[f"queues-entry-{name}"].dependencies


@pytest.mark.parametrize(
    ("caller", "principal", "same"),
    [
        ("arn:aws:iam::1:user/a", "arn:aws:iam::1:user/a", True),
        ("arn:aws:iam::1:user/a", "arn:aws:iam::1:user/b", False),
        ("arn:aws:sts::1:assumed-role/admin/me", "arn:aws:iam::1:role/admin", True),
        ("arn:aws:sts::1:assumed-role/admin/me", "arn:aws:iam::1:role/path/admin", True),
        ("arn:aws:sts::1:assumed-role/admin/me", "arn:aws:iam::2:role/admin", False),
        ("arn:aws:sts::1:assumed-role/admin/me", "arn:aws:iam::1:role/other-admin", False),
    ],
)
def test_a_caller_is_known_behind_an_assumed_role(caller: str, principal: str, same: bool):
    assert same_principal(caller, principal) is same
