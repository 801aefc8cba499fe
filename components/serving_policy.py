"""IAM statements about what runs around a team's endpoints: their logs, alarms and scaling."""

from components.iam import Statement, allow, unscoped

SCALING_VERBS = (
    *("DeleteScalingPolicy", "DeleteScheduledAction", "DeregisterScalableTarget", "PutScalingPolicy"),
    *("PutScheduledAction", "RegisterScalableTarget"),
)
SCALING = "sagemaker.application-autoscaling.amazonaws.com"
"""Service that moves the copies of an endpoint that scales to zero."""
ALARM_ACTIONS = [
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DescribeAlarmHistory",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:ListTagsForResource",
    "cloudwatch:PutMetricAlarm",
    "cloudwatch:TagResource",
]


def around_endpoints(*, partition: str, region: str, account_id: str, team: str) -> list[Statement]:
    """What a member's `ml deploy` does beside making models and endpoints, for those named `<team>-…` alone."""
    arn = f"arn:{partition}"
    return [
        # SageMaker makes an endpoint's group with its first line, untagged, and then keeps every line for ever:
        # `ml deploy` makes it before, with tags and an end. Tags at the creation need TagResource
        # (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html).
        allow(
            "EndpointLogs",
            ["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource"],
            [f"{arn}:logs:{region}:{account_id}:log-group:/aws/sagemaker/Endpoints/{team}-*"],
        ),
        # `ml deploy` has alarms take a new version back: alarms of the team's own endpoints, by their names
        # (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html).
        # Target tracking makes alarms under such names with the rights of whoever asks for it
        # (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html).
        allow(
            "Alarms",
            ALARM_ACTIONS,
            [
                f"{arn}:cloudwatch:{region}:{account_id}:alarm:{name}{team}-*"
                for name in ("", "TargetTracking-endpoint/", "TargetTracking-inference-component/")
            ],
        ),
        *_scaling(team, f"{arn}:application-autoscaling:{region}:{account_id}:scalable-target/*"),
        # The first target of an account makes this role
        # (https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html).
        allow(
            "ScalingRole",
            ["iam:CreateServiceLinkedRole"],
            [
                f"{arn}:iam::{account_id}:role/aws-service-role/{SCALING}/"
                "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
            ],
            {"StringEquals": {"iam:AWSServiceName": SCALING}},
        ),
    ]


def _scaling(team: str, targets: str) -> list[Statement]:
    """`ml deploy` of endpoints that scale.

    A scalable target's ARN has an id that AWS makes up, so a team's are known by their tag, which is given as one is
    made, and not to one that has another team's.

    Sources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsapplicationautoscaling.html,
    https://docs.aws.amazon.com/autoscaling/application/userguide/resource-tagging-support.html
    """
    service = "application-autoscaling"
    return [
        allow(
            "Scaling",
            [f"{service}:{verb}" for verb in SCALING_VERBS],
            [targets],
            {"StringEquals": {"aws:ResourceTag/groundwork:team": team}},
        ),
        allow(
            "NewScaling",
            [f"{service}:RegisterScalableTarget", f"{service}:TagResource"],
            [targets],
            {
                "StringEquals": {"aws:RequestTag/groundwork:team": team},
                "StringEqualsIfExists": {"aws:ResourceTag/groundwork:team": team},
            },
        ),
        unscoped(
            "ScalingLimits",
            [f"{service}:DescribeScalableTargets"],
            because="DescribeScalableTargets knows no resources",
        ),
    ]
