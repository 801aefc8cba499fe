"""A script's TensorBoard logs, among its run's artifacts while they grow. Standard library only."""

# pyright: basic
# os.path, not pathlib, whose import a job's start would wait for.
# ruff: noqa: PTH116, PTH118, PTH123, PTH202

import os

FOLDER = "tensorboard"
"""Of the logs, below output/ of the job and among the run's artifacts. /opt/ml/output/tensorboard is where SageMaker's
own TensorBoardOutputConfig looks too."""
MOST_FILE_BYTES = 1 << 30


class Board:
    """The logs in a folder, and what of them is among the artifacts already."""

    def __init__(self, folder, artifacts):
        self._folder = folder
        self._artifacts = artifacts
        self._sent = {}

    def send(self):
        """Store what is new or has changed. Raises HttpError."""
        for current, _, files in os.walk(self._folder):
            for name in files:
                path = os.path.join(current, name)
                size = os.path.getsize(path)
                state = size, os.stat(path).st_mtime_ns
                if self._sent.get(path) != state and size <= MOST_FILE_BYTES:
                    with open(path, "rb") as file:
                        # A file that still grows is sent as long as it was.
                        body = file.read(size)
                    self._artifacts.put(FOLDER + "/" + os.path.relpath(path, self._folder), body)
                    self._sent[path] = state
