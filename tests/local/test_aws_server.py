"""The AWS server as a process: what a client, a person and the supervisor see of it."""

import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.local.aws_server_process import AwsServerProcess

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServerProcess]:
    process = AwsServerProcess(tmp_path_factory.mktemp("aws"))
    process.start()
    yield process
    process.ensure_stopped()


def test_its_help_says_what_it_is_and_shows_an_example(server: AwsServerProcess) -> None:
    shown = subprocess.run([*server.command()[:3], "--help"], capture_output=True, text=True, check=True).stdout
    assert "--state-dir" in shown
    assert "example:" in shown


def test_its_health_page_names_the_account_and_the_overlays(server: AwsServerProcess) -> None:
    with urllib.request.urlopen(f"{server.url}/_groundwork/health") as answer:
        page = json.load(answer)
    assert page["status"] == "ok"
    assert page["account"] == "123456789012"
    assert "eks:CreateCluster" in page["overlays"]


def test_a_page_in_a_browser_reaches_neither_aws_nor_the_clusters_webhooks(server: AwsServerProcess) -> None:
    for path, header in (
        ("/?Action=GetCallerIdentity&Version=2011-06-15", {"Host": "rebound.example.com"}),
        ("/_groundwork/kubernetes/authenticate", {"Origin": "https://example.com"}),
    ):
        request = urllib.request.Request(server.url + path, data=b"{}", headers=header)
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request)
        assert error.value.code == 403


def test_the_admin_is_who_the_written_profile_says(server: AwsServerProcess) -> None:
    shown = server.aws("sts", "get-caller-identity", "--output", "json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["Arn"] == "arn:aws:iam::123456789012:user/platform-admin"
    assert (server.folder / "credentials").stat().st_mode & 0o077 == 0
    assert (server.folder / "state").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("service", ["sts", "s3", "ec2", "sagemaker", "ssm"])
def test_an_access_key_that_was_never_issued_is_refused(server: AwsServerProcess, service: str) -> None:
    method, arguments = {
        "sts": ("get_caller_identity", {}),
        "s3": ("list_buckets", {}),
        "ec2": ("describe_vpcs", {}),
        "sagemaker": ("list_training_jobs", {}),
        "ssm": ("describe_parameters", {}),
    }[service]
    client = server.client(service, aws_access_key_id="AKIANEVERISSUED00000", aws_secret_access_key="guessed")
    with pytest.raises(ClientError) as refused:
        getattr(client, method)(**arguments)
    assert refused.value.response["Error"]["Code"] == "InvalidClientTokenId"
    assert "was not issued by this local AWS server" in refused.value.response["Error"]["Message"]


def test_a_request_without_a_signature_is_refused(server: AwsServerProcess) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(server.url, data=b"Action=GetCallerIdentity&Version=2011-06-15")
    assert error.value.code == 403
    assert b"MissingAuthenticationToken" in error.value.read()


def test_a_key_that_was_switched_off_counts_no_more(server: AwsServerProcess) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="leaver")
    key = iam.create_access_key(UserName="leaver")["AccessKey"]
    own = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    assert server.client("sts", **own).get_caller_identity()["Arn"].endswith("user/leaver")
    iam.update_access_key(UserName="leaver", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        server.client("sts", **own).get_caller_identity()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_presigned_url_needs_no_other_credentials(server: AwsServerProcess, version: str) -> None:
    s3 = server.client("s3", config=Config(signature_version=version))
    s3.create_bucket(Bucket=f"signed-{version}")
    s3.put_object(Bucket=f"signed-{version}", Key="k", Body=b"signed")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": f"signed-{version}", "Key": "k"})
    assert urllib.request.urlopen(url).read() == b"signed"


def test_the_genuine_cli_moves_files(server: AwsServerProcess, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "one file.txt").write_text("one")
    assert server.aws("s3", "mb", "s3://cli-bucket").returncode == 0
    copied = server.aws("s3", "cp", "--recursive", str(tmp_path / "here"), "s3://cli-bucket/there")
    assert copied.returncode == 0, copied.stderr
    assert server.aws("s3", "cp", "s3://cli-bucket/there/one file.txt", "-").stdout == "one"
    removed = server.aws("s3", "rb", "--force", "s3://cli-bucket")
    assert removed.returncode == 0, removed.stderr


@pytest.mark.parametrize(
    ("service", "method", "arguments", "operation"),
    [
        ("amplify", "list_apps", {}, "ListApps"),
        ("ec2", "describe_capacity_reservations", {}, "DescribeCapacityReservations"),
        ("iam", "get_human_readable_summary", {"EntityArn": "arn:aws:iam::123456789012:role/x"}, "GetHumanReadable"),
        ("logs", "list_anomalies", {}, "ListAnomalies"),
        ("eks", "list_eks_anywhere_subscriptions", {}, "ListEksAnywhereSubscriptions"),
        ("rum", "list_app_monitors", {}, "ListAppMonitors"),
        (
            "s3",
            "put_bucket_metrics_configuration",
            {"Bucket": "bucket", "Id": "i", "MetricsConfiguration": {"Id": "i"}},
            "PutBucketMetricsConfiguration",
        ),
    ],
    ids=["rest-json", "ec2", "query", "json", "of-an-overlaid-service", "no-such-service", "rest-xml"],
)
def test_what_is_not_implemented_says_so_in_the_clients_protocol(
    server: AwsServerProcess, service: str, method: str, arguments: dict[str, Any], operation: str
) -> None:
    client = server.client(service)
    if not hasattr(client, method):
        pytest.fail(f"botocore's {service} has no {method}: the test names an operation that is gone")
    with pytest.raises(ClientError) as refused:
        getattr(client, method)(**arguments)
    error = refused.value.response["Error"]
    assert error["Code"] == "NotImplemented"
    assert f"{service} {operation}" in error["Message"]
    assert "<html" not in error["Message"].lower()


def test_refusing_a_bucket_configuration_leaves_the_bucket(server: AwsServerProcess) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="stays-there")
    with pytest.raises(ClientError):
        s3.delete_bucket_metrics_configuration(Bucket="stays-there", Id="i")
    s3.head_bucket(Bucket="stays-there")


