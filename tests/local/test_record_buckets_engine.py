"""A bucket that keeps records, under the genuine engine: nobody deletes one, and a destroy takes them where it may."""

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_server_process import AwsServerProcess
from tests.local.engine_project import must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
BUCKET = f"groundwork-probe-artifacts-{ACCOUNT}"
LINE = "teams/research/audit/999999999999-1.json"

PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import pulumi
import pulumi_aws as aws
from components.artifact_store import ArtifactStore, ArtifactStoreArgs
from components.placement import Placement

provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local")
made = pulumi.ResourceOptions(provider=provider)
key = aws.kms.Key("key", opts=made)
ArtifactStore(
    "store",
    ArtifactStoreArgs(
        placement=Placement(prefix="groundwork-probe", environment="probe", region="us-east-1", account_id="{ACCOUNT}"),
        kms_key_arn=key.arn,
        delete_contents=True,
        protect=False,
    ),
    pulumi.ResourceOptions(providers={{"aws": provider}}),
)
"""


def test_a_record_outlives_an_administrator_and_not_the_destroy_of_its_environment(
    server: AwsServerProcess, tmp_path: Path
) -> None:
    project = new_project(tmp_path / "engine-home")
    project.write(PROGRAM)
    must(project, "up", "--yes", "--skip-preview")
    s3 = server.client("s3")
    s3.put_object(Bucket=BUCKET, Key=LINE, Body=b"{}", IfNoneMatch="*")
    for change in (
        lambda: s3.delete_object(Bucket=BUCKET, Key=LINE),
        lambda: s3.put_object(Bucket=BUCKET, Key=LINE, Body=b"other"),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            change()
    assert s3.get_object(Bucket=BUCKET, Key=LINE)["Body"].read() == b"{}"
    must(project, "preview", "--expect-no-changes")
    must(project, "destroy", "--yes", "--skip-preview")
    assert s3.list_buckets()["Buckets"] == []
