"""`groundwork adopt` under the genuine engine: what exists becomes a stack's, and nothing is made twice or lost."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.cli import Format
from local.errors import LocalStackError
from operations import adopt_command
from operations.adoption.kinds import KINDS
from tests.local.aws_server_process import AwsServerProcess
from tests.local.engine_project import Project, lead, must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
DATA, LOGS = f"groundwork-test-data-{ACCOUNT}", f"groundwork-test-logs-{ACCOUNT}"
ROLE, GROUP, SCAN = "groundwork-test-cluster", "/aws/eks/groundwork-test/cluster", "AmazonEKSClusterPolicy"
TRUST = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}

PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import pulumi
import pulumi_aws as aws
from components.artifact_store import ArtifactStore, ArtifactStoreArgs
from components.cluster_roles import ClusterRoles, ClusterRolesArgs
from components.placement import Placement
from components.registry import ImageRegistry, ImageRegistryArgs
from components.tagging import platform_tags, register_tagging

register_tagging("groundwork-test", "test")
tags = aws.ProviderDefaultTagsArgs(tags=platform_tags("test", {{}}))
provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local", default_tags=tags)
account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(provider=provider)).account_id
place = Placement(prefix="groundwork-test", environment="test", region="us-east-1", account_id=account)
made = pulumi.ResourceOptions(providers={{"aws": provider}})
chosen = pulumi.Config().get("key")
key = chosen or aws.kms.Key("key", opts=pulumi.ResourceOptions(provider=provider)).arn
ArtifactStore("store", ArtifactStoreArgs(placement=place, kms_key_arn=key, protect=False), made)
ImageRegistry(
    "registry",
    ImageRegistryArgs(placement=place, repositories=["training", "serving"], kms_key_arn=key, protect=False),
    made,
)
ClusterRoles("roles", ClusterRolesArgs(placement=place), made)
aws.cloudwatch.LogGroup(
    "logs",
    name="{GROUP}",
    retention_in_days=30,
    opts=pulumi.ResourceOptions(provider=provider),
)
"""


