"""What was acknowledged is there after kill -9, with the same ids; and nothing is left when all is deleted."""

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from tests.local.aws_server_process import AwsServerProcess

pytestmark = pytest.mark.local

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "eks.amazonaws.com", "AWS": "arn:aws:iam::123456789012:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AwsServerProcess]:
    process = AwsServerProcess(tmp_path)
    process.start()
    yield process
    process.ensure_stopped()


def populate(client: Callable[[str], Any]) -> None:
    ec2, iam, s3, logs = client("ec2"), client("iam"), client("s3"), client("logs")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24")
    ec2.create_security_group(GroupName="kept", Description="kept", VpcId=vpc)
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "a", "Value": "b"}])
    role = iam.create_role(RoleName="kept", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.attach_role_policy(RoleName="kept", PolicyArn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy")
    iam.create_policy(PolicyName="kept", PolicyDocument=ALLOW)
    client("sts").assume_role(RoleArn=role, RoleSessionName="session")
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    client("kms").enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="small", Body=b"x")
    s3.put_object(Bucket="kept", Key="big", Body=os.urandom(3_000_000))
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="kept", Key="small", Body=b"y", Metadata={"under_score": "1"})
    s3.put_object_tagging(Bucket="kept", Key="small", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    s3.put_object_acl(Bucket="kept", Key="small", ACL="public-read")
    s3.put_object(Bucket="kept", Key="gone", Body=b"y" * 50_000)
    s3.delete_object(Bucket="kept", Key="gone")
    upload = s3.create_multipart_upload(Bucket="kept", Key="parts")["UploadId"]
    etags = [
        s3.upload_part(Bucket="kept", Key="parts", UploadId=upload, PartNumber=part, Body=os.urandom(6_000_000))["ETag"]
        for part in (1, 2)
    ]
    parts = [{"ETag": etag, "PartNumber": part} for part, etag in enumerate(etags, start=1)]
    s3.complete_multipart_upload(Bucket="kept", Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    started = s3.create_multipart_upload(Bucket="kept", Key="open")["UploadId"]
    s3.upload_part(Bucket="kept", Key="open", UploadId=started, PartNumber=1, Body=b"z" * 100_000)
    client("ecr").create_repository(repositoryName="kept")
    client("ssm").put_parameter(Name="/kept", Value="1", Type="String", Tags=[{"Key": "a", "Value": "b"}])
    logs.create_log_group(logGroupName="kept", logGroupClass="INFREQUENT_ACCESS")
    logs.create_log_stream(logGroupName="kept", logStreamName="stream")
    for number in range(5):
        event = {"timestamp": int(time.time() * 1000), "message": f"message {number}"}
        logs.put_log_events(logGroupName="kept", logStreamName="stream", logEvents=[event])
    queue = client("sqs").create_queue(QueueName="kept")["QueueUrl"]
    client("sqs").send_message(QueueUrl=queue, MessageBody="kept")
    client("cloudwatch").put_metric_data(Namespace="kept", MetricData=[{"MetricName": "m", "Value": 1.0}])
    client("secretsmanager").create_secret(Name="kept", SecretString="secret")
    client("sns").create_topic(Name="kept")
    client("events").put_rule(Name="kept", ScheduleExpression="rate(1 minute)")
    client("eks").create_cluster(name="kept", roleArn=role, resourcesVpcConfig={}, tags={"a": "b"})
    client("sagemaker").create_mlflow_tracking_server(
        TrackingServerName="kept", ArtifactStoreUri="s3://kept/mlflow", RoleArn=role
    )


LOOKS: list[tuple[str, str, dict[str, Any]]] = [
    ("ec2", "describe_vpcs", {}),
    ("ec2", "describe_subnets", {}),
    ("ec2", "describe_security_groups", {}),
    ("ec2", "describe_route_tables", {}),
    ("ec2", "describe_images", {}),
    ("ec2", "describe_snapshots", {}),
    ("iam", "list_roles", {}),
    ("iam", "list_policies", {"OnlyAttached": True}),
    ("iam", "list_policies", {"Scope": "Local"}),
    ("iam", "list_attached_role_policies", {"RoleName": "kept"}),
    ("iam", "list_access_keys", {"UserName": "platform-admin"}),
    ("kms", "list_keys", {}),
    ("s3", "list_buckets", {}),
    ("s3", "list_object_versions", {"Bucket": "kept"}),
    ("s3", "list_multipart_uploads", {"Bucket": "kept"}),
    ("s3", "get_object_tagging", {"Bucket": "kept", "Key": "small"}),
    ("s3", "get_object_acl", {"Bucket": "kept", "Key": "small"}),
    ("ecr", "describe_repositories", {}),
    ("ssm", "get_parameters_by_path", {"Path": "/"}),
    ("ssm", "list_tags_for_resource", {"ResourceType": "Parameter", "ResourceId": "/kept"}),
    ("logs", "describe_log_groups", {}),
    ("logs", "describe_log_streams", {"logGroupName": "kept"}),
    ("logs", "get_log_events", {"logGroupName": "kept", "logStreamName": "stream"}),
    ("sqs", "list_queues", {}),
    ("cloudwatch", "list_metrics", {"Namespace": "kept"}),
    ("secretsmanager", "get_secret_value", {"SecretId": "kept"}),
    ("sns", "list_topics", {}),
    ("events", "list_rules", {}),
    ("eks", "describe_cluster", {"name": "kept"}),
    ("eks", "list_access_entries", {"clusterName": "kept"}),
    ("sagemaker", "describe_mlflow_tracking_server", {"TrackingServerName": "kept"}),
]


def look(client: Callable[[str], Any]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for service, method, arguments in LOOKS:
        answer = getattr(client(service), method)(**arguments)
        answer.pop("ResponseMetadata")
        seen[f"{service}.{method} {arguments}"] = answer
    for key in client("kms").list_keys()["Keys"]:
        rotation = client("kms").get_key_rotation_status(KeyId=key["KeyId"])
        seen[f"rotation of {key['KeyId']}"] = rotation["RotationPeriodInDays"]
    for name in ("small", "big", "parts"):
        body = client("s3").get_object(Bucket="kept", Key=name)["Body"].read()
        seen[f"body of {name}"] = hashlib.sha256(body).hexdigest()
    return seen


def test_every_service_comes_back_from_kill_9_as_it_was(server: AwsServerProcess) -> None:
    populate(server.client)
    before = look(server.client)
    for _ in range(2):
        server.kill()
        server.start()
    after = look(server.client)
    for what, value in before.items():
        assert after[what] == value, what
    ticket = json.loads((server.folder / "run" / "mlflow.json").read_text())
    assert ticket == {"name": "kept", "artifact_store_uri": "s3://kept/mlflow"}


def test_a_clean_stop_keeps_it_too_and_the_access_key_stays_good(server: AwsServerProcess) -> None:
    server.client("s3").create_bucket(Bucket="kept")
    assert server.stop() == 0
    server.start()
    assert [bucket["Name"] for bucket in server.client("s3").list_buckets()["Buckets"]] == ["kept"]
    arn = server.client("sts").get_caller_identity()["Arn"]
    assert arn == "arn:aws:iam::123456789012:user/platform-admin"


def test_kill_9_under_load_loses_nothing_that_was_acknowledged(server: AwsServerProcess) -> None:
    server.client("s3").create_bucket(Bucket="loaded")
    acknowledged: list[tuple[str, bytes]] = []
    roles: list[str] = []

    def put(number: int, s3: Any, iam: Any) -> None:
        try:
            for step in range(10_000):
                body = os.urandom(10) * (1 + 5_000 * (step % 2))
                s3.put_object(Bucket="loaded", Key=f"{number}/{step}", Body=body)
                acknowledged.append((f"{number}/{step}", body))
                iam.create_role(RoleName=f"loaded-{number}-{step}", AssumeRolePolicyDocument=TRUST)
                roles.append(f"loaded-{number}-{step}")
        except (BotoCoreError, ClientError, ResponseParserError):
            return

    clients = [(server.client("s3"), server.client("iam")) for _ in range(4)]
    threads = [threading.Thread(target=put, args=(number, *pair)) for number, pair in enumerate(clients)]
    for thread in threads:
        thread.start()
    while len(roles) < 40:
        time.sleep(0.05)
    server.kill()
    for thread in threads:
        thread.join(timeout=60)
    server.start()
    s3, iam = server.client("s3"), server.client("iam")
    for key, body in acknowledged:
        assert s3.get_object(Bucket="loaded", Key=key)["Body"].read() == body
    for role in roles:
        iam.get_role(RoleName=role)


def test_files_of_deleted_objects_go(server: AwsServerProcess) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="emptied")
    for number in range(3):
        s3.put_object(Bucket="emptied", Key=str(number), Body=b"x" * 100_000)
    s3.put_object(Bucket="emptied", Key="0", Body=b"y" * 100_000)
    objects = server.folder / "state" / "objects"
    assert len(list(objects.iterdir())) == 3
    s3.delete_objects(Bucket="emptied", Delete={"Objects": [{"Key": str(number)} for number in range(3)]})
    assert list(objects.iterdir()) == []
    (objects / "of-a-write-that-was-cut-off").write_bytes(b"x")
    s3.delete_bucket(Bucket="emptied")
    server.kill()
    server.start()
    assert list(objects.iterdir()) == []


def test_a_deleted_thing_stays_deleted(server: AwsServerProcess) -> None:
    logs, s3 = server.client("logs"), server.client("s3")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    event = {"timestamp": int(time.time() * 1000), "message": "before"}
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[event])
    logs.delete_log_group(logGroupName="g")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    s3.create_bucket(Bucket="again")
    s3.put_object(Bucket="again", Key="k", Body=b"x" * 50_000)
    s3.delete_object(Bucket="again", Key="k")
    s3.delete_bucket(Bucket="again")
    s3.create_bucket(Bucket="again")
    server.kill()
    server.start()
    assert server.client("logs").get_log_events(logGroupName="g", logStreamName="s")["events"] == []
    assert server.client("s3").list_objects_v2(Bucket="again")["KeyCount"] == 0


def test_a_state_that_cannot_be_read_is_said_in_one_line(server: AwsServerProcess) -> None:
    import sqlite3

    server.client("s3").create_bucket(Bucket="kept")
    assert server.stop() == 0
    with sqlite3.connect(server.folder / "state" / "state.sqlite") as connection:
        connection.execute("UPDATE rows SET value = x'00' WHERE kind = 'moto'")
    with pytest.raises(AssertionError, match="cannot be read"):
        server.start()
    assert "Traceback" not in server.log.read_text()
    assert "make local-down" in server.log.read_text()
