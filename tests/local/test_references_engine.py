"""Settings that stand elsewhere, by the genuine engine: Terraform states, CloudFormation exports and other stacks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from typer.testing import CliRunner

from operations import environments
from operations.cli import app
from operations.doctor.subject import read_settings
from operations.engine_run import StackEngine
from operations.environments import OperatedEnvironment
from operations.references import sources
from tests.local.aws_server_process import AwsServerProcess
from tests.local.engine_project import Project, must, new_project
from tests.local.terraform_project import TerraformProject, terraform_project

# Where there is no Terraform, it is built first.
pytestmark = [pytest.mark.local, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[2]
BUCKET, KEY = "acme-terraform", "network/terraform.tfstate"
STATE = f"tfstate:s3://{BUCKET}/{KEY}#"
STACK = "stack:organization/network/dev#"
SEALED = "stack:organization/network/sealed#"
"""A stack with the same outputs, whose secrets nobody but its owner can decrypt."""
NETWORK = """
resource "terraform_data" "vpc" { input = "VPC" }
output "vpc_id" { value = terraform_data.vpc.output }
output "log_days" { value = DAYS }
output "password" {
  value     = "hunter2"
  sensitive = true
}
"""
SUBNETS = {
    f"Subnet{zone}": {
        "Type": "AWS::EC2::Subnet",
        "Properties": {
            "VpcId": {"Ref": "Vpc"},
            "CidrBlock": f"10.77.{number}.0/24",
            "AvailabilityZone": f"us-east-1{zone.lower()}",
        },
    }
    for number, zone in enumerate("AB")
}
VPC = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.77.0.0/16"}}
TEMPLATE = {
    "Resources": {"Vpc": VPC, **SUBNETS},
    "Outputs": {
        "Vpc": {"Value": {"Ref": "Vpc"}},
        "Subnets": {
            "Value": {"Fn::Join": [",", [{"Ref": name} for name in SUBNETS]]},
            "Export": {"Name": "shared:subnets"},
        },
        "Admin": {"Value": "role/platform-admin", "Export": {"Name": "shared-admin"}},
    },
}
PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})

import pulumi
import pulumi_aws as aws
from components.network import ExistingNetwork, Network
from infra.providers import aws_provider
from infra.settings import load

environment, settings = load()
provider = aws_provider(environment, settings)
given = settings.network.existing
network = Network(
    "network",
    ExistingNetwork(vpc_id=given.vpc_id, private_subnet_ids=list(given.private_subnet_ids)),
    pulumi.ResourceOptions(providers={{"aws": provider}}),
)
aws.ec2.SecurityGroup(
    "group", name="probe", vpc_id=network.vpc_id, opts=pulumi.ResourceOptions(provider=provider)
)
pulumi.export("subnets", list(given.private_subnet_ids))
pulumi.export("days", settings.cluster.log_days)
pulumi.export("tags", settings.tags)
pulumi.export("admins", list(settings.cluster.admins))
pulumi.export("window", settings.keys.deletion_window_days)
"""
OTHER = """
import pulumi

pulumi.export("owner", "platform")
pulumi.export("costs", {"centre": "1234"})
pulumi.export("days", 30)
pulumi.export("key", pulumi.Output.secret("correct-horse"))
"""
SETTINGS: dict[str, Any] = {
    "region": "us-east-1",
    "accountId": "123456789012",
    "profile": "groundwork-local",
    "network": {"existing": {"vpcId": f"{STATE}vpc_id", "privateSubnetIds": "cfn:shared:subnets"}},
    "tags": {"owner": f"{STACK}owner", "cost-centre": f"{STACK}costs.centre"},
    "cluster": {"admins": ["cfn:shared-admin"], "logDays": f"{STATE}log_days"},
    "keys": {"deletionWindowDays": f"{SEALED}days"},
    "teams": [{"name": "research"}],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServerProcess]:
    process = AwsServerProcess(tmp_path_factory.mktemp("aws"))
    process.start()
    yield process
    process.ensure_stopped()


@pytest.fixture(scope="module")
def stack(server: AwsServerProcess) -> dict[str, str]:
    """A VPC that CloudFormation has made: the stack's outputs."""
    cloudformation = server.client("cloudformation")
    cloudformation.create_stack(StackName="shared", TemplateBody=json.dumps(TEMPLATE))
    [made] = cloudformation.describe_stacks(StackName="shared")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
    # moto's CloudFormation leaves it out.
    server.client("ec2").modify_vpc_attribute(VpcId=outputs["Vpc"], EnableDnsHostnames={"Value": True})
    return outputs


