"""Names that say what a thing is made of."""


def model_name(job: str, digest: str) -> str:
    """The SageMaker model of a training job. digest: of all that it is made of besides, without a hyphen."""
    return f"{job}-{digest}"


def job_of(model: str) -> str:
    """The training job that a SageMaker model is from, by the model's name."""
    return model.rsplit("-", 1)[0]


def protocol_names(model: str, job: str) -> dict[str, str]:
    """The variables that tell the inference server (ml/serving/cli.py) what the Open Inference Protocol calls its model
    and version. Nothing for a model without a name."""
    return {"SERVING_MODEL_NAME": model, "SERVING_MODEL_VERSION": job} if model else {}


def namespace_of(team: str) -> str:
    """CloudWatch's namespace of a team's own metrics: no other is open to its members and its jobs."""
    return f"groundwork/{team}"
