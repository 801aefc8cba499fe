"""A teardown that is killed again and again: each run goes on where the last one was ended, until nothing is left."""

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.paths import Paths
from local.providers.install import install_plugins
from operations.engine import find_engine
from tests.conftest import Said
from tests.killed_command import kill_after, tail
from tests.local.aws_server_process import AwsServerProcess
from tests.local.bootstrap_checkout import add_environment, make_checkout, write_profile

pytestmark = [pytest.mark.local, pytest.mark.timeout(900)]
GROUNDWORK = """
import sys
from pathlib import Path

from local.paths import Paths
from operations import environments

environments.this_checkout = lambda: Paths(Path.cwd())
from operations.cli import main

main()
"""
"""The command in a checkout that holds no code of its own."""
PROGRAM = """
import json

import pulumi
import pulumi_aws as aws

tags = aws.ProviderDefaultTagsArgs(tags={"groundwork:environment": "dev", "managed-by": "groundwork"})
provider = aws.Provider("aws", region="eu-central-1", profile="groundwork-dev", default_tags=tags)
opts = pulumi.ResourceOptions(provider=provider)
key = aws.kms.Key("key", deletion_window_in_days=7, opts=opts)
aws.kms.Alias("alias", name="alias/groundwork-dev-data", target_key_id=key.key_id, opts=opts)
for word, emptied in (("lake", True), ("record", False)):
    bucket = aws.s3.Bucket(word, bucket=f"groundwork-dev-{word}", force_destroy=emptied, opts=opts)
    on = aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled")
    aws.s3.BucketVersioning(f"{word}-versions", bucket=bucket.bucket, versioning_configuration=on, opts=opts)
    by_key = aws.s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
        sse_algorithm="aws:kms", kms_master_key_id=key.arn
    )
    rule = aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(apply_server_side_encryption_by_default=by_key)
    aws.s3.BucketServerSideEncryptionConfiguration(
        f"{word}-encryption", bucket=bucket.bucket, rules=[rule], opts=opts
    )
aws.ecr.Repository("images", name="groundwork/dev/images", force_delete=True, opts=opts)
vpc = aws.ec2.Vpc("vpc", cidr_block="10.8.0.0/16", opts=opts)
gateway = aws.ec2.InternetGateway("gateway", vpc_id=vpc.id, opts=opts)
table = aws.ec2.RouteTable("table", vpc_id=vpc.id, opts=opts)
group = aws.ec2.SecurityGroup("group", name="groundwork-dev", description="x", vpc_id=vpc.id, opts=opts)
for zone in ("a", "b"):
    cidr = f"10.8.{ord(zone)}.0/24"
    subnet = aws.ec2.Subnet(
        f"subnet-{zone}", vpc_id=vpc.id, cidr_block=cidr, availability_zone=f"eu-central-1{zone}", opts=opts
    )
    aws.ec2.RouteTableAssociation(f"table-{zone}", route_table_id=table.id, subnet_id=subnet.id, opts=opts)
loose = {"Name": "groundwork-dev-loose"}
aws.ec2.Subnet(
    "subnet-loose", vpc_id=vpc.id, cidr_block="10.8.1.0/24", availability_zone="eu-central-1a", tags=loose, opts=opts
)
allow = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
trust = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
role = aws.iam.Role("role", name="groundwork-dev-nodes", assume_role_policy=trust, opts=opts)
look = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}
policy = json.dumps({"Version": "2012-10-17", "Statement": [look]})
aws.iam.RolePolicy("policy", role=role.name, policy=policy, opts=opts)
for word in ("jobs", "images"):
    aws.cloudwatch.LogGroup(f"logs-{word}", name=f"/groundwork/dev/{word}", retention_in_days=7, opts=opts)
aws.sns.Topic("alerts", name="groundwork-dev-alerts", opts=opts)
for number in range(3):
    aws.ssm.Parameter(f"parameter-{number}", name=f"/groundwork/dev/{number}", type="String", value="{}", opts=opts)
"""
RESOURCES = 26
"""Of the stack, without itself and its provider; what the program above makes."""
SURVIVED = 5
"""Kills at least: where the test is slow to kill, more than three things go between two kills."""
REVIVED = [f"/aws/eks/groundwork-dev/{word}" for word in ("cluster", "late", "later", "last")]
"""Log groups that come after the stack's own have gone: leftovers."""


