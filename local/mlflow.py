"""The MLflow tracking server: a genuine `mlflow server`, started when somebody has asked AWS for a tracking server."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from local.paths import PROFILE, REGION, Paths
from local.supervisor.ports import Ports
from local.supervisor.spec import ServiceSpec


def mlflow_service(paths: Paths, ports: Ports) -> ServiceSpec | None:
    """The tracking server that `paths.mlflow_request` asks for; None when nothing does.

    As on SageMaker, clients write artifacts to S3 themselves: the server only tells them where. Raises ValueError when
    the request cannot be understood.
    """
    try:
        request = json.loads(paths.mlflow_request.read_text())
    except FileNotFoundError:
        return None
    address = f"http://127.0.0.1:{ports.mlflow}"
    paths.mlflow_data.mkdir(parents=True, exist_ok=True)
    return ServiceSpec(
        name="mlflow",
        command=(
            *(sys.executable, "-m", "mlflow", "server"),
            *("--host", "127.0.0.1", "--port", str(ports.mlflow)),
            *("--backend-store-uri", f"sqlite:///{paths.mlflow_data / 'mlflow.db'}"),
            *("--default-artifact-root", str(request["artifact_store_uri"])),
            *("--no-serve-artifacts", "--workers", "1"),
        ),
        environment={
            # A second process that costs half a gigabyte and runs nothing that SageMaker's own server offers.
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "AWS_CONFIG_FILE": str(paths.aws_config),
            "AWS_SHARED_CREDENTIALS_FILE": str(paths.aws_credentials),
            "AWS_PROFILE": PROFILE,
            "AWS_DEFAULT_REGION": REGION,
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        },
        health=f"{address}/health",
        address=address,
        log_file=paths.log("mlflow"),
        depends_on=("aws",),
        # Measured: 13 to 19 s alone on two cores, more while a training job runs.
        start_timeout_s=120,
    )


class MlflowOnRequest:
    """The tracking server as the AWS server wants it, and the end of its data with the end of the tracking server.

    aws_answers: tells whether the AWS server runs, whose word it is that there is no tracking server (any more).
    """

    def __init__(self, paths: Paths, ports: Ports, aws_answers: Callable[[], bool]):
        self._paths = paths
        self._ports = ports
        self._aws_answers = aws_answers
        self._unwanted = 0

    def __call__(self) -> list[ServiceSpec]:
        """The service that ought to run now, if any; the supervisor asks again and again."""
        wanted = mlflow_service(self._paths, self._ports)
        self._unwanted = 0 if wanted else self._unwanted + 1
        # Not the first time: by the second the supervisor has stopped the process.
        if self._unwanted > 1 and self._paths.mlflow_data.exists() and self._aws_answers():
            self._end_data()
        return [wanted] if wanted else []

    def _end_data(self) -> None:
        """As on SageMaker, a deleted tracking server takes its runs and models with it."""
        # Looked at again: an AWS server that has just started writes its request before it answers.
        if not self._paths.mlflow_request.exists():
            shutil.rmtree(self._paths.mlflow_data, ignore_errors=True)
