"""CloudTrail's event history on the AWS server: who changed what, as LookupEvents tells."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_server_process import AwsServerProcess

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]


def lookup(server: AwsServerProcess, value: str, key: str = "ResourceName", **more: Any) -> list[dict[str, Any]]:
    attributes = [{"AttributeKey": key, "AttributeValue": value}]
    pages = server.client("cloudtrail").get_paginator("lookup_events").paginate(LookupAttributes=attributes, **more)
    return [event for page in pages for event in page["Events"]]


def trust(arn: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"]}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_the_history_tells_who_changed_what_and_nothing_of_reads_refusals_and_objects(server: AwsServerProcess) -> None:
    started = datetime.now(UTC) - timedelta(seconds=5)
    s3, sts, iam = (server.client(name) for name in ("s3", "sts", "iam"))
    s3.create_bucket(Bucket="probe-bucket")
    s3.put_object(Bucket="probe-bucket", Key="k", Body=b"x")
    s3.get_bucket_location(Bucket="probe-bucket")
    with pytest.raises(ClientError):
        s3.put_bucket_policy(Bucket="nowhere-bucket", Policy=trust("*"))
    iam.create_role(RoleName="admin", AssumeRolePolicyDocument=trust(sts.get_caller_identity()["Arn"]))
    session = sts.assume_role(
        RoleArn="arn:aws:iam::123456789012:role/admin", RoleSessionName="desk", SourceIdentity="alice"
    )["Credentials"]
    logs = server.client(
        "logs",
        aws_access_key_id=session["AccessKeyId"],
        aws_secret_access_key=session["SecretAccessKey"],
        aws_session_token=session["SessionToken"],
    )
    logs.create_log_group(logGroupName="/probe/logs")
    logs.put_retention_policy(logGroupName="/probe/logs", retentionInDays=7)
    logs.describe_log_groups()

    assert [event["EventName"] for event in lookup(server, "probe-bucket")] == ["CreateBucket"]
    assert lookup(server, "nowhere-bucket") == []
    events = lookup(server, "/probe/logs", StartTime=started, PaginationConfig={"PageSize": 1})
    assert [event["EventName"] for event in events] == ["PutRetentionPolicy", "CreateLogGroup"]
    record = json.loads(events[0]["CloudTrailEvent"])
    assert record["userIdentity"]["arn"] == "arn:aws:sts::123456789012:assumed-role/admin/desk"
    assert record["userIdentity"]["sessionContext"]["sourceIdentity"] == "alice"
    assert (record["sourceIPAddress"], record["readOnly"]) == ("127.0.0.1", False)
    assert started < events[0]["EventTime"] <= datetime.now(UTC) + timedelta(seconds=1)
    assert lookup(server, "/probe/logs", StartTime=datetime.now(UTC) + timedelta(hours=1)) == []
    assert {event["EventName"] for event in lookup(server, "admin", key="Username")} == {
        "CreateLogGroup",
        "PutRetentionPolicy",
    }
