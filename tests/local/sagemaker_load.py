"""Callers of an endpoint that never stop, and count what they get."""

import threading
from collections import Counter
from types import TracebackType

from botocore.exceptions import ClientError

from tests.local.sagemaker_server import SageMakerServer, eventually


class Load:
    """A context: callers that ask an endpoint one request after the other, each in a thread of its own.

    answers: by the model's TAG; failures: by the model's own error. What is neither is raised when the context ends.
    """

    def __init__(self, server: SageMakerServer, endpoint: str, callers: int = 2) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._server = server
        self._endpoint = endpoint
        self._stop = threading.Event()
        self._errors: list[Exception] = []
        self._callers = [threading.Thread(target=self._ask, daemon=True) for _ in range(callers)]

    def __enter__(self) -> "Load":
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for caller in self._callers:
            caller.join()
        if self._errors and error is None:
            raise self._errors[0]

    @property
    def total(self) -> int:
        """Requests that have an answer or an error."""
        return self.answers.total() + self.failures.total()

    def wait_for(self, more: int) -> None:
        """Until so many more requests have been answered."""
        wanted = self.total + more
        eventually(lambda: self.total, lambda total: total >= wanted)

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                self.answers[self._server.invoke(self._endpoint)["tag"]] += 1
            except ClientError as error:
                if error.response["Error"]["Code"] != "ModelError":
                    self._errors.append(error)
                    return
                self.failures[error.response["OriginalMessage"]] += 1
            except Exception as error:
                self._errors.append(error)
                return
