"""`groundwork drift` under the genuine engine: a change behind a program's back is found, named, accepted, reverted."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.cli import Format
from operations import drift_commands
from tests.local.aws_server_process import AwsServerProcess
from tests.local.engine_project import Project, lead, must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]
FIRST, SECOND = "horse-staple", "battery-correct"
"""Values of a secret parameter."""

PROGRAM = f"""
import json
import pulumi
import pulumi_aws as aws

opts = pulumi.ResourceOptions(
    provider=aws.Provider("aws", region="us-east-1", profile="groundwork-local")
)
statement = {{"Effect": "Allow", "Principal": {{"Service": "ec2.amazonaws.com"}}, "Action": "sts:AssumeRole"}}
role = aws.iam.Role(
    "role",
    name="probe-role",
    assume_role_policy=json.dumps({{"Version": "2012-10-17", "Statement": [statement]}}),
    tags={{"owner": "platform"}},
    opts=opts,
)
aws.iam.RolePolicy(
    "policy",
    role=role.name,
    name="read",
    policy=json.dumps(
        {{
            "Version": "2012-10-17",
            "Statement": [{{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}}],
        }}
    ),
    opts=opts,
)
aws.cloudwatch.LogGroup("logs", name="/probe/logs", retention_in_days=30, opts=opts)
aws.ssm.Parameter(
    "secret", name="/probe/secret", type="SecureString", value=pulumi.Output.secret("{FIRST}"), opts=opts
)
if pulumi.Config().get_bool("more"):
    aws.cloudwatch.LogGroup("more", name="/probe/more", opts=opts)
"""


@pytest.fixture
def project(server: AwsServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A stack that is up, and that `groundwork drift test` is led to."""
    made = new_project(tmp_path / "engine-home")
    made.write(PROGRAM)
    must(made, "up", "--yes", "--skip-preview")
    lead(made, SimpleNamespace(name="test", region="us-east-1"), monkeypatch)
    return made


def drift(action: str = "", output: Format = Format.text) -> int:
    return drift_commands.run("test", action, yes=True, output=output)


def change(server: AwsServerProcess) -> None:
    """What eve does by hand."""
    admin = server.client("iam")
    admin.create_user(UserName="eve")
    key = admin.create_access_key(UserName="eve")["AccessKey"]
    eve = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    iam = server.client("iam", **eve)
    iam.tag_role(RoleName="probe-role", Tags=[{"Key": "owner", "Value": "eve"}, {"Key": "note", "Value": "urgent"}])
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}],
    }
    iam.put_role_policy(RoleName="probe-role", PolicyName="read", PolicyDocument=json.dumps(policy))
    server.client("logs", **eve).delete_log_group(logGroupName="/probe/logs")
    server.client("ssm", **eve).put_parameter(Name="/probe/secret", Type="SecureString", Value=SECOND, Overwrite=True)


def tags(server: AwsServerProcess) -> dict[str, str]:
    entries = server.client("iam").list_role_tags(RoleName="probe-role")["Tags"]
    return {entry["Key"]: entry["Value"] for entry in entries}


def secret(server: AwsServerProcess) -> str:
    return server.client("ssm").get_parameter(Name="/probe/secret", WithDecryption=True)["Parameter"]["Value"]


def log_groups(server: AwsServerProcess) -> list[str]:
    return [group["logGroupName"] for group in server.client("logs").describe_log_groups()["logGroups"]]


def state_files(project: Project) -> dict[str, bytes]:
    root = project.folder.parent / "state"
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in document["resources"]}


def test_drift_is_found_without_a_trace_and_then_accepted(
    project: Project, server: AwsServerProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    before = state_files(project)
    assert drift() == 0
    assert "test: all 4 resources are as the program left them." in capfd.readouterr().out

    change(server)
    assert drift(output=Format.json) == 2
    told = capfd.readouterr()
    assert state_files(project) == before, "looking has written"
    found = by_name(json.loads(told.out))
    assert {name: each["happened"] for name, each in found.items()} == {
        "role": "changed",
        "policy": "changed",
        "logs": "gone",
        "secret": "changed",
    }
    differences = {each["path"]: (each["recorded"], each["actual"]) for each in found["role"]["differences"]}
    assert differences["tags.owner"] == ("platform", "eve")
    assert differences["tags.note"] == (None, "urgent")
    (statement,) = found["policy"]["differences"]
    assert statement["path"] == "policy → Statement[0].Action"
    assert (statement["recorded"], statement["actual"]) == ("s3:GetObject", "s3:*")
    assert [each["actual"] for each in found["secret"]["differences"]] == ["[secret]"]
    assert FIRST not in told.out + told.err
    assert SECOND not in told.out + told.err
    eve = "arn:aws:iam::123456789012:user/eve"
    # The program named the role once more after making it, with its policy: that is the third and last.
    assert {name: [(by["action"], by["who"]) for by in each["by"]][:2] for name, each in found.items()} == {
        "role": [("PutRolePolicy", eve), ("TagRole", eve)],
        "policy": [("PutRolePolicy", eve)],
        "logs": [("DeleteLogGroup", eve)],
        "secret": [("PutParameter", eve)],
    }

    assert drift("accept") == 0
    told = capfd.readouterr()
    assert SECOND not in told.out + told.err
    assert drift() == 0
    assert tags(server)["owner"] == "eve", "accepting has changed the platform"
    # The program still says what it said.
    assert "Resources:\n" in must(project, "preview")
    assert project.run("preview", "--expect-no-changes").returncode != 0


def test_drift_is_reverted_and_nothing_else_of_the_program_is_done(
    project: Project, server: AwsServerProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    change(server)
    project.config({"more": "true"})
    assert drift("revert") == 0
    told = capfd.readouterr()
    assert "make     aws:cloudwatch/logGroup:LogGroup logs" in told.err
    assert FIRST not in told.out + told.err
    assert SECOND not in told.out + told.err
    assert tags(server) == {"owner": "platform"}
    assert secret(server) == FIRST
    assert log_groups(server) == ["/probe/logs"]
    assert drift() == 0
