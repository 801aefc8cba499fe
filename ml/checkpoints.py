"""Checkpoints of a training script: saved whole or not at all, found again after an interruption.

    from ml.checkpoints import Checkpoints

    checkpoints = Checkpoints(every_s=60)
    state = first_state()
    if (last := checkpoints.latest()) is not None:
        state = torch.load(last.path)
    for step in range(last.step + 1 if last else 0, steps):
        train(state)
        if checkpoints.due():
            with checkpoints.saving(step) as path:
                torch.save(state, path)

Standard library only: a job brings it along in any image. SageMaker copies the folder to S3 while the job runs and back
before a spot job starts again (https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html). A checkpoint is
one file with its size in its name, so that neither a copy of half a file nor one that was cut off passes for whole, and
an older one goes only when newer ones have had the time to be copied: what is deleted here is deleted in S3 too.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

_NAME = re.compile(r"step-(\d{12})\.(\d+)\.checkpoint")
_UNFINISHED = ".unfinished"
COPIED_AFTER_S = 30.0
"""Seconds after which a checkpoint is taken to be in S3."""
COPY_TIMEOUT_S = 600.0


class Checkpoint(NamedTuple):
    """A checkpoint that is whole. step: what it was saved as. path: its file."""

    step: int
    path: Path


class Checkpoints:
    """The checkpoints of one job.

    folder: where they lie; /opt/ml/checkpoints where not given, which is the folder that SageMaker copies.
    keep: how many stay that are in S3 by now, besides those that are newer. every_s: seconds between one checkpoint and
    the moment at which `due` asks for the next. wait_for_copy: a checkpoint counts as saved only when SageMaker has
    copied it to S3, and the script waits for that. An interruption without a warning then costs at most the work since
    the last one; without it, also what was done while the copy was made.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        keep: int = 2,
        every_s: float = 60.0,
        wait_for_copy: bool = False,
    ):
        if keep < 1:
            raise ValueError("keep: at least the newest checkpoint has to stay")
        base = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
        self.folder = Path(folder) if folder is not None else Path(base) / "checkpoints"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keep = keep
        self._every_s = every_s
        self._target = os.environ.get("GROUNDWORK_CHECKPOINTS_URI") if wait_for_copy else None
        self._last = time.monotonic()

    def latest(self) -> Checkpoint | None:
        """The newest checkpoint that is whole; None where there is none yet."""
        return max(self._whole(), default=None)

    def due(self) -> bool:
        """Whether `every_s` seconds have gone by since the last checkpoint was saved, or since the start."""
        return time.monotonic() - self._last >= self._every_s

    @contextmanager
    def saving(self, step: int) -> Generator[Path]:
        """A path to write the checkpoint of a step to; it counts once the block has ended without an exception."""
        draft = self.folder / f"step-{step:012d}{_UNFINISHED}"
        try:
            yield draft
            # What is not on the disk could be missing after the rename that says that it is.
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
            path = self.folder / f"step-{step:012d}.{draft.stat().st_size}.checkpoint"
            draft.rename(path)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
        if self._target:
            _wait_for(f"{self._target}/{path.name}")
        self._last = time.monotonic()
        self._tidy()

    def save(self, step: int, content: bytes) -> Path:
        """Save the checkpoint of a step from memory; returns its path."""
        with self.saving(step) as path:
            path.write_bytes(content)
        return self.folder / f"step-{step:012d}.{len(content)}.checkpoint"

    def _whole(self) -> list[Checkpoint]:
        found: list[Checkpoint] = []
        for path in self.folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match is not None and path.stat().st_size == int(match.group(2)):
                found.append(Checkpoint(int(match.group(1)), path))
        return found

    def _tidy(self) -> None:
        """Removes what newer ones replace, and what an earlier start left unfinished."""
        copied_before = time.time() - COPIED_AFTER_S
        copied = [one for one in sorted(self._whole()) if one.path.stat().st_mtime <= copied_before]
        for checkpoint in copied[: -self._keep]:
            checkpoint.path.unlink()
        for path in self.folder.glob(f"step-*{_UNFINISHED}"):
            with suppress(FileNotFoundError):
                path.unlink()


def _wait_for(uri: str) -> None:
    """Until an object is in S3; not longer than COPY_TIMEOUT_S, which is said."""
    # Beside the driver in a job; nowhere else is there a copy to wait for.
    import groundwork_http  # pyright: ignore[reportMissingImports]

    http: Any = groundwork_http
    until, pause = time.monotonic() + COPY_TIMEOUT_S, 0.05
    while not http.is_there(uri, os.environ["AWS_DEFAULT_REGION"]):
        if time.monotonic() > until:
            print(f"{uri} is not in S3 after {COPY_TIMEOUT_S:g} s; the script goes on.", flush=True)
            return
        time.sleep(pause)
        pause = min(2 * pause, 2.0)
