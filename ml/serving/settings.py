"""The server's settings."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the server runs.

    model_dir: folder that holds the MLflow model, or one folder that does. max_body_bytes: largest request body.
    max_concurrency: most requests that are answered or wait at once. body_timeout_s: longest wait for a whole
    body. drain_delay_s: time between readiness dropping and the first connection being refused, for load balancers that
    take a while to notice. drain_timeout_s: longest wait for requests in flight when stopping. access_log: a log line a
    request instead of one a failed request. capture_uri: S3 prefix that requests and answers are captured to, with
    personal columns masked; None for no capture. capture_percent: share of them, 0 to 100.
    capture_metrics: CloudWatch namespace that is told how many could not be written; empty for none.
    capture_interval_s: longest time between two files of them. model_name, model_version:
    as the Open Inference Protocol knows the model; None for no version. multi_model: whether models are loaded as
    SageMaker's multi-model endpoints ask for it, and none at the start. max_models: most of them at a time; None for as
    many as memory holds. log_form: `json` or `text`.
    """

    model_dir: Path
    host: str = "127.0.0.1"
    port: int = 8080
    max_body_bytes: int = 6 * 1024 * 1024
    max_concurrency: int = 64
    body_timeout_s: float = 30.0
    drain_delay_s: float = 0.0
    drain_timeout_s: float = 30.0
    access_log: bool = False
    capture_uri: str | None = None
    capture_percent: float = 100.0
    capture_interval_s: float = 30.0
    capture_metrics: str = ""
    model_name: str = "model"
    model_version: str | None = None
    multi_model: bool = False
    max_models: int | None = None
    log_form: str = "json"