def network(vpc: str, days: int) -> str:
    """What somebody else's Terraform says of the network."""
    return NETWORK.replace("VPC", vpc).replace("DAYS", str(days))


@pytest.fixture(scope="module")
def terraform(
    server: AwsServerProcess, stack: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> TerraformProject:
    """A network that somebody else keeps with Terraform, its state in S3."""
    server.client("s3").create_bucket(Bucket=BUCKET)
    project = terraform_project(tmp_path_factory.mktemp("terraform") / "network", server, BUCKET, KEY)
    project.write(network(stack["Vpc"], 14))
    project.apply()
    return project


@pytest.fixture(scope="module")
def project(
    server: AwsServerProcess, terraform: TerraformProject, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """An environment whose settings stand in all three places, its stack up."""
    root = tmp_path_factory.mktemp("engine")
    made = new_project(root)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        other = Project(root / "other", made.engine)
        other.folder.mkdir()
        runtime = yaml.safe_load((made.folder / "Pulumi.yaml").read_text())["runtime"]
        (other.folder / "Pulumi.yaml").write_text(yaml.safe_dump({"name": "network", "runtime": runtime}))
        other.write(OTHER)
        for stack, passphrase in (("dev", "test"), ("sealed", "nobody else's")):
            patch.setattr(other, "environment", lambda word=passphrase: sealed_with(made, word))
            must(other, "stack", "init", stack)
            must(other, "up", "--yes", "--skip-preview")
        # The types that the project file gives to sections are the engine's to check.
        ours = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
        (made.folder / "Pulumi.yaml").write_text(
            yaml.safe_dump({"name": "groundwork", "runtime": runtime, "config": ours["config"]})
        )
        must(made, "stack", "init", "dev")
        made.write(PROGRAM)
        settle(made)
        must(made, "up", "--yes", "--skip-preview")
        yield made


def sealed_with(project: Project, passphrase: str) -> dict[str, str]:
    return project.environment() | {"PULUMI_CONFIG_PASSPHRASE": passphrase}


def settle(project: Project, **changes: Any) -> None:
    """Writes the environment's settings beside the salt of its secrets."""
    file = project.folder / "Pulumi.dev.yaml"
    document = yaml.safe_load(file.read_text())
    settings = {**SETTINGS, **changes}
    document["config"] = {f"groundwork:{key}": value for key, value in settings.items()}
    file.write_text(yaml.safe_dump(document))


def outputs(project: Project) -> dict[str, Any]:
    return json.loads(must(project, "stack", "output", "--json"))


def test_values_come_from_all_three_places_and_are_typed(project: Project, stack: dict[str, str]):
    assert outputs(project) == {
        "subnets": stack["Subnets"].split(","),
        "days": 14,
        "tags": {"owner": "platform", "cost-centre": "1234"},
        "admins": ["role/platform-admin"],
        "window": 30,
    }
    ec2: Any = boto3.Session(profile_name="groundwork-local").client("ec2")
    made = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["probe"]}])["SecurityGroups"]
    assert [group["VpcId"] for group in made] == [stack["Vpc"]]
    said = must(project, "preview", "--expect-no-changes")
    assert "7 settings come from elsewhere:" in said
    assert f"cluster.logDays: {STATE}log_days" in said


def test_what_terraform_changes_shows_in_the_next_preview(
    project: Project, terraform: TerraformProject, stack: dict[str, str]
):
    terraform.write(network(stack["Vpc"], 30))
    terraform.apply()
    try:
        assert "30" in must(project, "preview", "--diff")
        terraform.write(network(stack["Vpc"], 31))
        terraform.apply()
        refused = project.run("preview")
        assert refused.returncode != 0
        assert f"groundwork:cluster.logDays: 31 (from {STATE}log_days) is not allowed" in refused.stdout
    finally:
        terraform.write(network(stack["Vpc"], 14))
        terraform.apply()


def operated(project: Project) -> OperatedEnvironment:
    return OperatedEnvironment(
        name="dev",
        profile="groundwork-local",
        account_id="123456789012",
        region="us-east-1",
        backend=None,
        secrets_provider=None,
        checkout=project.folder,
    )


