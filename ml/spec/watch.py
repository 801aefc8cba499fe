"""How an endpoint is watched: against which reference, and in what windows."""

from typing import Literal

from pydantic import Field, model_validator

from ml.spec.base import Seconds, SpecModel


class Watch(SpecModel):
    """What `ml watch` does with what an endpoint captures."""

    reference: str = Field(
        min_length=1,
        description="Table that windows are compared with, in the order of time: CSV, JSON lines or Parquet, local or "
        "on S3, with the model's columns.",
    )
    prediction: str | None = Field(
        default=None,
        description="Column of the reference with the answers; of a classifier the last class's chance.",
    )
    time: str | None = Field(default=None, description="Column of the reference with the time; for windows of time.")
    window: Seconds | None = Field(default=None, description="Length of a window of time, such as 1h.")
    rows: int | None = Field(default=None, ge=50, description="Rows of a window, in place of its length.")
    min_rows: int = Field(default=200, ge=50, description="Windows with fewer rows are told and not judged.")
    error_rate: float = Field(
        default=0.01, gt=0, lt=0.5, description="Share of the windows without drift that may be called drifted."
    )
    ignore: tuple[str, ...] = Field(
        default=(), description="Columns that are not compared, such as identifiers, and the reference's truth."
    )
    on_drift: Literal["alert", "rollback"] = Field(
        default="alert",
        description="alert: `ml watch run` tells. rollback: it also has the version before serve, once a version.",
    )

    @model_validator(mode="after")
    def _check_window(self) -> "Watch":
        if (self.window is None) == (self.rows is None):
            raise ValueError("give either window (a length of time) or rows")
        if self.window is not None and self.time is None:
            raise ValueError("windows of time need `time`: the reference's column that says when")
        return self
