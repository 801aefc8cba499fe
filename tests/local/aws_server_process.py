"""An AWS server of a test's own, to be killed and started again on the same port and state."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from local.supervisor.ports import free_port

PATIENCE_S = 180.0


class AwsServerProcess:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "aws.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._session: boto3.Session | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command(), stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/_groundwork/health", timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError(f"the AWS server does not start:\n{self.log.read_text()[-3000:]}")

    def command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "local.aws_server", "--port", str(self.port)),
            *("--state-dir", str(self.folder / "state"), "--run-dir", str(self.folder / "run")),
            *("--aws-config", str(self.folder / "config"), "--aws-credentials", str(self.folder / "credentials")),
        ]

    def kill(self) -> None:
        """kill -9, as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM, as the supervisor does; returns the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=20)

    def ensure_stopped(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def environment(self) -> dict[str, str]:
        """What a client's process needs to reach this server as the platform's admin."""
        cleared = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return cleared | {
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "credentials"),
            "AWS_PROFILE": "groundwork-local",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, **options: Any) -> Any:
        if self._session is None:
            credentials = (self.folder / "credentials").read_text()
            values = dict(line.split(" = ") for line in credentials.splitlines() if " = " in line)
            self._session = boto3.Session(region_name="us-east-1", **values)
        config = Config(retries={"total_max_attempts": 1})
        return self._session.client(service, **{"endpoint_url": self.url, "config": config, **options})

    def aws(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs the genuine AWS CLI."""
        command = [str(Path(sys.executable).with_name("aws")), *arguments]
        everything = self.environment | environment
        return subprocess.run(command, env=everything, capture_output=True, text=True, timeout=60, check=False)
