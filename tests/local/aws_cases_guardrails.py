"""Examples of the types that budgets, anomaly alarms, the audit trail and the image cache are made of."""

import configparser
import json
from typing import Any

import boto3
from aws_provider_cases import Case, World, unique
from botocore.config import Config

TOPIC = "arn:aws:sns:us-east-1:123456789012:alarms"


def _notification(threshold: float, kind: str = "ACTUAL", **who: Any) -> dict[str, Any]:
    return {
        "comparisonOperator": "GREATER_THAN",
        "notificationType": kind,
        "threshold": threshold,
        "thresholdType": "PERCENTAGE",
        **(who or {"subscriberSnsTopicArns": [TOPIC]}),
    }


def _environment(value: str) -> dict[str, Any]:
    return {"tags": {"key": "groundwork:environment", "values": [value]}}


def _monitor(w: World) -> str:
    specification = json.dumps({"Tags": {"Key": "team", "Values": ["a"], "MatchOptions": ["EQUALS"]}})
    live = w.make(
        "aws:costexplorer/anomalyMonitor:AnomalyMonitor", monitorType="CUSTOM", monitorSpecification=specification
    )
    return live.state["arn"]


def _impact(usd: str) -> dict[str, Any]:
    match = {"key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE", "matchOptions": ["GREATER_THAN_OR_EQUAL"], "values": [usd]}
    return {"dimension": match}


def _log_bucket(w: World) -> str:
    """A bucket that CloudTrail may write into."""
    bucket = w.bucket()
    statements = [
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": action,
            "Resource": f"arn:aws:s3:::{bucket}{suffix}",
        }
        for action, suffix in (("s3:GetBucketAcl", ""), ("s3:PutObject", "/*"))
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    w.make("aws:s3/bucketPolicy:BucketPolicy", bucket=bucket, policy=policy)
    return bucket


def _trail_key(w: World) -> str:
    """A key that CloudTrail may use."""
    statements = [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*", "Resource": "*"},
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudtrail.amazonaws.com"},
            "Action": "kms:GenerateDataKey",
            "Resource": "*",
        },
    ]
    return w.make("aws:kms/key:Key", policy=json.dumps({"Version": "2012-10-17", "Statement": statements})).state["arn"]


def _selector(prefix: str) -> dict[str, Any]:
    return {
        "name": "objects",
        "fieldSelectors": [
            {"field": "eventCategory", "equals": ["Data"]},
            {"field": "resources.type", "equals": ["AWS::S3::Object"]},
            {"field": "resources.ARN", "startsWiths": [prefix]},
        ],
    }


def _secret(w: World) -> str:
    """A login for an upstream registry."""
    client = boto3.client(
        "secretsmanager",
        endpoint_url=w.server.url,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 1}),
        **_keys(w),
    )
    name = f"ecr-pullthroughcache/{unique('login')}"
    return client.create_secret(Name=name, SecretString='{"username": "u", "accessToken": "t"}')["ARN"]


def _keys(w: World) -> dict[str, str]:
    credentials = configparser.ConfigParser()
    credentials.read(w.server.environment["AWS_SHARED_CREDENTIALS_FILE"])
    profile = credentials["groundwork-local"]
    return {name: profile[name] for name in ("aws_access_key_id", "aws_secret_access_key")}


def _locked_bucket(w: World) -> str:
    return w.make("aws:s3/bucket:Bucket", forceDestroy=True, objectLockEnabled=True).id


