"""Starts a command with the address of its database in the environment, and again when the password has changed.

Runs in the tracking server's image: `python mlflow_start.py mlflow server …`. RDS keeps the password in Secrets Manager
and changes it; whoever has read it once is locked out at the next connection. Environment: DATABASE_CREDENTIALS_ARN,
DATABASE_HOST, DATABASE_PORT, DATABASE_NAME, and CREDENTIALS_CHECK_SECONDS (default 60).
"""

import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any, cast
from urllib.parse import quote

import boto3
from botocore.exceptions import BotoCoreError, ClientError


def address() -> str:
    """What MLflow takes as its backend store, with the password as it is now."""
    # boto3 has no types.
    secrets = cast(Any, boto3).client("secretsmanager")
    answer: dict[str, Any] = secrets.get_secret_value(SecretId=os.environ["DATABASE_CREDENTIALS_ARN"])
    known = json.loads(answer["SecretString"])
    who = f"{quote(known['username'], safe='')}:{quote(known['password'], safe='')}"
    where = f"{os.environ['DATABASE_HOST']}:{os.environ['DATABASE_PORT']}/{os.environ['DATABASE_NAME']}"
    return f"postgresql+psycopg2://{who}@{where}?sslmode=require"


def start(command: list[str], store: str) -> subprocess.Popen[bytes]:
    """The command, with the address where no list of processes shows it."""
    return subprocess.Popen(command, env=os.environ | {"MLFLOW_BACKEND_STORE_URI": store})


def main(command: list[str]) -> int:
    """Runs the command until it ends or this is told to end; the exit status is the command's own."""
    told_to_end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: told_to_end.set())
    pause = float(os.environ.get("CREDENTIALS_CHECK_SECONDS", "60"))
    store = address()
    process = start(command, store)
    while process.poll() is None:
        if told_to_end.wait(pause):
            process.terminate()
            return process.wait()
        try:
            current = address()
        except (BotoCoreError, ClientError) as error:
            # The connections that are open still work, and the next look may succeed.
            print(f"the database's credentials could not be read: {error}", file=sys.stderr, flush=True)
            continue
        if current != store:
            print("the database's password has changed: starting again", file=sys.stderr, flush=True)
            process.terminate()
            process.wait()
            store = current
            process = start(command, store)
    return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
