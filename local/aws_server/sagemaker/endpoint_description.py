"""DescribeEndpoint's answer: what serves, and how far an update has come."""

from typing import Any

from local.aws_server.sagemaker.endpoint_record import Deployment, EndpointRecord
from local.aws_server.sagemaker.rollout_progress import Progress


def describe(record: EndpointRecord, progress: Progress | None) -> dict[str, Any]:
    """The whole answer. progress: of the update that is under way."""
    shown = record.deployment or record.pending
    assert shown is not None
    answer: dict[str, Any] = {**record.summary(), "EndpointConfigName": shown.config["EndpointConfigName"]}
    if record.failure:
        answer["FailureReason"] = record.failure
    if (deployment := record.deployment) is not None:
        old = progress.old if progress else {}
        answer["ProductionVariants"] = [_serving(record, deployment, name, old) for name in deployment.production]
        if deployment.shadows:
            answer["ShadowProductionVariants"] = [
                _serving(record, deployment, name, old) for name in deployment.shadows
            ]
        if capture := deployment.config.get("DataCaptureConfig"):
            enabled = capture.get("EnableCapture", True)
            answer["DataCaptureConfig"] = {
                "EnableCapture": enabled,
                "CaptureStatus": "Started" if enabled else "Stopped",
                "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
                "DestinationS3Uri": capture["DestinationS3Uri"],
                "KmsKeyId": capture.get("KmsKeyId", ""),
            }
        if asynchronous := deployment.config.get("AsyncInferenceConfig"):
            answer["AsyncInferenceConfig"] = asynchronous
        if metrics := deployment.config.get("MetricsConfig"):
            answer["MetricsConfig"] = metrics
    if record.pending is not None and record.deployment is not None:
        answer["PendingDeploymentSummary"] = _pending(record, record.pending, progress)
    if record.deployment_config:
        answer["LastDeploymentConfig"] = record.deployment_config
    return answer


def _pending(record: EndpointRecord, pending: Deployment, progress: Progress | None) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "EndpointConfigName": pending.config["EndpointConfigName"],
        "StartTime": progress.started if progress else record.modified,
        "ProductionVariants": [_arriving(record, pending, name, progress) for name in pending.production],
    }
    if pending.shadows:
        summary["ShadowProductionVariants"] = [_arriving(record, pending, name, progress) for name in pending.shadows]
    return summary


def _arriving(record: EndpointRecord, pending: Deployment, name: str, progress: Progress | None) -> dict[str, Any]:
    """A variant of the new fleet: its current instances are those that take requests."""
    variant = pending.variant(name)
    active = progress.active.get(name, 0) if progress else 0
    weight = pending.weights[name]
    shown: dict[str, Any] = {
        "VariantName": name,
        **_images(record, pending, name),
        "CurrentWeight": weight if active else 0.0,
        "DesiredWeight": weight,
    }
    if serverless := variant.get("ServerlessConfig"):
        shown["DesiredServerlessConfig"] = serverless
    else:
        shown |= {"CurrentInstanceCount": active, "DesiredInstanceCount": pending.counts[name]}
    if "InstanceType" in variant:
        shown["InstanceType"] = variant["InstanceType"]
    if progress and name in progress.stages:
        shown["VariantStatus"] = [progress.stages[name].shown()]
    return shown


def _serving(record: EndpointRecord, deployment: Deployment, name: str, current: dict[str, int]) -> dict[str, Any]:
    weight, count = deployment.weights[name], deployment.counts[name]
    shown: dict[str, Any] = {
        "VariantName": name,
        **_images(record, deployment, name),
        "CurrentWeight": weight,
        "DesiredWeight": weight,
    }
    if serverless := deployment.variant(name).get("ServerlessConfig"):
        shown["CurrentServerlessConfig"] = shown["DesiredServerlessConfig"] = serverless
    else:
        shown |= {"CurrentInstanceCount": current.get(name, count), "DesiredInstanceCount": count}
    variant = deployment.variant(name)
    shown |= {member: variant[member] for member in ("ManagedInstanceScaling", "RoutingConfig") if member in variant}
    return shown


def _images(record: EndpointRecord, deployment: Deployment, name: str) -> dict[str, Any]:
    if name in deployment.hosts:
        return {}
    image = deployment.containers[name]["Image"]
    shown = {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": record.created}
    return {"DeployedImages": [shown]}
