"""The one place that every alert goes to, and who is told from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.iam import written_with
from components.monitoring.topic_policy import topic_key_policy, topic_name, topic_policy
from components.placement import Placement

Protocol = Literal["email", "https", "sqs", "lambda"]


@dataclass(frozen=True, kw_only=True)
class Subscriber:
    """Somebody who is told.

    name: a word that the subscription is named by; changing it subscribes anew.
    endpoint: e-mail address, https:// address, or ARN. The address of a paging service holds its key, so an https
        endpoint is kept as a secret.
    """

    name: str
    protocol: Protocol
    endpoint: str


@dataclass(frozen=True, kw_only=True)
class AlertTopicArgs:
    """What the topic needs.

    rotation_days, deletion_window_days: of the key that encrypts messages, as in `Keys`.
    protect: refuse to delete the key.
    """

    placement: Placement
    subscribers: Sequence[Subscriber] = ()
    rotation_days: int = 365
    deletion_window_days: int = 30
    protect: bool = True


class AlertTopic(pulumi.ComponentResource):
    """An encrypted SNS topic that the account's alarms, alerts and budgets publish to, and its subscriptions.

    Its key is its own: the services that publish must be able to use it, and need no other. SNS asks whoever has an
    e-mail or https subscription to confirm it; until then nothing is sent there, and a destroy leaves the unconfirmed
    subscription to SNS, which forgets it (https://docs.aws.amazon.com/sns/latest/dg/sns-delete-subscription-topic.html).
    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: AlertTopicArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:monitoring:AlertTopic", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        place = args.placement
        key = aws.kms.Key(
            f"{name}-key",
            description=f"{place.prefix}: alerts on their way",
            enable_key_rotation=True,
            rotation_period_in_days=args.rotation_days,
            deletion_window_in_days=args.deletion_window_days,
            policy=written_with(
                topic_key_policy, partition=place.partition, region=place.region, account_id=place.account_id
            ),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        aws.kms.Alias(
            f"{name}-key-alias", name=f"alias/{topic_name(place.prefix)}", target_key_id=key.key_id, opts=child
        )
        topic = aws.sns.Topic(
            f"{name}-topic",
            name=topic_name(place.prefix),
            kms_master_key_id=key.key_id,
            # SHA-256 instead of SHA-1 (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).
            signature_version=2,
            opts=child,
        )
        policy = aws.sns.TopicPolicy(
            f"{name}-policy",
            arn=topic.arn,
            policy=written_with(
                topic_policy,
                topic_arn=topic.arn,
                partition=place.partition,
                region=place.region,
                account_id=place.account_id,
            ),
            opts=child,
        )
        for subscriber in args.subscribers:
            secret = subscriber.protocol == "https"
            aws.sns.TopicSubscription(
                f"{name}-to-{subscriber.name}",
                topic=topic.arn,
                protocol=subscriber.protocol,
                endpoint=pulumi.Output.secret(subscriber.endpoint) if secret else subscriber.endpoint,
                # Paging services confirm by themselves; without it the create waits for their answer in vain.
                endpoint_auto_confirms=True if secret else None,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
            )
        self.arn = topic.arn
        self.register_outputs({"arn": self.arn})
