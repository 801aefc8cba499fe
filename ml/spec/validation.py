"""The step before training that checks a job's data."""

from collections.abc import Mapping

from pydantic import Field

from ml.spec.base import Seconds, SpecModel


class CheckInstance(SpecModel):
    """The machine that checks the data."""

    type: str = Field(default="ml.m5.large", pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$", description="Instance type.")
    volume_gb: int = Field(default=30, ge=1, le=16384, description="Size of its disk, GB.")


class Validation(SpecModel):
    """Data that must be as expected before the job trains on it; the job refuses all other data."""

    expectations: str = Field(
        default="expectations.yaml", min_length=1, description="File of expectations, relative to this file."
    )
    channels: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="Inputs to check, each a data set of the file; all without it."
    )
    image: str | None = Field(
        default=None,
        description="Image with great_expectations and pandas to check in; the job's own image without it.",
    )
    instance: CheckInstance = Field(
        default_factory=lambda: CheckInstance.model_validate({}), description="Machine to check on."
    )
    max_runtime: Seconds = Field(default=3600, description="Longest check: seconds, or text such as 30m.")


def check_channels(validation: Validation, modes: Mapping[str, str]) -> None:
    """Raises ValueError for a channel that cannot be checked. modes: name of each of the job's inputs to its mode."""
    if not modes:
        raise ValueError("validation: there is no input to check; name the data in `inputs`")
    for name in validation.channels or tuple(modes):
        if name not in modes:
            raise ValueError(f"validation.channels: {name!r} is none of the inputs ({', '.join(modes)})")
        if modes[name] == "Pipe":
            raise ValueError(f"validation: {name!r} comes through a pipe; files alone can be compared: use FastFile")
