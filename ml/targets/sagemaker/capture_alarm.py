"""The alarm that says that an endpoint's captures are lost, where the container writes them.

Serving goes on without them, so nobody would notice: the bucket is gone, or the role may not write there any more.
"""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment
from ml.identity import resource_tags
from ml.names import namespace_of
from ml.progress import say
from ml.serving.capture_writer import LOST
from ml.targets.sagemaker.alarms import captures_alarm
from platform_contract import PlatformContract

if TYPE_CHECKING:
    from ml.targets.sagemaker.deployment import Target

PERIOD_S = 60


def watch_captures(environment: Environment, contract: PlatformContract, target: "Target") -> None:
    """Make the alarm of a deployment whose container captures. What CloudWatch refuses is told: it serves anyway."""
    if target.capture_percent is None or not target.masked:
        return
    tags = resource_tags(contract, target.team)
    try:
        environment.clients.client("cloudwatch").put_metric_alarm(**request(contract, target), Tags=tags)
    except ClientError as error:
        say(f"No alarm will say that captures of {target.endpoint} are lost: {error_details(error).message}")


def request(contract: PlatformContract, target: "Target") -> dict[str, Any]:
    """PutMetricAlarm's members, less tags. It tells the platform's alert topic, where that lets teams tell people."""
    topic = contract.platform.alert_topic_arn
    dimensions = {"EndpointName": target.endpoint, "VariantName": target.variant}
    return {
        "AlarmName": captures_alarm(target.endpoint, target.variant),
        "AlarmDescription": f"Requests and answers of {target.endpoint} that were to be captured are lost: S3 does not "
        "take them. The endpoint serves on; its log says why.",
        "Namespace": namespace_of(target.team),
        "MetricName": LOST,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Statistic": "Sum",
        "Period": PERIOD_S,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        # The metric is there only when something was lost.
        "TreatMissingData": "notBreaching",
        **({"AlarmActions": [topic], "OKActions": [topic]} if topic else {}),
    }
