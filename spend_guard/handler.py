"""What AWS Lambda calls."""

import json
import logging
import os
from typing import Any

import boto3
from botocore.config import Config

from spend_guard.look import Clients, look

logging.getLogger("spend_guard").setLevel(logging.INFO)
_SESSION = boto3.Session()
_PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 8})
"""A month may have thousands of jobs, and SageMaker throttles whoever asks for them in a row."""
_CLIENTS = Clients(*(_SESSION.client(service, config=_PATIENT) for service in ("ssm", "s3", "sagemaker")))  # pyright: ignore
"""Made once an execution environment, which serves many looks."""

ENOUGH_MS = 90_000
"""To stop what has to be stopped, and to write down what was seen."""


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Look once; the answer says what was seen and stopped.

    Raises RuntimeError where something that had to be stopped was not, so that the function's Errors metric counts it.
    """

    def has_time() -> bool:
        return context.get_remaining_time_in_millis() > ENOUGH_MS

    done = look(_CLIENTS, os.environ["GROUNDWORK_CONTRACT"], int(os.environ["GROUNDWORK_INTERVAL_S"]), has_time)
    document = done.document()
    print(json.dumps(document))
    if done.failed:
        raise RuntimeError("; ".join(done.failed))
    return document