@pytest.fixture
def project(server: AwsServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A stack with nothing in it, that `groundwork adopt test` is led to."""
    made = new_project(tmp_path / "engine-home")
    made.write(PROGRAM)
    lead(made, SimpleNamespace(name="test", region="us-east-1", checkout=tmp_path), monkeypatch)
    return made


def adopt(*kinds: str, take: bool = False, output: Format = Format.json) -> int:
    return adopt_command.run("test", kinds or KINDS, None, take=take, yes=True, output=output)


def make_by_hand(server: AwsServerProcess) -> str:
    """What an account has from before the platform; the ARN of a key of its own."""
    s3, ecr, iam = server.client("s3"), server.client("ecr"), server.client("iam")
    key = server.client("kms").create_key(Description="ours since 2019")["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket=DATA)
    s3.put_object(Bucket=DATA, Key="teams/research/rows.csv", Body=b"a,b\n")
    s3.put_bucket_versioning(Bucket=DATA, VersioningConfiguration={"Status": "Suspended"})
    s3.create_bucket(Bucket=LOGS)
    s3.put_bucket_tagging(Bucket=LOGS, Tagging={"TagSet": [{"Key": "groundwork:environment", "Value": "prod"}]})
    ecr.create_repository(
        repositoryName="groundwork/test/training",
        imageTagMutability="MUTABLE",
        encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key},
    )
    ecr.create_repository(repositoryName="groundwork/test/serving")
    trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)
    iam.attach_role_policy(RoleName=ROLE, PolicyArn=f"arn:aws:iam::aws:policy/{SCAN}")
    iam.create_role(RoleName="groundwork-test-nodes", Path="/ours/", AssumeRolePolicyDocument=trust)
    server.client("logs").create_log_group(logGroupName=GROUP)
    return key


def names(entries: list[dict[str, Any]]) -> set[str]:
    return {entry["name"] for entry in entries}


def planned(project: Project) -> dict[str, str]:
    """Name to operation of what the next `up` would do."""
    text = must(project, "preview", "--json")
    steps = json.loads(text[text.index("{") :])["steps"]
    return {step["urn"].rsplit("::", 1)[1]: step["op"] for step in steps if step["op"] != "same"}


def test_what_is_there_is_imported_and_the_next_up_changes_it_in_place(
    project: Project, server: AwsServerProcess, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert adopt() == 0
    assert json.loads(capfd.readouterr().out)["adopted"] == [], "nothing is there yet"
    key = make_by_hand(server)

    # The program would make a key of its own: no repository can have that.
    assert adopt() == 3
    told = json.loads(capfd.readouterr().out)
    why = {entry["name"]: entry["whyNot"] for entry in told["leftOut"]}
    assert set(why) == {"registry-training", "registry-serving", "roles-nodes", "store-logs"}
    assert "keys.existing.data" in why["registry-training"]
    assert "AES256" in why["registry-serving"]
    assert "/ours/" in why["roles-nodes"]
    assert "prod" in why["store-logs"]

    project.config({"key": key})
    assert adopt() == 3
    told = json.loads(capfd.readouterr().out)
    assert names(told["adopted"]) == {
        *("store-data", "store-data-versioning", "registry-training", "logs"),
        *("roles-cluster", f"roles-cluster-{SCAN}"),
    }
    file = Path(told["file"])
    assert file == tmp_path / ".groundwork" / "adopt" / "test.json"
    document = json.loads(file.read_text())
    assert "<PLACEHOLDER>" not in file.read_text()
    assert {entry["name"] for entry in document["resources"] if "id" in entry} == names(told["adopted"])
    assert project.run("stack", "export").stdout.count('"urn"') == 0, "looking has written"

    # By the engine's own command, as the text says.
    must(project, "import", "--file", str(file), "--generate-code=false", "--yes", "--skip-preview")
    steps = planned(project)
    assert {steps.get(name, "same") for name in names(told["adopted"])} == {"update", "same"}, steps
    assert not set(steps.values()) - {"create", "update"}, steps
    assert steps["store-data-versioning"] == "update"
    assert steps["store-data-policy"] == "create"

    # What was left out stands in the way, until it is gone.
    server.client("ecr").delete_repository(repositoryName="groundwork/test/serving")
    iam, s3 = server.client("iam"), server.client("s3")
    iam.delete_role(RoleName="groundwork-test-nodes")
    s3.delete_bucket(Bucket=LOGS)
    must(project, "up", "--yes", "--skip-preview")
    must(project, "preview", "--expect-no-changes")
    assert s3.get_object(Bucket=DATA, Key="teams/research/rows.csv")["Body"].read() == b"a,b\n"
    assert s3.get_bucket_versioning(Bucket=DATA)["Status"] == "Enabled"
    [repository] = server.client("ecr").describe_repositories(repositoryNames=["groundwork/test/training"])[
        "repositories"
    ]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    assert iam.list_role_tags(RoleName=ROLE)["Tags"], "the platform's tags are on it"


def test_adopting_imports_by_itself_and_refuses_what_would_be_replaced(
    project: Project, server: AwsServerProcess, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    key = make_by_hand(server)
    project.config({"key": key})
    assert adopt("bucket", "log-group", take=True, output=Format.text) == 3
    told = capfd.readouterr()
    assert f"bucket      {DATA}: with Versioning" in told.out
    assert "repository" not in told.out
    assert "Imported." in told.err
    state = project.run("stack", "export").stdout
    assert DATA in state
    assert adopt("bucket", "log-group") == 3
    assert json.loads(capfd.readouterr().out)["adopted"] == [], "what is the stack's is not adopted again"

    # A difference that no table row knows of is found by the preview after the import.
    monkeypatch.setattr("operations.adoption.after.ENDS", frozenset({"update"}))
    with pytest.raises(LocalStackError, match=r"would replace what was adopted:\n +registry-training"):
        adopt("repository", take=True)
