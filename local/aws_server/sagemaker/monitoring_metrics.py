"""What a monitoring job's container says as metrics: put into CloudWatch once it has ended.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-byoc-cloudwatch.html
"""

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.plane import Plane

logger = logging.getLogger(__name__)

FOLDER = "output/metrics/cloudwatch"
"""Below /opt/ml."""
NAMESPACE = "/aws/sagemaker/Endpoint/data-metrics"
MEMBERS = ("MetricName", "Dimensions", "Value", "StatisticValues", "Unit")


def wanted(request: Mapping[str, Any]) -> bool:
    """Whether a processing job is a monitoring job that publishes metrics."""
    variables = request.get("Environment") or {}
    return (
        "sagemaker_monitoring_schedule_name" in variables and variables.get("publish_cloudwatch_metrics") == "Enabled"
    )


def publish(plane: Plane, region: str, folder: Path) -> None:
    """Put the metrics below a folder; what cannot be read, or is refused, is logged."""
    try:
        data = list(_data(folder))
        if data:
            plane.call("cloudwatch", "PutMetricData", {"Namespace": NAMESPACE, "MetricData": data}, region=region)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ServiceError) as error:
        logger.warning("the metrics of %s were not published: %s", folder, error)


def _data(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip():
                document = json.loads(line)
                moment = datetime.fromisoformat(document["Timestamp"])
                yield {"Timestamp": moment, **{name: document[name] for name in MEMBERS if name in document}}
