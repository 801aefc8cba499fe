"""The tracking server's start: the database's address comes from Secrets Manager, and again when it changes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.providers.harness import AwsServer

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "components" / "data" / "mlflow_start.py"
SHOW = """
import os, signal, sys, time
open(os.environ["SEEN"], "a").write(os.environ["MLFLOW_BACKEND_STORE_URI"] + "\\n")
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
time.sleep(60)
"""

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with AwsServer(Path(tmp_path_factory.mktemp("aws"))) as running:
        yield running


def started(server: AwsServer, seen: Path, secret: str, *command: str) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        **server.environment,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "DATABASE_CREDENTIALS_ARN": secret,
        "DATABASE_HOST": "db.example",
        "DATABASE_PORT": "5432",
        "DATABASE_NAME": "mlflow",
        "CREDENTIALS_CHECK_SECONDS": "0.2",
        "SEEN": str(seen),
    }
    return subprocess.Popen([sys.executable, str(SCRIPT), *command], env=environment)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def lines(seen: Path) -> list[str]:
    return seen.read_text().splitlines() if seen.exists() else []


def test_a_changed_password_starts_the_server_again_and_an_end_is_passed_on(server: AwsServer, tmp_path: Path):
    seen = tmp_path / "seen"
    text = json.dumps({"username": "mlflow", "password": "p@ss/word"})
    secret = server.call("secretsmanager", "create_secret", Name="rds-1", SecretString=text)["ARN"]
    process = started(server, seen, secret, sys.executable, "-c", SHOW)
    wait_until(lambda: len(lines(seen)) == 1)
    assert lines(seen) == ["postgresql+psycopg2://mlflow:p%40ss%2Fword@db.example:5432/mlflow?sslmode=require"]
    changed = text.replace("p@ss/word", "other")
    server.call("secretsmanager", "put_secret_value", SecretId=secret, SecretString=changed)
    wait_until(lambda: len(lines(seen)) == 2)
    assert ":other@" in lines(seen)[1]
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 7


def test_a_server_that_ends_by_itself_ends_the_pod_with_its_status(server: AwsServer, tmp_path: Path):
    text = json.dumps({"username": "mlflow", "password": "x"})
    secret = server.call("secretsmanager", "create_secret", Name="rds-2", SecretString=text)["ARN"]
    process = started(server, tmp_path / "seen", secret, sys.executable, "-c", "raise SystemExit(3)")
    assert process.wait(30) == 3
