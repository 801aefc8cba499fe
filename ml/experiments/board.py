"""TensorBoard on the logs of runs, which it gets from the runs' artifacts and keeps up to date while they run."""

import contextlib
import io
import logging
import warnings
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ml.environment import Environment, readable_errors
from ml.errors import MlError
from ml.experiments.runs import TrackedRun

FOLDER = "tensorboard"
"""The logs' folder among a run's artifacts (`ml/driver/groundwork_run.py`)."""


class Logs:
    """The TensorBoard logs of one run, copied into a folder of this machine."""

    def __init__(self, environment: Environment, run: TrackedRun, folder: Path):
        if not run.artifact_uri.startswith("s3://"):
            raise MlError(f"The artifacts of the run {run.run_id} are at {run.artifact_uri}, not in S3.")
        self._environment = environment
        self._folder = folder
        self._bucket, _, prefix = run.artifact_uri.removeprefix("s3://").partition("/")
        self._prefix = f"{prefix}/{FOLDER}/"
        self._known: dict[str, str] = {}

    def fetch(self) -> int:
        """Copy what is new or has changed; returns how many files there are."""
        with readable_errors(self._environment):
            s3 = self._environment.clients.client("s3")
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix):
                for entry in page.get("Contents", []):
                    key, state = entry["Key"], f"{entry['ETag']} {entry['Size']}"
                    name = PurePosixPath(key.removeprefix(self._prefix))
                    # A key is whatever its writer liked: it must not lead out of the folder.
                    if self._known.get(key) == state or name.is_absolute() or ".." in name.parts or not name.parts:
                        continue
                    target = self._folder / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    self._write(target, s3.get_object(Bucket=self._bucket, Key=key)["Body"].read())
                    self._known[key] = state
        return len(self._known)

    @staticmethod
    def _write(target: Path, content: bytes) -> None:
        """In place where the file has only grown: TensorBoard goes on reading where it was."""
        size = target.stat().st_size if target.exists() else 0
        if size and target.read_bytes() == content[:size]:
            with target.open("ab") as file:
                file.write(content[size:])
        else:
            target.write_bytes(content)


def start_tensorboard(folder: Path, port: int | None) -> str:
    """Start TensorBoard on a folder, in threads of this process, for this machine alone; returns its address.

    port: None for 6006 or the next one that is free. Raises MlError where it does not start.
    """
    # TensorBoard 2.20 still uses it.
    warnings.filterwarnings("ignore", message="pkg_resources")
    from tensorboard import program

    board: Any = program.TensorBoard()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    arguments: Sequence[str] = ["tensorboard", "--logdir", str(folder), "--load_fast", "false"]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            board.configure(argv=[*arguments, *(["--port", str(port)] if port is not None else [])])
            return str(board.launch())
    except (SystemExit, Exception) as error:
        raise MlError(f"TensorBoard did not start: {said.getvalue().strip() or error}") from error
