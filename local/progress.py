"""Shows what a long command is doing: one line a step, with the time it took and where its log is."""

import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from local.errors import shown

QUIET_INTERVAL_S = 15.0
"""Seconds between two lines of the same step where the output is a file or a CI log."""
FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def clock(seconds: float) -> str:
    """Minutes and seconds: `3:07`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Step:
    """One thing being done. `detail` may be changed from any thread while it runs."""

    def __init__(self, title: str, log: Path | None, tell: Callable[[str], None] | None = None):
        self.title = title
        self.log = log
        self._tell = tell
        self.detail = ""
        self.result = ""
        self.started = time.monotonic()

    def now(self, detail: str) -> None:
        """Say what the step is doing at the moment."""
        self.detail = detail

    def did(self, text: str) -> None:
        """Say what has been done for good: a line of its own where the output is kept, such as in a CI log."""
        self.now(text)
        if self._tell is not None:
            self._tell(f"    {text}")

    def done(self, result: str) -> None:
        """Say what the step came to; shown on its line when it ends."""
        self.result = result

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self.started


class Progress:
    """Writes steps to a stream: a moving line on a terminal, a line now and then elsewhere."""

    def __init__(self, stream: TextIO | None = None, *, interval: float = QUIET_INTERVAL_S):
        self._stream = stream or sys.stdout
        self._live = self._stream.isatty()
        self._interval = interval
        self._started = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since this display was made."""
        return time.monotonic() - self._started

    def heading(self, text: str) -> None:
        """A line that opens a group of steps."""
        self.say(text)

    def say(self, text: str = "") -> None:
        """Print a line as it is."""
        print(text, file=self._stream, flush=True)

    @contextmanager
    def step(self, title: str, *, log: Path | None = None) -> Generator[Step]:
        """Show `title` with its elapsed time until the block ends; a failure is marked and raised again."""
        step = Step(title, log, None if self._live else self.say)
        ended = threading.Event()
        painter = threading.Thread(target=self._paint, args=(step, ended), daemon=True)
        painter.start()
        mark = "✗"
        try:
            yield step
            mark = "✓"
        except KeyboardInterrupt:
            mark, step.result = "■", "interrupted"
            raise
        finally:
            ended.set()
            painter.join()
            if mark == "✗" and not step.result:
                step.result = "failed"
            self._final(mark, step)

    def _line(self, step: Step, mark: str, note: str) -> str:
        text = f"  {mark} {step.title}"
        if note:
            text += f": {note}"
        return f"{text:<88} {clock(step.elapsed):>6}"

    def _paint(self, step: Step, ended: threading.Event) -> None:
        frame = 0
        wait = 0.1 if self._live else self._interval
        while not ended.wait(wait):
            if self._live:
                line = self._line(step, FRAMES[frame % len(FRAMES)], step.detail)
                if step.log is not None and step.elapsed > 3:
                    line += f"  {shown(step.log)}"
                self._stream.write(f"\r\x1b[2K{_fit(line)}")
                self._stream.flush()
                frame += 1
            else:
                line = self._line(step, "…", step.detail)
                if step.log is not None:
                    line += f"  {shown(step.log)}"
                self.say(line)

    def _final(self, mark: str, step: Step) -> None:
        if self._live:
            self._stream.write("\r\x1b[2K")
        self.say(self._line(step, mark, step.result))


def _fit(line: str) -> str:
    """Cut to the terminal's width, since a wrapped line cannot be painted over."""
    import shutil

    width = shutil.get_terminal_size((120, 24)).columns
    return line if len(line) < width else line[: width - 2] + "…"
