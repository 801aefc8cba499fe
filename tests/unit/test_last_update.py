"""What the engine's history says of the last update."""

import json
import subprocess
from typing import Any

import pytest

from operations.resuming.last_update import last_update_failed

pytestmark = pytest.mark.unit


class Engine:
    """Answers `pulumi stack history` with a text."""

    def __init__(self, text: str, status: int = 0) -> None:
        self._answer = subprocess.CompletedProcess[str]((), status, text, "")

    def quiet(self, *command: str) -> Any:
        assert command == ("stack", "history", "--json", "--page-size", "1")
        return self._answer


@pytest.mark.parametrize(
    ("history", "failed"),
    [
        ([{"kind": "update", "result": "failed"}], True),
        ([{"kind": "update", "result": "succeeded"}], False),
        ([], False),
    ],
)
def test_the_newest_update_decides(history: list[dict[str, str]], failed: bool):
    engine: Any = Engine(json.dumps(history))
    assert last_update_failed(engine) is failed


@pytest.mark.parametrize("engine", [Engine("", 255), Engine("no history")])
def test_a_history_that_cannot_be_read_is_no_failure(engine: Any):
    assert not last_update_failed(engine)
