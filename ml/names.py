"""Names that say what a thing is made of."""


def model_name(job: str, digest: str) -> str:
    """The SageMaker model of a training job. digest: of all that it is made of besides, without a hyphen."""
    return f"{job}-{digest}"


def job_of(model: str) -> str:
    """The training job that a SageMaker model is from, by the model's name."""
    return model.rsplit("-", 1)[0]
