"""Endpoint variants that host inference components: the rules for them, and how many instances they have.

https://docs.aws.amazon.com/sagemaker/latest/dg/realtime-endpoints-deploy-models.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ProductionVariantManagedInstanceScaling.html. AWS
documents no wording of the refusals; that DeleteEndpoint is refused while a component is there is what its users report
(github.com/aws/amazon-sagemaker-feedback/issues/49).
"""

from collections.abc import Mapping
from typing import Any

from local.aws_server.operations import Server, ServiceError
from local.aws_server.sagemaker.component_record import components_of
from local.aws_server.sagemaker.endpoint_record import Deployment


def check_host(config: Mapping[str, Any], variant: Mapping[str, Any]) -> None:
    """Raises ValidationException where a variant without a model cannot host inference components."""
    name = variant["VariantName"]
    if "ServerlessConfig" in variant:
        raise _refusal(f"Serverless variant {name} must have a ModelName.")
    if not config.get("ExecutionRoleArn"):
        raise _refusal(
            f"Variant {name} has no ModelName, so it hosts inference components: the endpoint configuration must have "
            "an ExecutionRoleArn."
        )
    if any("ModelName" in each for each in config["ProductionVariants"]):
        raise _refusal("Either every variant has a ModelName, or none.")
    for member in ("ShadowProductionVariants", "DataCaptureConfig"):
        if config.get(member):
            raise _refusal(f"The local SageMaker has no {member} for variants that host inference components.")
    scaling = managed(variant)
    low, high = scaling.get("MinInstanceCount", 0), scaling.get("MaxInstanceCount")
    if high is not None and low > high:
        raise _refusal(f"MinInstanceCount ({low}) of variant {name} must be at most its MaxInstanceCount ({high}).")


def managed(variant: Mapping[str, Any]) -> Mapping[str, Any]:
    """A variant's ManagedInstanceScaling, empty where it is not enabled."""
    scaling: Mapping[str, Any] = variant.get("ManagedInstanceScaling") or {}
    return scaling if scaling.get("Status") == "ENABLED" else {}


def host_counts(server: Server, region: str, endpoint: str, deployment: Deployment) -> dict[str, int]:
    """Instances of each variant that hosts components.

    All copies of a variant share one instance here; at no copy at all there are MinInstanceCount, before the first
    component and without ManagedInstanceScaling InitialInstanceCount.
    """
    components = components_of(server, region, endpoint)
    counts: dict[str, int] = {}
    for name in deployment.hosts:
        scaling = managed(deployment.variant(name))
        own = [each for each in components if each.variant == name]
        if scaling and own:
            used = any(each.current or each.copies for each in own)
            counts[name] = max(int(scaling.get("MinInstanceCount", 1)), int(used))
    return counts


def require_no_components(server: Server, region: str, endpoint: str, arn: str) -> None:
    """Raises ValidationException while an endpoint has inference components."""
    if names := sorted(each.name for each in components_of(server, region, endpoint)):
        raise _refusal(
            f'Cannot delete endpoint "{arn}": delete its inference component(s) first: [{", ".join(names)}].'
        )


def require_room(server: Server, region: str, endpoint: str, pending: Deployment) -> None:
    """Raises ValidationException where an update takes the variant of a component away."""
    for each in components_of(server, region, endpoint):
        if each.variant not in pending.hosts:
            raise _refusal(
                f"Inference component {each.name} needs variant {each.variant} without a ModelName in the new endpoint "
                "configuration."
            )


def _refusal(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
