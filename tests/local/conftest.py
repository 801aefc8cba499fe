"""What tests of the local stack share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.aws_server_process import AwsServerProcess


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsServerProcess]:
    """An AWS server of the test's own, to which this process's AWS settings lead."""
    process = AwsServerProcess(tmp_path)
    process.start()
    for name, value in process.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", process.url)
    yield process
    process.ensure_stopped()
