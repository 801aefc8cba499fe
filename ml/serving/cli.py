"""The command line of the inference server."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ml.serving.settings import Settings

_DESCRIPTION = (
    "Serve one MLflow model: GET /ping, POST /invocations (CSV, JSON, JSON lines), GET /metrics; and under /v2 the "
    "Open Inference Protocol."
)
_EXAMPLE = """\
example:
  python -m ml.serving --model-dir ./model --port 8080 &
  curl -s localhost:8080/invocations -H 'Content-Type: text/csv' -d '5.1,3.5,1.4,0.2'
  {"predictions": [0]}
  curl -s localhost:8080/v2/models/model        its inputs and outputs; POST …/infer predicts

exit codes: 0 stopped in order · 1 model or address unusable, or requests lost when stopping · 2 wrong option
environment: SM_MODEL_DIR, SERVING_HOST, SAGEMAKER_BIND_TO_PORT, SERVING_MODEL_NAME, SERVING_MODEL_VERSION,
  SERVING_CAPTURE_URI, SERVING_CAPTURE_PERCENT, SERVING_CAPTURE_METRICS, SAGEMAKER_MULTI_MODEL and SERVING_MAX_MODELS
  are the defaults of --model-dir, --host, --port, --model-name, --model-version, --capture-uri, --capture-percent,
  --capture-metrics, --multi-model and --max-models
"""


def parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """The options; `environment` gives the defaults that SageMaker's container contract names."""
    options = argparse.ArgumentParser(
        prog="python -m ml.serving",
        description=_DESCRIPTION,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    model_dir = environment.get("SM_MODEL_DIR", "/opt/ml/model")
    port = environment.get("SAGEMAKER_BIND_TO_PORT", "8080")
    host = environment.get("SERVING_HOST", "127.0.0.1")
    add = options.add_argument
    add("--model-dir", type=Path, default=model_dir, help=f"folder of the MLflow model, or one above ({model_dir})")
    add("--host", default=host, help=f"address to listen on; a container wants 0.0.0.0 ({host})")
    add("--port", type=_port, default=port, help=f"port to listen on, 0 for a free one ({port})")
    name = environment.get("SERVING_MODEL_NAME", "model")
    add("--model-name", default=name, help=f"what the Open Inference Protocol calls the model ({name})")
    add("--model-version", default=environment.get("SERVING_MODEL_VERSION"), help="and its version (none)")
    several = environment.get("SAGEMAKER_MULTI_MODEL", "").lower() == "true"
    add("--multi-model", action="store_true", default=several, help="load models as POST /models asks for them (no)")
    most = environment.get("SERVING_MAX_MODELS")
    add("--max-models", type=_count, default=most, help="most models at a time; more get 507 (what memory holds)")
    add("--max-body-mb", type=_positive, default=_largest_body(environment), help="largest request body, MiB (25)")
    add("--max-concurrency", type=_count, default=64, help="most requests at once; more get 429 (64)")
    add("--body-timeout", type=_positive, default=30.0, help="longest wait for the rest of a body, s (30)")
    add("--drain-delay", type=_duration, default=0.0, help="on SIGTERM, time from unready to closing, s (0)")
    add("--drain-timeout", type=_positive, default=30.0, help="on SIGTERM, longest wait for requests in flight, s (30)")
    add("--threads", type=_count, default=1, help="threads of numerical libraries a prediction (1)")
    add("--access-log", action="store_true", help="log every request, not only those that fail")
    add(
        "--capture-uri",
        metavar="S3_URI",
        default=environment.get("SERVING_CAPTURE_URI"),
        help="write requests and answers there, personal columns masked (no)",
    )
    add(
        "--capture-percent",
        type=_share,
        default=environment.get("SERVING_CAPTURE_PERCENT", "100"),
        help="share of them that is written (100)",
    )
    add("--capture-interval", type=_positive, default=30.0, help="longest time between two files of them, s (30)")
    add(
        "--capture-metrics",
        metavar="NAMESPACE",
        default=environment.get("SERVING_CAPTURE_METRICS", ""),
        help="CloudWatch namespace that is told how many could not be written (no)",
    )
    add("--log-format", choices=("json", "text"), help="form of the log on stderr (text on a terminal, else json)")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run the server until it is told to stop; returns the exit code."""
    options = parser(os.environ).parse_args(argv)
    # Read by OpenMP and BLAS when they are loaded, so before anything imports numpy: a pool of threads that spins
    # beside a prediction of one row makes it slower.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, str(options.threads))
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

    import uvloop

    from ml.serving.errors import ModelLoadError
    from ml.serving.logs import set_up
    from ml.serving.server import AddressError, serve

    log_form = options.log_format or ("text" if sys.stderr.isatty() else "json")
    set_up(log_form)
    settings = Settings(
        model_dir=options.model_dir,
        host=options.host,
        port=options.port,
        max_body_bytes=int(options.max_body_mb * 1024 * 1024),
        max_concurrency=options.max_concurrency,
        body_timeout_s=options.body_timeout,
        drain_delay_s=options.drain_delay,
        drain_timeout_s=options.drain_timeout,
        access_log=options.access_log,
        capture_uri=options.capture_uri,
        capture_percent=options.capture_percent,
        capture_interval_s=options.capture_interval,
        capture_metrics=options.capture_metrics,
        model_name=options.model_name,
        model_version=options.model_version,
        multi_model=options.multi_model,
        max_models=options.max_models,
        log_form=log_form,
    )
    try:
        code = uvloop.run(serve(settings))
    except (AddressError, ModelLoadError) as error:
        print(f"error: {error}", file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    # A prediction that never ends would otherwise keep the interpreter from ending.
    os._exit(code)


def _largest_body(environment: Mapping[str, str]) -> str:
    """MiB, by the deployment, or by the batch transform that has the server started
    (https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html)."""
    if said := environment.get("SERVING_MAX_BODY_MB"):
        return said
    largest = environment.get("SAGEMAKER_MAX_PAYLOAD_IN_MB", "")
    return str(max(25, int(largest) if largest.isdigit() else 0))


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port (0 to 65535)")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is no share (above 0, at most 100)")
    return value


def _duration(text: str) -> float:
    value = float(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return value
