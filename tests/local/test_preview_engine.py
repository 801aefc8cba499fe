"""`groundwork preview` under the genuine engine: what a change does is told, whatever becomes of the preview."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from local.environment import POLICY_PACK
from operations.cli import app
from tests.local.aws_server_process import AwsServerProcess
from tests.local.engine_project import Project, lead, must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "operations" / "review" / "report.schema.json"
FIRST, SECOND = "horse-staple", "battery-correct"
ACCOUNT = "123456789012"

PROGRAM = f"""
import pulumi
import pulumi_aws as aws

config = pulumi.Config()
provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local")


class Network(pulumi.ComponentResource):
    def __init__(self, name):
        super().__init__("groundwork:network:Network", name)
        opts = pulumi.ResourceOptions(parent=self, provider=provider)
        cidr = config.get("cidr") or "10.0.0.0/16"
        vpc = aws.ec2.Vpc(name, cidr_block=cidr, opts=opts)
        subnet = aws.ec2.Subnet(f"{{name}}-a", vpc_id=vpc.id, cidr_block=cidr.replace("/16", "/24"), opts=opts)


opts = pulumi.ResourceOptions(provider=provider)
Network("network")
bucket = aws.s3.Bucket("data", bucket=config.get("bucket") or "probe-{ACCOUNT}", opts=opts)
aws.s3.BucketPublicAccessBlock("data-block", bucket=bucket.id, block_public_acls=True, opts=opts)
value = pulumi.Output.secret("{SECOND}" if config.get_bool("other") else "{FIRST}")
aws.ssm.Parameter("secret", name="/probe/secret", type="SecureString", value=value, opts=opts)
if config.get_bool("more"):
    aws.cloudwatch.LogGroup("more", name="/probe/more", opts=opts)
    print("the value is {SECOND}")
if config.get_bool("broken"):
    raise ValueError("account {ACCOUNT} is broken")
"""


@pytest.fixture
def project(server: AwsServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A stack that is up, and that `groundwork preview test` is led to."""
    made = new_project(tmp_path / "engine-home")
    made.write(PROGRAM)
    must(made, "up", "--yes", "--skip-preview")
    operated = SimpleNamespace(name="test", region="us-east-1", account_id="", is_local=True, folder=made.folder)
    lead(made, operated, monkeypatch)
    return made


def preview(*options: str) -> tuple[int, dict[str, Any], str]:
    """Exit status, the report, and all that was shown besides."""
    done = CliRunner().invoke(app, ["preview", "test", "-o", "json", "--no-jobs", *options])
    assert done.stdout, done.output
    return done.exit_code, json.loads(done.stdout), done.output


def state_files(project: Project) -> dict[str, bytes]:
    root = project.folder.parent / "state"
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def test_a_change_is_told_with_what_it_loses_costs_and_drifted_and_no_secret(
    project: Project, server: AwsServerProcess, tmp_path: Path
):
    server.client("s3").put_bucket_tagging(
        Bucket=f"probe-{ACCOUNT}", Tagging={"TagSet": [{"Key": "by", "Value": "hand"}]}
    )
    before = state_files(project)
    project.config({"bucket": f"probe-other-{ACCOUNT}", "cidr": "10.1.0.0/16", "more": "true", "other": "true"})
    files = [tmp_path / "out" / name for name in ("comment.md", "report.html", "report.json")]
    options = [
        part
        for option, file in zip(("--markdown", "--html", "--json"), files, strict=True)
        for part in (option, str(file))
    ]
    status, report, shown = preview(*options, "--fail-on", "loss")
    assert status == 5
    assert {name: file for name, file in state_files(project).items() if name in before} == before
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    (told,) = report["environments"]
    assert (told["verdict"], told["complete"]) == ("loss", True)
    assert {
        each["name"]: [one["path"] for one in each["properties"] if one["replaces"]] for each in told["losses"]
    } == {
        "data": ["bucket"],
        "network": ["cidrBlock"],
    }
    assert {each["name"] for each in told["endings"]} == {"data-block", "network-a"}
    vpc = next(each for each in told["losses"] if each["name"] == "network")
    assert vpc["radius"]["resources"] == 1
    assert [each["name"] for group in told["groups"] for each in group["changes"]] == ["more", "secret"]
    assert [each["name"] for each in told["drift"]["resources"]] == ["data"]
    assert told["counts"]["create"] == 1
    texts = [shown, *(file.read_text() for file in files)]
    for text in texts:
        assert FIRST not in text
        assert SECOND not in text
        assert ACCOUNT not in text
    assert "network" in files[0].read_text()


def test_a_broken_program_and_a_policy_that_refuses_are_reported_too(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.config({"broken": "true"})
    status, report, shown = preview("--no-drift")
    assert (status, report["verdict"]) == (4, "failed")
    (told,) = report["environments"]
    assert "ValueError: account [account] is broken" in told["problems"][0]["message"]
    assert ACCOUNT not in json.dumps(report)
    assert told["cost"] is None

    project.config({"broken": "false", "more": "true"})
    monkeypatch.delenv(POLICY_PACK, raising=False)
    status, report, shown = preview("--no-drift", "--policy-pack", str(ROOT / "policies"))
    assert (status, report["verdict"]) == (3, "refused"), shown
    (told,) = report["environments"]
    logs = {each["rule"]: each for each in told["policies"] if each["resource"] == "more"}
    assert logs["log-retention"]["level"] == "mandatory"
    assert logs["log-retention"]["mend"].startswith("Set retentionInDays")
    assert told["complete"]
    assert told["packs"] == ["groundwork 0.1.0"]
    assert SECOND not in shown


def test_an_environment_is_priced_from_its_preview_and_from_its_state(project: Project):
    project.config({"bucket": f"probe-other-{ACCOUNT}"})
    settings = project.folder / "Pulumi.test.yaml"
    document = yaml.safe_load(settings.read_text())
    document["config"]["groundwork:costs"] = {"s3Gb": 1000}
    settings.write_text(yaml.safe_dump(document))
    for options in ([], ["--state"]):
        done = CliRunner().invoke(app, ["cost", "test", "-o", "json", *options])
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        prices = {line["price"]: line["usdAMonth"] for line in found["lines"]}
        assert prices["s3:standard"] == "23.000"
        assert {"type": "aws:ec2/vpc:Vpc", "reason": "a part of the network or of a template"} in found["free"]
        assert found["unpriced"] == []
    project.config({"broken": "true"})
    done = CliRunner().invoke(app, ["cost", "test"])
    assert done.exit_code == 1
    assert "is broken" in done.output
