"""An endpoint under light load: a few requests a second, every one of them recorded."""

import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.paths import PROFILE, REGION
from operations.rehearsal.model import Load, Outage

EVERY_S = 0.3
TIMEOUT_S = 20
"""Seconds that a client waits: a machine that is busy with the engine is slow, which is no downtime."""
Ask = Callable[[], object]


@dataclass(frozen=True)
class Request:
    """One request. at: seconds from the first. taken: seconds that it took. error: empty for an answer."""

    at: float
    taken: float
    step: str
    error: str = ""


class Traffic:
    """Asks again and again, in a thread of its own, until it is stopped."""

    def __init__(self, endpoint: str, ask: Ask, every_s: float = EVERY_S):
        self.step = ""
        self._endpoint, self._ask, self._every_s = endpoint, ask, every_s
        self._requests: list[Request] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begins to ask."""
        self._thread.start()

    def stop(self) -> Load:
        """Asks no more; what was seen."""
        self._stopped.set()
        self._thread.join(timeout=2 * TIMEOUT_S)
        return seen(self._endpoint, list(self._requests))

    def _run(self) -> None:
        begin = time.monotonic()
        while not self._stopped.is_set():
            started, step, error = time.monotonic(), self.step, ""
            try:
                self._ask()
            except (ClientError, BotoCoreError, OSError, ValueError) as problem:
                error = f"{type(problem).__name__}: {problem}"
            taken = time.monotonic() - started
            self._requests.append(Request(started - begin, taken, step, error))
            self._stopped.wait(max(0.0, self._every_s - taken))


def seen(endpoint: str, requests: Sequence[Request]) -> Load:
    """All requests as what they say of the endpoint."""
    answered = [1000 * each.taken for each in requests if not each.error]
    return Load(
        endpoint=endpoint,
        requests=len(requests),
        failures=len(requests) - len(answered),
        seconds=round(requests[-1].at + requests[-1].taken, 1) if requests else 0.0,
        median_ms=round(statistics.median(answered), 1) if answered else None,
        slowest_ms=round(max(answered), 1) if answered else None,
        outages=tuple(outages(requests)),
    )


def outages(requests: Sequence[Request]) -> list[Outage]:
    """Failures in a row, each row as one."""
    found: list[Outage] = []
    row: list[Request] = []
    for each in [*requests, None]:
        if each is not None and each.error:
            row.append(each)
        elif row:
            until = each.at if each is not None else row[-1].at + row[-1].taken
            found.append(
                Outage(
                    step=row[0].step,
                    after=round(row[0].at, 1),
                    seconds=round(until - row[0].at, 1),
                    requests=len(row),
                    error=row[0].error,
                )
            )
            row = []
    return found


def asking(endpoint: str, body: bytes, leading: Mapping[str, str]) -> Ask:
    """Asks an endpoint of the local AWS server about the rows of a CSV file; nothing is tried a second time."""
    runtime = client("sagemaker-runtime", leading)

    def ask() -> object:
        answer = runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="text/csv", Accept="application/json", Body=body
        )
        return answer["Body"].read()

    return ask


def client(service: str, leading: Mapping[str, str]) -> Any:
    """A client of the local AWS server that the variables lead to; it tries nothing a second time."""
    files = {"config_file": leading["AWS_CONFIG_FILE"], "credentials_file": leading["AWS_SHARED_CREDENTIALS_FILE"]}
    config, credentials = ConfigParser(interpolation=None), ConfigParser(interpolation=None)
    config.read(Path(files["config_file"]))
    credentials.read(Path(files["credentials_file"]))
    keys = credentials[PROFILE]
    # Whatever profile and files this process's own variables name.
    variables = {"profile": (None, None, PROFILE, None), **{name: (None, None, files[name], None) for name in files}}
    return botocore.session.Session(session_vars=variables).create_client(
        service,
        region_name=REGION,
        endpoint_url=config[f"profile {PROFILE}"]["endpoint_url"],
        aws_access_key_id=keys["aws_access_key_id"],
        aws_secret_access_key=keys["aws_secret_access_key"],
        aws_session_token=keys.get("aws_session_token"),
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, proxies={}),
    )