CASES: dict[str, Case] = {
    "aws:budgets/budget:Budget": Case(
        lambda w: {
            "budgetType": "COST",
            "timeUnit": "MONTHLY",
            "limitAmount": "500",
            "limitUnit": "USD",
            "filterExpression": _environment("dev"),
            "metrics": "UnblendedCost",
            "notifications": [_notification(80), _notification(100)],
        },
        {
            "name": lambda w: unique("renamed"),
            "budgetType": "USAGE",
            "timeUnit": "QUARTERLY",
            "limitAmount": "750",
            "limitUnit": "GB",
            "filterExpression": {
                "ands": [_environment("dev"), {"tags": {"key": "groundwork:team", "values": ["research"]}}]
            },
            "metrics": "BlendedCost",
            "costFilters": [{"name": "TagKeyValue", "values": ["user:team$research"]}],
            "costTypes": {"includeTax": False},
            "notifications": [_notification(80), _notification(90, "FORECASTED", subscriberEmailAddresses=["a@b.com"])],
            "timePeriodStart": "2026-01-01_00:00",
            "timePeriodEnd": "2027-01-01_00:00",
        },
        with_change={
            "costFilters": lambda w: {"filterExpression": None, "metrics": None},
            "costTypes": lambda w: {"filterExpression": None, "metrics": None},
        },
        import_id=lambda live: f"123456789012:{live.inputs['name']}",
    ),
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": Case(
        lambda w: {
            "monitorType": "CUSTOM",
            "monitorSpecification": json.dumps({"Tags": {"Key": "team", "Values": ["a"]}}),
        },
        {
            "name": lambda w: unique("renamed"),
            "monitorType": "DIMENSIONAL",
            "monitorSpecification": json.dumps({"Tags": {"Key": "team", "Values": ["b"]}}),
        },
        unchanged={"monitorDimension": "it goes together with another type of monitor"},
        with_change={"monitorType": lambda w: {"monitorDimension": "SERVICE", "monitorSpecification": None}},
    ),
    "aws:costexplorer/anomalySubscription:AnomalySubscription": Case(
        lambda w: {
            "frequency": "IMMEDIATE",
            "monitorArnLists": [_monitor(w)],
            "subscribers": [{"type": "SNS", "address": TOPIC}],
            "thresholdExpression": _impact("50"),
        },
        {
            "name": lambda w: unique("renamed"),
            "frequency": "DAILY",
            "monitorArnLists": lambda w: [_monitor(w)],
            "subscribers": [{"type": "SNS", "address": f"{TOPIC}-too"}],
            "thresholdExpression": _impact("100"),
        },
        with_change={"frequency": lambda w: {"subscribers": [{"type": "EMAIL", "address": "a@example.com"}]}},
    ),
    "aws:cloudtrail/trail:Trail": Case(
        lambda w: {
            "s3BucketName": _log_bucket(w),
            "enableLogFileValidation": True,
            "advancedEventSelectors": [_selector("arn:aws:s3:::data/")],
        },
        {
            "name": lambda w: unique("renamed"),
            "s3BucketName": _log_bucket,
            "s3KeyPrefix": "audit",
            "includeGlobalServiceEvents": False,
            "isMultiRegionTrail": True,
            "isOrganizationTrail": True,
            "enableLogFileValidation": False,
            "enableLogging": False,
            "kmsKeyId": _trail_key,
            "advancedEventSelectors": [_selector("arn:aws:s3:::models/")],
        },
        unchanged={
            "snsTopicName": "nothing here asks for it",
            "cloudWatchLogsGroupArn": "nothing here asks for it",
            "cloudWatchLogsRoleArn": "it goes together with the log group",
        },
    ),
    "aws:ecr/pullThroughCacheRule:PullThroughCacheRule": Case(
        lambda w: {
            "ecrRepositoryPrefix": unique("cache/docker"),
            "upstreamRegistryUrl": "registry-1.docker.io",
            "credentialArn": _secret(w),
        },
        {
            "ecrRepositoryPrefix": lambda w: unique("cache/other"),
            "upstreamRegistryUrl": "ghcr.io",
            "upstreamRepositoryPrefix": "library",
            "credentialArn": _secret,
        },
        unchanged={"customRoleArn": "only a registry of another account needs one"},
    ),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": Case(
        lambda w: {"bucket": _locked_bucket(w), "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 30}}},
        {
            "bucket": _locked_bucket,
            "rule": {"defaultRetention": {"mode": "COMPLIANCE", "years": 1}},
        },
        unchanged={"objectLockEnabled": "S3 knows no other value"},
        stays="a bucket's lock cannot be switched off",
    ),
}

CANNOT_BE_LEFT_OUT = {
    ("aws:budgets/budget:Budget", "limitAmount"): "a budget has a limit",
    ("aws:ecr/pullThroughCacheRule:PullThroughCacheRule", "credentialArn"): "this upstream answers only who logs in",
}
