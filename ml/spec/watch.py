"""How an endpoint is watched: against which reference, and in what windows."""

from typing import Literal

from pydantic import Field, model_validator

from ml.spec.base import Scalar, Seconds, SpecModel


class Quality(SpecModel):
    """How good the answers are, once the truth is there."""

    metric: Literal["accuracy", "roc_auc", "mae", "rmse"] = Field(description="What is measured.")
    target: str = Field(min_length=1, description="Column of the reference with the truth.")
    positive: Scalar | None = Field(
        default=None,
        description="Class whose chance the answer is; roc_auc needs it, and for accuracy an answer above 0.5 is this "
        "class. Without it answers are classes.",
    )
    max_loss: float = Field(
        ge=0, description="How much worse than on the reference it may be, in the metric's own unit."
    )
    truth: str = Field(
        min_length=1,
        description="Where the truth arrives: a file, or an s3:// prefix that ends with a slash; CSV or JSON lines "
        "with id (the inference id, or the captured event's) and value.",
    )
    late: Seconds = Field(default=604_800, description="How long after a window its truth is waited for.")

    @model_validator(mode="after")
    def _check_positive(self) -> "Quality":
        if self.metric == "roc_auc" and self.positive is None:
            raise ValueError("roc_auc needs `positive`, the class whose chance the answer is")
        return self


class Attributions(SpecModel):
    """What the answers depend on: by how much each column moves them, asked of the model on some rows of a window."""

    rows: int = Field(
        default=500,
        ge=50,
        le=2000,
        description="Rows of a window, chosen by chance, that the model is asked about, once as they are and once for "
        "each of its columns.",
    )
    model: str | None = Field(
        default=None,
        pattern=r"\.tar\.gz$",
        description="The model.tar.gz that is asked, here or on S3. Without it that of the version that serves when "
        "`ml watch start` is run.",
    )


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
    segments: str | None = Field(
        default=None,
        description="Column whose values are compared each for itself, too: the 20 that come first in the reference.",
    )
    quality: Quality | None = Field(default=None, description="How good the answers are, once the truth is there.")
    attributions: Attributions | None = Field(
        default=None,
        description="Whether the answers still depend on the same columns: `attributions: {}` has it looked after.",
    )
    on_drift: Literal["alert", "rollback", "fall-back"] = Field(
        default="alert",
        description="alert: `ml watch run` tells. rollback: it also has the version before serve, once a version. "
        "fall-back: it has the version that `fallback` names serve.",
    )
    fallback: str | None = Field(
        default=None,
        min_length=1,
        description="Training job, or number, of a version that this endpoint has had: what `ml rollback --list` "
        "shows. Such as one of a simple model, that knows fewer columns.",
    )

    @model_validator(mode="after")
    def _check_window(self) -> "Watch":
        if (self.window is None) == (self.rows is None):
            raise ValueError("give either window (a length of time) or rows")
        if self.window is not None and self.time is None:
            raise ValueError("windows of time need `time`: the reference's column that says when")
        if self.quality is not None and self.prediction is None:
            raise ValueError("quality needs `prediction`: the reference's column with the model's answers")
        if self.segments is not None and self.segments in (*self.ignore, self.prediction, self.time):
            raise ValueError(f"segments: {self.segments} is no input of the model, so captures do not have it")
        if (self.on_drift == "fall-back") != (self.fallback is not None):
            raise ValueError("on_drift: fall-back and `fallback`, the version that serves then, go together")
        return self
