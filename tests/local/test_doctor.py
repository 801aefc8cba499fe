"""`groundwork doctor` against the AWS server: a new account, what its own commands mend, a caller without rights."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml

from operations.doctor.examine import examine, would_succeed
from operations.doctor.finding import Finding, Level
from operations.environments import environment
from tests.local.aws_server_process import AwsServerProcess
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.local
ACCOUNT, BUCKET = "123456789012", "groundwork-state-dev-123456789012"
STACK, LOCKS = ".pulumi/stacks/groundwork/dev.json", ".pulumi/locks/organization/groundwork/dev"


class Checkout:
    """Files of an environment dev, as somebody has them who has done everything right."""

    def __init__(self, folder: Path, server: AwsServerProcess) -> None:
        self.folder, self.server = folder, server
        self.settings = settings_of("dev") | {"accountId": ACCOUNT}
        self.settings["cluster"]["admins"] = ["user/platform-admin"]
        self.settings["policy"] = {"protectStateful": False}
        self.profile = "groundwork-local"
        self.write()

    def write(self) -> None:
        config = {f"groundwork:{key}": value for key, value in self.settings.items()}
        (self.folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
        dev = {
            "backend": f"s3://{BUCKET}?region=us-east-1",
            "secretsProvider": "awskms://alias/groundwork-state-dev?region=us-east-1",
            "profile": self.profile,
        }
        (self.folder / "groundwork.yaml").write_text(yaml.safe_dump({"environments": {"dev": dev}}))

    def bootstrap(self) -> None:
        key = self.server.client("kms").create_key()["KeyMetadata"]["KeyId"]
        self.server.client("kms").create_alias(AliasName="alias/groundwork-state-dev", TargetKeyId=key)
        s3 = self.server.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.put(STACK, {"version": 3, "checkpoint": {"latest": {"resources": [{}]}}})

    def put(self, path: str, content: Any) -> None:
        self.server.client("s3").put_object(Bucket=BUCKET, Key=path, Body=json.dumps(content).encode())

    def look(self) -> list[Finding]:
        return list(examine(environment("dev", self.folder)))


@pytest.fixture
def checkout(tmp_path: Path, server: AwsServerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    # The profile leads to the server by itself, as on a machine of its user.
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.delenv("AWS_PROFILE")
    folder = tmp_path / "checkout"
    folder.mkdir()
    return Checkout(folder, server)


def about(findings: list[Finding], check: str, level: Level | None = None) -> list[Finding]:
    return [one for one in findings if one.check == check and level in (None, one.level)]


def run(command: str) -> None:
    """A printed command, as somebody pastes it."""
    words = shlex.split(command, comments=True)
    assert words[0] == "aws"
    program = Path(sys.executable).with_name("aws")
    done = subprocess.run([str(program), *words[1:]], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_an_account_that_is_ready_but_for_its_quotas_takes_an_up_and_says_what_no_job_will_get(checkout: Checkout):
    checkout.bootstrap()
    found = checkout.look()
    assert [one for one in found if one.level is Level.FAILURE] == []
    assert would_succeed(found)
    assert [one.level for one in about(found, "administrator")] == [Level.OK]
    assert [one.text for one in about(found, "state")] == ["it keeps old versions", "stack dev: 1 resources"]
    gpus = next(one for one in about(found, "quota") if "On-Demand G and VT" in one.text)
    assert gpus.level is Level.WARNING

    # What it prints is a command that AWS takes, and the next look knows of it.
    run(gpus.mend)
    asked = next(one for one in about(checkout.look(), "quota") if "On-Demand G and VT" in one.text)
    assert "32 were asked for on" in asked.text


def test_everything_that_stands_in_ups_way_is_told_in_one_look(checkout: Checkout):
    checkout.bootstrap()
    checkout.settings["cluster"]["admins"] = ["role/groundwork-deployer"]
    checkout.write()
    checkout.put(
        f"{LOCKS}/1.json", {"pid": 7, "username": "ann", "hostname": "elsewhere", "timestamp": "2026-11-21T10"}
    )
    kms = checkout.server.client("kms")
    kms.disable_key(KeyId=kms.describe_key(KeyId="alias/groundwork-state-dev")["KeyMetadata"]["KeyId"])
    ec2 = checkout.server.client("ec2")
    # One is the account's own from the beginning.
    for _ in range(4):
        ec2.create_vpc(CidrBlock="10.99.0.0/16")

    found = checkout.look()
    failures = [one for one in found if one.level is Level.FAILURE]
    assert sorted(one.check for one in failures) == ["administrator", "quota", "secrets", "state"]
    assert all(one.mend for one in failures)
    run(about(found, "secrets")[0].mend)
    assert about(checkout.look(), "secrets", Level.FAILURE) == []


def test_before_bootstrap_the_missing_state_is_a_failure_that_names_the_command(checkout: Checkout):
    found = checkout.look()
    failures = [one for one in found if one.level is Level.FAILURE]
    assert {one.check for one in failures} == {"state", "secrets"}
    assert {one.mend for one in failures} == {"groundwork bootstrap dev"}


def test_a_caller_who_may_not_have_service_roles_made_cannot_make_the_cluster(checkout: Checkout):
    checkout.bootstrap()
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}],
    }
    iam = checkout.server.client("iam")
    arn = iam.create_role(RoleName="deployer", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    answer = checkout.server.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    session = boto3.Session(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"], "us-east-1")
    asked = session.client

    def client(service: str, **options: Any) -> Any:
        return asked(service, **{"endpoint_url": checkout.server.url, **options})

    session.client = client  # type: ignore[method-assign]
    checkout.settings["cluster"]["admins"] = ["role/deployer"]
    checkout.write()
    found = list(examine(environment("dev", checkout.folder), session))
    assert [one.level for one in about(found, "administrator")] == [Level.OK]
    denied = next(one for one in about(found, "service role") if "AWSServiceRoleForAmazonEKS " in one.text)
    assert denied.level is Level.FAILURE
    assert "--aws-service-name eks.amazonaws.com" in denied.mend
