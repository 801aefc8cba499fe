"""One request to an endpoint: its answer, or what went wrong in words that say what to do."""

import json
import time
from typing import Any, cast

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import is_denied
from ml.errors import AsleepError, MlError, NotFoundError
from ml.progress import say
from ml.targets.sagemaker.components import NAME_REQUIRED, NO_CAPACITY
from ml.targets.sagemaker.jobs import Pause
from ml.targets.sagemaker.multi_model import explained

PATIENCE_S = 1200.0
"""Longest that a caller waits for an endpoint to wake up: an alarm's minute, a machine, the image and the model."""


class Asker:
    """Asks endpoints. wait: whether one that wakes up is waited for."""

    def __init__(self, clients: Any, *, wait: bool = False) -> None:
        self._runtime = clients.client("sagemaker-runtime")
        self._patience_s = PATIENCE_S if wait else 0.0
        self._components: dict[str, str] = {}

    def ask(self, endpoint: str, request: dict[str, Any]) -> tuple[bytes, str]:
        """The answer's body, and the variant that gave it. request: InvokeEndpoint's members less the endpoint.

        Raises AsleepError of an endpoint that has scaled to zero, NotFoundError and MlError.
        """
        until, pause, told = time.monotonic() + self._patience_s, Pause(), False
        while True:
            try:
                return self._ask(endpoint, request)
            except AsleepError:
                if time.monotonic() >= until:
                    raise
                if not told:
                    say(f"{endpoint} has scaled to zero and wakes up; this takes minutes …")
                    told = True
                pause.sleep()

    def _ask(self, endpoint: str, request: dict[str, Any]) -> tuple[bytes, str]:
        component = self._components.get(endpoint)
        named = {"InferenceComponentName": component} if component else {}
        try:
            answer = self._runtime.invoke_endpoint(EndpointName=endpoint, **named, **request)
        except ClientError as error:
            if not component and NAME_REQUIRED in error_details(error).message:
                # One that scales to zero: its component has the endpoint's name.
                self._components[endpoint] = endpoint
                return self._ask(endpoint, request)
            raise _explained(endpoint, error) from error
        return answer["Body"].read(), answer.get("InvokedProductionVariant", "")


def _explained(endpoint: str, error: ClientError) -> Exception:
    if is_denied(error):
        return error
    code, message = error_details(error)
    if NO_CAPACITY in message:
        return AsleepError(
            f"{endpoint} has scaled to zero, and this call wakes it up: it answers in a few minutes. "
            "Ask again then, or with --wait."
        )
    if (about_the_model := explained(endpoint, error)) is not None:
        return about_the_model
    if code == "ValidationError" and "not found" in message.lower():
        return NotFoundError(f"There is no endpoint {endpoint!r}.")
    if code == "ModelError":
        return MlError(f"{endpoint} refused the rows: {_original_message(error) or message}")
    return MlError(f"{endpoint} did not answer: {message}")


def _original_message(error: ClientError) -> str:
    """What the model's server itself answered: its message where it is a JSON document that has one."""
    said = str(cast("dict[str, Any]", error.response).get("OriginalMessage", ""))
    try:
        document: Any = json.loads(said)
        return str(document["message"])
    except (ValueError, KeyError, TypeError):
        return said