@pytest.fixture
def led(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Commands about `dev` are led to the test's project, server and backend."""
    engine = StackEngine(program=project.engine, folder=project.folder, stack="dev", variables=project.environment())
    monkeypatch.setattr(sources, "stack_engine", lambda _: engine)
    monkeypatch.setattr(sources, "boto_session", lambda _: boto3.Session(profile_name="groundwork-local"))
    monkeypatch.setattr(environments, "environment", lambda _: operated(project))
    return project


def test_another_workspace_is_another_key(led: Project, terraform: TerraformProject, stack: dict[str, str]):
    terraform.run("workspace", "new", "-no-color", "staging")
    try:
        terraform.write(network(stack["Vpc"], 60))
        terraform.apply()
    finally:
        terraform.write(network(stack["Vpc"], 14))
        terraform.run("workspace", "select", "-no-color", "default")
    reference = f"tfstate:s3://{BUCKET}/env:/staging/{KEY}#log_days"
    settle(led, cluster={"logDays": reference})
    try:
        settings, _ = read_settings(operated(led))
    finally:
        settle(led)
    assert settings is not None
    assert settings.cluster.log_days == 60


def test_the_command_shows_what_each_reference_leads_to_and_doctor_looks_it_up(led: Project, stack: dict[str, str]):
    shown = CliRunner().invoke(app, ["references", "dev"])
    assert shown.exit_code == 0, shown.output
    lines = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()}
    assert lines["cluster.logDays"] == ["14", f"{STATE}log_days"]
    assert lines["network.existing.vpcId"] == [stack["Vpc"], f"{STATE}vpc_id"]
    assert lines["network.existing.privateSubnetIds"] == [stack["Subnets"], "cfn:shared:subnets"]
    assert lines["tags.cost-centre"] == ["1234", f"{STACK}costs.centre"]
    settings, findings = read_settings(operated(led))
    assert settings is not None
    assert settings.network.existing is not None
    assert settings.network.existing.private_subnet_ids == tuple(stack["Subnets"].split(","))
    assert [finding.text for finding in findings] == ["valid: 0 node pools, 1 team, us-east-1, 7 values from elsewhere"]


def test_the_command_ends_with_one_where_a_reference_leads_nowhere_and_shows_no_secret(led: Project):
    settle(led, tags={"key": f"{SEALED}key", "owner": f"{STACK}owner"}, keys={"deletionWindowDays": "cfn:shared-admin"})
    try:
        shown = CliRunner().invoke(app, ["references", "dev", "-o", "json"])
    finally:
        settle(led)
    assert shown.exit_code == 1
    document = json.loads(shown.stdout)
    followed = {each["setting"]: each for each in document["references"]}
    assert followed["tags.owner"]["value"] == "platform"
    assert followed["tags.owner"]["problem"] is None
    assert followed["tags.key"]["value"] is None
    assert "marks 'key' as one" in followed["tags.key"]["problem"]
    assert followed["keys.deletionWindowDays"]["value"] == "role/platform-admin"
    assert [line.split(": ")[0] for line in document["problems"]] == [
        "groundwork:tags.key",
        "groundwork:keys.deletionWindowDays",
    ]
    assert "correct-horse" not in shown.output


def test_everything_that_leads_nowhere_is_named_at_once_and_no_secret_is_shown(project: Project):
    wrong = {
        "terraform-secret": f"{STATE}password",
        "stack-secret": f"{STACK}key",
        "sealed-secret": f"{SEALED}key",
        "export": "cfn:shared-admim",
        "stack": "stack:organization/network/prod#owner",
        "output": f"{STACK}ownr",
        "bucket": "tfstate:s3://nobodys-terraform/a#b",
        "object": f"tfstate:s3://{BUCKET}/networks/terraform.tfstate#vpc_id",
    }
    settle(project, tags=wrong)
    try:
        refused = project.run("preview")
    finally:
        settle(project)
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "8 settings are not valid; nothing has been changed." in said
    for key, words in {
        "terraform-secret": "marks 'password' as one",
        "stack-secret": "marks 'key' as one",
        "sealed-secret": "the stack organization/network/sealed marks 'key' as one",
        "export": "has no export 'shared-admim'; did you mean shared-admin? Exports belong to one region",
        "stack": "cannot be read: ",
        "output": "the stack organization/network/dev has no output 'ownr'; did you mean owner?",
        "bucket": "there is no bucket nobodys-terraform",
        "object": f"the bucket {BUCKET} has no object networks/terraform.tfstate. A workspace other than `default`",
    }.items():
        [line] = [line for line in said.splitlines() if f"groundwork:tags.{key}: " in line]
        assert words in line
    assert "hunter2" not in said
    assert "correct-horse" not in said


def test_a_profile_of_another_account_reads_nothing(project: Project):
    settle(project, accountId="111122223333")
    try:
        refused = project.run("preview")
    finally:
        settle(project)
    assert refused.returncode != 0
    assert "profile groundwork-local is of account 123456789012, and the only account" in refused.stdout
