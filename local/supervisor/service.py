"""One service's life: wait for what it needs, start, become healthy, be watched, end."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from local.errors import disk_error, is_disk_full, tail
from local.supervisor.health import is_healthy
from local.supervisor.ports import is_free
from local.supervisor.processes import MARKER, Record, holder_of, members, signal_group
from local.supervisor.spec import ServiceSpec
from local.supervisor.status import BROKEN, ServiceStatus

START_POLL_S = 0.05
WATCH_INTERVAL_S = 5.0
LOG_LIMIT = 20_000_000
"""Bytes after which a log is put aside as `<name>.log.1` at the next start."""


class Service:
    """Runs one ServiceSpec. `changed` is called after each change of `status`."""

    def __init__(
        self,
        spec: ServiceSpec,
        checkout: Path,
        record: Record,
        changed: Callable[[ServiceStatus], None],
        *,
        on_request: bool = False,
    ):
        self.spec = spec
        self._on_request = on_request
        self._checkout = checkout
        self._record = record
        self._changed = changed
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._settled = asyncio.Event()
        self._log_offset = 0
        self._state, self._detail, self._since = "waiting", "", time.time()

    @property
    def status(self) -> ServiceStatus:
        """The service as it is now."""
        running = self._process is not None and self._process.returncode is None
        return ServiceStatus(
            name=self.spec.name,
            state=self._state,
            address=self.spec.address,
            log_file=str(self.spec.log_file),
            since=self._since,
            pid=self._process.pid if running and self._process else None,
            detail=self._detail,
            log_offset=self._log_offset,
            on_request=self._on_request,
        )

    def _set(self, state: str, detail: str = "") -> None:
        self._state, self._detail, self._since = state, detail, time.time()
        if state == "healthy" or state in BROKEN:
            self._settled.set()
        self._changed(self.status)

    async def healthy_or_broken(self) -> bool:
        """Wait until the start has come to an end; True when the service is healthy."""
        await self._settled.wait()
        return self._state in ("healthy", "unhealthy")

    def start(self, dependencies: Sequence["Service"]) -> None:
        """Begin the service's life in the background."""
        self._settled.clear()
        self._set("waiting")
        self._task = asyncio.create_task(self._live(dependencies))

    async def stop(self) -> None:
        """End the process group: SIGTERM, the grace period, SIGKILL."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._end_group()
        self._set("stopped")

    async def _live(self, dependencies: Sequence["Service"]) -> None:
        for dependency in dependencies:
            if not await dependency.healthy_or_broken():
                self._set("blocked", f"{dependency.spec.name} is not running")
                return
        port = urlsplit(self.spec.address).port
        if port and not is_free(port):
            self._set("failed", f"port {port} is taken by {holder_of(port)}")
            return
        try:
            await self._spawn()
        except OSError as error:
            reason = str(disk_error(self.spec.log_file.parent, "starting it")) if is_disk_full(error) else str(error)
            self._set("failed", f"cannot start: {reason}")
            return
        assert self._process is not None
        ended = asyncio.ensure_future(self._process.wait())
        try:
            if await self._become_healthy(ended):
                await self._watch(ended)
        finally:
            ended.cancel()

    async def _spawn(self) -> None:
        log = self.spec.log_file
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.is_file() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_name(f"{log.name}.1"))
        environment = os.environ | dict(self.spec.environment) | {MARKER: str(self._checkout)}
        with log.open("ab") as out:
            out.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S')} {self.spec.name} starts\n".encode())
            out.flush()
            self._log_offset = out.tell()
            self._process = await asyncio.create_subprocess_exec(
                *self.spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=asyncio.subprocess.STDOUT,
                cwd=self._checkout,
                env=environment,
                start_new_session=True,
            )
        self._record.add(self.spec.name, self._process.pid)
        self._set("starting")

    async def _become_healthy(self, ended: asyncio.Future[int]) -> bool:
        started = time.monotonic()
        while not ended.done():
            if await asyncio.to_thread(is_healthy, self.spec):
                self._set("healthy")
                return True
            if time.monotonic() - started > self.spec.start_timeout_s:
                await self._end_group()
                self._set("failed", f"did not become healthy within {self.spec.start_timeout_s:.0f} s{self._why()}")
                return False
            await asyncio.wait({ended}, timeout=START_POLL_S)
        await self._end_group()
        self._set("failed", f"{_ending(ended.result())} before it was healthy{self._why()}")
        return False

    async def _watch(self, ended: asyncio.Future[int]) -> None:
        while not ended.done():
            await asyncio.wait({ended}, timeout=WATCH_INTERVAL_S)
            if ended.done():
                break
            well = await asyncio.to_thread(is_healthy, self.spec)
            if well != (self._state == "healthy"):
                self._set("healthy" if well else "unhealthy", "" if well else "runs, but its health check fails")
        await self._end_group()
        self._set("crashed", f"{_ending(ended.result())}{self._why()}")

    def _why(self) -> str:
        """A full disk explains most other messages."""
        lines = tail(self.spec.log_file, 30, since=self._log_offset)
        return "; the disk is full" if is_disk_full("\n".join(lines)) else ""

    async def _end_group(self) -> None:
        """End every process of the group, also those that outlived their leader."""
        process = self._process
        if process is None:
            return
        group = process.pid
        if process.returncode is None and signal_group(group, signal.SIGTERM):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), self.spec.stop_grace_s)
        elif members(group, self._checkout):
            signal_group(group, signal.SIGTERM)
        deadline = time.monotonic() + (2.0 if process.returncode is not None else 0.0)
        while members(group, self._checkout):
            if time.monotonic() > deadline:
                signal_group(group, signal.SIGKILL)
            await asyncio.sleep(0.05)
        await process.wait()
        self._process = None
        self._record.remove(self.spec.name)


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit status {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