def test_object_names_and_metadata_come_back_as_they_went(server: AwsServerProcess) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="odd-names")
    key, metadata = "a b/ü%2Fc+d//e", {"under_score": "1", "da-sh": "2"}
    s3.put_object(Bucket="odd-names", Key=key, Body=b"body", Metadata=metadata)
    assert s3.get_object(Bucket="odd-names", Key=key)["Body"].read() == b"body"
    assert s3.head_object(Bucket="odd-names", Key=key)["Metadata"] == metadata
    assert s3.list_objects_v2(Bucket="odd-names")["Contents"][0]["Key"] == key
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "odd-names", "Key": key})
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"body"


def test_sixteen_clients_at_once_see_no_error_and_lose_nothing(server: AwsServerProcess) -> None:
    server.client("s3").create_bucket(Bucket="crowded")
    clients = [
        (server.client("s3"), server.client("ec2"), server.client("iam"), server.client("ssm")) for _ in range(16)
    ]
    start = threading.Barrier(16)

    def work(number: int) -> None:
        s3, ec2, iam, ssm = clients[number]
        start.wait()
        for step in range(6):
            s3.put_object(Bucket="crowded", Key=f"{number}/{step}", Body=b"x" * 30_000)
            s3.list_objects_v2(Bucket="crowded")
            ssm.put_parameter(Name=f"/crowded/{number}/{step}", Value="v", Type="String")
            iam.create_role(RoleName=f"crowded-{number}-{step}", AssumeRolePolicyDocument=_TRUST)
            iam.list_roles()
            ec2.create_key_pair(KeyName=f"crowded-{number}-{step}")
            ec2.describe_vpcs()

    with ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(work, number) for number in range(16)]:
            done.result()
    assert server.client("s3").list_objects_v2(Bucket="crowded")["KeyCount"] == 96
    roles = [
        role["RoleName"]
        for page in server.client("iam").get_paginator("list_roles").paginate()
        for role in page["Roles"]
        if role["RoleName"].startswith("crowded-")
    ]
    assert len(roles) == 96


_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "x.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def test_a_taken_port_is_said_in_one_line(server: AwsServerProcess, tmp_path: Path) -> None:
    command = [*server.command()[:5], "--state-dir", str(tmp_path / "other")]
    second = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert f"Port {server.port} on 127.0.0.1 cannot be listened on" in second.stderr
    assert "Traceback" not in second.stderr


def test_an_open_connection_does_not_hold_up_a_clean_stop(tmp_path: Path) -> None:
    process = AwsServerProcess(tmp_path)
    process.start()
    process.client("sts").get_caller_identity()
    assert process.stop() == 0
