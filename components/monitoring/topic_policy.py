"""Who may publish to the alert topic, and use the key that it is encrypted with.

Both documents know the same list of services; none of them may act for another account, and none but over TLS.
"""

from components.iam import Statement, allow, document

USE_KEY = ("kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:Decrypt")
"""What a service needs of the key to publish to an encrypted topic
(https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html, 'Enable compatibility between event sources from AWS
services and encrypted topics')."""

PUBLISHERS = {
    "CloudWatchAlarms": ("cloudwatch.amazonaws.com", "arn:{partition}:cloudwatch:{region}:{account}:alarm:*"),
    "PrometheusAlerts": ("aps.amazonaws.com", "arn:{partition}:aps:{region}:{account}:workspace/*"),
    "Budgets": ("budgets.amazonaws.com", "arn:{partition}:budgets::{account}:*"),
    "CostAnomalies": ("costalerts.amazonaws.com", ""),
}
"""Statement's name to the service and the sources that it may publish for; without sources, the account alone counts.

Sources: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html,
https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-alertmanager-receiver-AMPpermission.html,
https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html and
https://docs.aws.amazon.com/cost-management/latest/userguide/ad-SNS.html.
"""


def topic_name(prefix: str) -> str:
    """Name of the topic of the platform whose resources' names begin with `prefix`; its key has it as an alias."""
    return f"{prefix}-alerts"


def publishing(partition: str, region: str, account_id: str, prefix: str) -> list[Statement]:
    """What a principal of the account needs to publish to the topic.

    Its key by its alias (https://docs.aws.amazon.com/kms/latest/developerguide/alias-authorization.html).
    """
    name = topic_name(prefix)
    return [
        allow("Alert", ["sns:Publish"], [f"arn:{partition}:sns:{region}:{account_id}:{name}"]),
        allow(
            "EncryptAlerts",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [f"arn:{partition}:kms:{region}:{account_id}:key/*"],
            {"ForAnyValue:StringEquals": {"kms:ResourceAliases": [f"alias/{name}"]}},
        ),
    ]


def topic_policy(topic_arn: str, partition: str, region: str, account_id: str) -> str:
    """The topic's own policy: the services of this account publish, nobody does without TLS.

    Principals of the account need no statement here: their own IAM policies decide.
    """
    statements = [
        {
            **_for_service(sid, partition, region, account_id),
            "Action": ["sns:Publish", "sns:GetTopicAttributes"] if sid == "PrometheusAlerts" else ["sns:Publish"],
            "Resource": topic_arn,
        }
        for sid in PUBLISHERS
    ]
    return document(*statements, _only_tls(topic_arn))


def topic_key_policy(partition: str, region: str, account_id: str) -> str:
    """The key's policy: the account decides as usual, and the publishing services use the key for this account.

    No source ARN is asked for: AWS documents the source account for every one of them, the source ARN not
    (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html).
    """
    account: Statement = {
        # Needed: without it nobody can ever change the key again
        # (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html).
        "Sid": "AccountDecides",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition}:iam::{account_id}:root"},
        "Action": "kms:*",
        "Resource": "*",  # in a key policy this is the key itself
    }
    uses = [
        {
            "Sid": sid,
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": list(USE_KEY),
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:SourceAccount": account_id}},
        }
        for sid, (service, _) in PUBLISHERS.items()
    ]
    return document(account, *uses)


def _for_service(sid: str, partition: str, region: str, account_id: str) -> Statement:
    service, source = PUBLISHERS[sid]
    conditions: dict[str, dict[str, str]] = {"StringEquals": {"aws:SourceAccount": account_id}}
    if source:
        conditions["ArnLike"] = {"aws:SourceArn": source.format(partition=partition, region=region, account=account_id)}
    return {"Sid": sid, "Effect": "Allow", "Principal": {"Service": service}, "Condition": conditions}


def _only_tls(topic_arn: str) -> Statement:
    return {
        "Sid": "OnlyOverTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["sns:Publish"],
        "Resource": topic_arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