@pytest.fixture
def checkout(server: AwsServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment that is up: its state is in a folder, and its buckets hold something."""
    for variable in [name for name in os.environ if name.startswith(("AWS_", "PULUMI_"))]:
        monkeypatch.delenv(variable)
    (tmp_path / "backend").mkdir()
    for name, value in {
        "AWS_CONFIG_FILE": str(tmp_path / "config-dev"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }.items():
        monkeypatch.setenv(name, value)
    write_profile(tmp_path / "config-dev", server, "dev")
    install_plugins(tmp_path / "home")
    checkout = make_checkout(tmp_path / "checkout")
    (checkout / "Pulumi.yaml").write_text(
        f"name: groundwork\nruntime:\n  name: python\n  options:\n    virtualenv: {sys.prefix}\n"
    )
    (checkout / "__main__.py").write_text(PROGRAM)
    (checkout / "policies").mkdir()
    add_environment(checkout, "dev")
    with (checkout / "Pulumi.dev.yaml").open("a") as settings:
        settings.write("  groundwork:protection: {protect: false, clusterDeletion: false, deleteContents: false}\n")
    (checkout / "groundwork.yaml").write_text(
        "environments:\n  dev:\n    secretsProvider: passphrase\n"
        f"    backend: file://{tmp_path}/backend?metadata=skip\n"
    )
    pulumi(checkout, "stack", "init", "--secrets-provider", "passphrase")
    pulumi(checkout, "up", "--yes", "--skip-preview")
    s3 = server.client("s3")
    for word in ("lake", "record"):
        for body in (b"1,2", b"3,4"):
            s3.put_object(Bucket=f"groundwork-dev-{word}", Key="rows.csv", Body=body)
    for name in REVIVED:
        server.client("logs", region_name="eu-central-1").create_log_group(logGroupName=name)
    return checkout


def pulumi(checkout: Path, *arguments: str) -> str:
    engine = find_engine(Paths(checkout))
    backend = {"PULUMI_BACKEND_URL": f"file://{checkout.parent}/backend?metadata=skip"}
    done = subprocess.run(
        [str(engine), *arguments, "--stack", "dev", "--non-interactive", "--color=never"],
        cwd=checkout,
        env={**os.environ, **backend, "PATH": f"{engine.parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def groundwork(*arguments: str) -> list[str]:
    return [sys.executable, "-c", GROUNDWORK, *arguments]


def resources(checkout: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(pulumi(checkout, "stack", "export"))["deployment"].get("resources") or []
    return [each for each in found if not each["type"].startswith("pulumi:")]


def cut_off(checkout: Path, name: str) -> None:
    """The state as an engine leaves it that was killed before it wrote down what AWS had answered."""
    file = checkout.parent / "backend" / ".pulumi" / "stacks" / "groundwork" / "dev.json"
    document = json.loads(file.read_text())
    latest = document["checkpoint"]["latest"]
    [made] = [each for each in latest["resources"] if each["urn"].endswith(f"::{name}")]
    latest["resources"].remove(made)
    begun = {key: value for key, value in made.items() if key not in ("id", "outputs")}
    latest["pending_operations"] = [{"type": "creating", "resource": begun}]
    file.write_text(json.dumps(document))


def test_a_teardown_that_is_killed_after_every_third_step_ends_empty_and_keeps_what_the_settings_retain(
    server: AwsServerProcess, checkout: Path, said: Said
):
    assert len(resources(checkout)) == RESOURCES
    # It lies in the network, which could not go before it.
    cut_off(checkout, "subnet-loose")
    teardown = groundwork("teardown", "dev", "--yes", "--keep-protected", "--remove-leftovers", "-o", "json")
    ended = kill_after(teardown, itertools.repeat(3), folder=checkout, environment=os.environ)
    said(f"a teardown of {len(ended.steps)} steps survived {ended.kills} kills")
    assert ended.status == 0, tail(ended.said)
    assert ended.kills >= SURVIVED, tail(ended.said)

    s3, logs, kms = (server.client(service, region_name="eu-central-1") for service in ("s3", "logs", "kms"))
    # What may not be emptied is there with all that was in it, with the key that opens it and what guards it.
    versions = s3.list_object_versions(Bucket="groundwork-dev-record")["Versions"]
    assert len(versions) == 2
    assert s3.get_bucket_versioning(Bucket="groundwork-dev-record")["Status"] == "Enabled"
    assert {each["urn"].rsplit("::", 1)[1] for each in resources(checkout)} == {
        *("record", "record-versions", "record-encryption", "key", "alias")
    }
    [key] = kms.list_keys()["Keys"]
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Enabled"
    assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == ["groundwork-dev-record"]
    assert logs.describe_log_groups()["logGroups"] == []
    ec2 = server.client("ec2", region_name="eu-central-1")
    assert ec2.describe_vpcs(Filters=[{"Name": "tag:managed-by", "Values": ["groundwork"]}])["Vpcs"] == []
    assert server.client("iam").list_roles()["Roles"] == []
    assert not list((checkout.parent / "backend").rglob("locks/**/*.json"))
    assert ours(checkout) == []


def ours(checkout: Path) -> list[str]:
    """Processes that the killed runs have left, of an engine or of its plugins, after a minute at most."""
    folders = (str(checkout), str(checkout.parent / "home"))

    def left() -> list[str]:
        commands = [_command(process) for process in psutil.process_iter()]
        return [command for command in commands if any(folder in command for folder in folders)]

    until = time.monotonic() + 60
    while left() and time.monotonic() < until:
        time.sleep(0.2)
    return left()


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
