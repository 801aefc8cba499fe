"""Finds the metrics of a job's spec in what it prints. Standard library only."""

# It runs in Pythons and beside libraries that this project does not choose.
# pyright: basic

import contextlib
import io
import re
import time


class MetricWatch:
    """Searches lines of output for the metrics of a spec, as SageMaker does with the log."""

    def __init__(self, definitions):
        self.patterns = [(one["Name"], re.compile(one["Regex"])) for one in definitions]
        self._rest = {}
        self._steps = {}
        self._found = []

    def feed(self, stream, text):
        """A piece of a stream's output."""
        text = self._rest.get(stream, "") + text
        lines = text.split("\n")
        # What never ends a line is no metric: a progress bar may write for hours.
        self._rest[stream] = lines.pop()[-4096:]
        for line in lines:
            for name, pattern in self.patterns:
                match = pattern.search(line)
                if match is not None:
                    self._add(name, match.group(1))

    def _add(self, name, text):
        try:
            value = float(text)
        except (TypeError, ValueError):
            return
        step = self._steps[name] = self._steps.get(name, -1) + 1
        self._found.append((name, value, int(time.time() * 1000), step))

    def take(self):
        """(name, value, time in ms, step) of each value found since the last time."""
        found, self._found = self._found, []
        return found


class _Watched(io.TextIOWrapper):
    """A standard stream whose text is searched on its way."""

    watch = MetricWatch(())

    def write(self, text):
        written = super().write(text)
        with contextlib.suppress(Exception):
            self.watch.feed(self.name, text)
        return written


def watched(stream, watch):
    """The stream with a watch on it; the stream itself where it is not an ordinary one."""
    if type(stream) is not io.TextIOWrapper:
        return stream
    settings = {"encoding": stream.encoding, "errors": stream.errors, "line_buffering": stream.line_buffering}
    through = stream.write_through
    made = _Watched(stream.detach(), write_through=through, **settings)
    made.watch = watch
    return made
