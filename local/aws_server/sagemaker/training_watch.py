"""Follows a job's containers until all have ended. It waits for events alone: output, an end, a command, a due time."""

import logging
import os
import select
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.logs import LogStream
from local.aws_server.sagemaker.processes import Container, LogLine, unshipped_lines

logger = logging.getLogger(__name__)

SHIP_INTERVAL_S = 0.1
"""Least time between two deliveries of the log while a job prints without pause."""
CHECKPOINT_INTERVAL_S = 1.0
"""Time between two looks for checkpoints that are new; AWS does not say how often it looks."""
SHUTDOWN_GRACE_S = 2.0


class LineReader(Protocol):
    """Who wants to see what containers print, besides their log streams."""

    def read(self, lines: Sequence[LogLine]) -> None: ...


@dataclass
class Commands:
    """What the API and the server ask of a job that runs; `descriptor` becomes readable when there is something new.

    interrupt: the machines go away; abrupt: without a SIGTERM before.
    """

    stop: bool = False
    shutdown: bool = False
    interrupt: bool = False
    abrupt: bool = False
    descriptor: int = field(default_factory=lambda: os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC))

    def announce(self) -> None:
        """Wakes whoever waits for commands."""
        if self.descriptor >= 0:
            os.eventfd_write(self.descriptor, 1)

    def close(self) -> None:
        """No more commands."""
        descriptor, self.descriptor = self.descriptor, -1
        os.close(descriptor)


class Watch:
    """One attempt's containers with their log streams (by run folder).

    metrics: reads every line; None where nothing is looked for.
    on_checkpoint_time: called each CHECKPOINT_INTERVAL_S while containers run; None where nothing is synchronized.
    """

    def __init__(
        self,
        containers: Sequence[Container],
        streams: dict[Path, LogStream],
        metrics: LineReader | None,
        commands: Commands,
        on_checkpoint_time: Callable[[], None] | None,
    ) -> None:
        self._running = list(containers)
        self._streams = streams
        self._metrics = metrics
        self._commands = commands
        self._on_checkpoint_time = on_checkpoint_time
        self._everything, self._without_output = select.poll(), select.poll()
        for poller in (self._everything, self._without_output):
            poller.register(commands.descriptor, select.POLLIN)
            for container in containers:
                poller.register(container.pid_fd, select.POLLIN)
        for container in containers:
            self._everything.register(container.wake_fd, select.POLLIN)

    def run(self) -> None:
        """Until every container has ended and its output is delivered."""
        due = time.monotonic() + CHECKPOINT_INTERVAL_S if self._on_checkpoint_time else None
        # What was asked before there was anything to ask it of.
        self._obey()
        while self._running:
            ready = {end for end, _ in self._everything.poll(_milliseconds_until(due))}
            if self._commands.descriptor in ready:
                os.eventfd_read(self._commands.descriptor)
                self._obey()
            for container in list(self._running):
                container.clear_wake()
                ended = container.ended()
                self._ship(container)
                if ended:
                    self._forget(container)
            if self._on_checkpoint_time and due and time.monotonic() >= due:
                self._on_checkpoint_time()
                due = time.monotonic() + CHECKPOINT_INTERVAL_S
            if self._running:
                self._without_output.poll(SHIP_INTERVAL_S * 1000)

    def _obey(self) -> None:
        for container in self._running:
            if self._commands.shutdown:
                container.stop()
                if not container.ended(SHUTDOWN_GRACE_S):
                    container.kill()
            elif self._commands.stop:
                container.stop()
            elif self._commands.interrupt:
                container.signal(signal.SIGQUIT if self._commands.abrupt else signal.SIGUSR2)
        self._commands.interrupt = False

    def _forget(self, container: Container) -> None:
        for poller in (self._everything, self._without_output):
            poller.unregister(container.pid_fd)
        self._everything.unregister(container.wake_fd)
        self._running.remove(container)
        if container.exit().exit_code != 0:
            for other in self._running:
                other.stop()

    def _ship(self, container: Container) -> None:
        lines = container.new_lines()
        if lines:
            if self._metrics is not None:
                self._metrics.read(lines)
            deliver(self._streams[container.run_dir], lines)
            container.mark_shipped()


def deliver_the_rest(run_dir: Path, stream: LogStream, metrics: LineReader | None) -> None:
    """Output of a container that ended while no server watched it."""
    lines = unshipped_lines(run_dir)
    if metrics is not None:
        metrics.read(lines)
    deliver(stream, lines)


def deliver(stream: LogStream, lines: Sequence[LogLine]) -> None:
    """Lines to CloudWatch; a log that is refused does not end the job."""
    try:
        stream.put(lines)
    except ServiceError as error:
        logger.warning("log stream %s: %s", stream.stream, error)


def _milliseconds_until(moment: float | None) -> float | None:
    return None if moment is None else max(0.0, moment - time.monotonic()) * 1000 + 1
