"""An endpoint that takes requests into a queue and writes its answers to S3."""

from pydantic import Field

from ml.spec.base import SpecModel


class Asynchronous(SpecModel):
    """Requests wait in a queue, may be large and may take long; each has its answer in S3.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html
    """

    output: str = Field(
        default="async",
        pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$",
        description="Where requests, answers and failures lie: below the team's artifact prefix, in a folder of the "
        "endpoint's name.",
    )
    concurrent: int | None = Field(
        default=None, ge=1, le=1000, description="Most requests at once to a machine; as SageMaker sees fit without it."
    )
