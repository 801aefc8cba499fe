"""Operations that would answer as if something had run although nothing did: refused until they truly run.

moto records these jobs as Completed, and answers invocations with a fixed text.
"""

from typing import Any, NoReturn

from local.aws_server.operations import Call, ServiceError, operation

REFUSED = {
    "sagemaker": (
        "CreateAutoMLJob",
        "CreateAutoMLJobV2",
        "CreateCompilationJob",
        "CreateHyperParameterTuningJob",
        "CreateLabelingJob",
        "CreateNotebookInstance",
        "StartPipelineExecution",
    ),
    "sagemaker-runtime": ("InvokeEndpointWithResponseStream",),
}
REFUSED_CONFIGURATION = ("ExplainerConfig",)
"""Members of an endpoint configuration that change what an endpoint does, and that nothing here obeys."""


def _refuse(call: Call) -> NoReturn:
    raise ServiceError(
        "NotImplemented",
        f"The local AWS server does not run {call.service} {call.operation}: "
        "it runs training, processing and batch transform jobs, real-time and asynchronous endpoints.",
        status=501,
    )


def refuse_configuration(request: dict[str, Any]) -> None:
    """Raises ValidationException for what an endpoint would silently not do."""
    for member in REFUSED_CONFIGURATION:
        if request.get(member):
            raise ServiceError("ValidationException", f"The local SageMaker has no {member}.")
    if asynchronous := request.get("AsyncInferenceConfig"):
        _refuse_of_asynchronous(request, asynchronous["OutputConfig"])


def _refuse_of_asynchronous(request: dict[str, Any], output: dict[str, Any]) -> None:
    for member in ("ShadowProductionVariants", "DataCaptureConfig"):
        if request.get(member):
            raise ServiceError("ValidationException", f"The local SageMaker's asynchronous endpoints have no {member}.")
    if not output.get("S3OutputPath"):
        raise ServiceError("ValidationException", "The local SageMaker needs the S3OutputPath of an OutputConfig.")
    if (output.get("NotificationConfig") or {}).get("IncludeInferenceResponseIn"):
        raise ServiceError("ValidationException", "The local SageMaker's notifications include no response.")


for _service, _operations in REFUSED.items():
    for _operation in _operations:
        operation(_service, _operation)(_refuse)
