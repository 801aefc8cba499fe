"""InvokeEndpoint of an inference component: who takes the request, and what the caller hears at zero copies.

The messages are SageMaker's, as its users quote them; the one at zero is in
https://aws.amazon.com/blogs/machine-learning/unlock-cost-savings-with-the-new-scale-down-to-zero-feature-in-amazon-sagemaker-inference/.
"""

from local.aws_server.operations import Call, ServiceError
from local.aws_server.sagemaker.component_record import load
from local.aws_server.sagemaker.components import Components
from local.aws_server.sagemaker.endpoint_metrics import Source, interval_of
from local.aws_server.sagemaker.traffic import Traffic

NO_CAPACITY = (
    "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress (if "
    "configured) or try to increase the capacity by invoking UpdateInferenceComponentRuntimeConfig API."
)
NAME_REQUIRED = (
    "Inference Component Name header is required for endpoints to which you plan to deploy inference components. "
    "Please include Inference Component Name header or consider using SageMaker models."
)
NAME_REFUSED = (
    "Inference Component Name header is not allowed for endpoints to which you dont plan to deploy inference "
    "components. Please remove the Inference Component Name header and try again."
)


def component_traffic(call: Call, components: Components, traffic: Traffic) -> Traffic:
    """What serves the request's component; the endpoint's own traffic where the endpoint hosts no components.

    Raises ValidationError, at zero copies with a failure that the metric NoCapacityInvocationFailures counts.
    """
    name, endpoint = call.params.get("InferenceComponentName"), call.params["EndpointName"]
    if not traffic.main.deployment.hosts:
        if name:
            raise ServiceError("ValidationError", NAME_REFUSED)
        return traffic
    if not name:
        raise ServiceError("ValidationError", NAME_REQUIRED)
    record = load(call.server, call.region, name)
    if record is None or record.endpoint != endpoint:
        raise ServiceError("ValidationError", f"Inference component {name} of endpoint {endpoint} not found.")
    serving = components.traffic(record.key)
    if serving is None:
        interval = interval_of(traffic.main.deployment.config)
        source = Source(
            region=call.region, endpoint=endpoint, variant=record.variant, component=name, interval_s=interval
        )
        components.metrics.observe(source, "NoCapacityInvocationFailures", 1.0)
        raise ServiceError("ValidationError", NO_CAPACITY)
    return serving
