"""The supervisor itself: a detached process that owns the services of one checkout.

It is told what to do by signals (SIGHUP: start again what is broken; SIGTERM: stop everything and end) and says how
things are in a status file, so that nothing but files and process ids is shared with the commands.
"""

import asyncio
import contextlib
import dataclasses
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local.paths import Paths
from local.supervisor.processes import Record
from local.supervisor.service import Service
from local.supervisor.spec import ServiceSpec
from local.supervisor.status import BROKEN, ServiceStatus, SupervisorStatus, supervisor_lock, write_status

REQUEST_INTERVAL_S = 0.2
"""How often the services that come and go on request are looked at."""


@dataclass(frozen=True)
class Stack:
    """What a supervisor runs.

    services: started at once, in the order of their dependencies.
    on_request: called every REQUEST_INTERVAL_S; the services that ought to run now besides. One whose command or
        environment changes is restarted.
    """

    services: Sequence[ServiceSpec]
    on_request: Callable[[], Sequence[ServiceSpec]] = lambda: ()


class Supervisor:
    """Keeps a Stack running until it is told to stop."""

    def __init__(self, paths: Paths, stack: Stack, fingerprint: str):
        self._paths = paths
        self._stack = stack
        self._record = Record(paths.run / "processes.json")
        self._services: dict[str, Service] = {}
        self._stop = asyncio.Event()
        self._repair_wanted = asyncio.Event()
        self._status = SupervisorStatus(pid=os.getpid(), started=time.time(), fingerprint=fingerprint)

    async def run(self) -> None:
        """Start everything, serve until SIGTERM or SIGINT, stop everything."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._repair_wanted.set)
        self._record.end_left_over(self._paths.checkout, say)
        for spec in self._stack.services:
            self._add(spec)
        self._publish()
        for service in self._services.values():
            self._begin(service)
        while not self._stop.is_set():
            await self._follow_requests()
            if self._repair_wanted.is_set():
                await self._repair()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), REQUEST_INTERVAL_S)
        say("stopping")
        self._publish(stopping=True)
        await self._stop_all()
        say("stopped")

    def _add(self, spec: ServiceSpec, *, on_request: bool = False) -> Service:
        service = Service(spec, self._paths.checkout, self._record, self._changed, on_request=on_request)
        self._services[spec.name] = service
        return service

    def _begin(self, service: Service) -> None:
        service.start([self._services[name] for name in service.spec.depends_on if name in self._services])

    async def _follow_requests(self) -> None:
        try:
            wanted = {spec.name: spec for spec in self._stack.on_request()}
        except Exception as error:
            say(f"cannot tell which services are asked for: {error!r}")
            return
        fixed = {spec.name for spec in self._stack.services}
        for name, service in list(self._services.items()):
            if name in fixed or not _differs(service.spec, wanted.get(name)):
                continue
            await service.stop()
            del self._services[name]
            self._publish()
        for name, spec in wanted.items():
            if name not in self._services:
                self._begin(self._add(spec, on_request=True))

    async def _stop_all(self) -> None:
        """Stop in the reverse order of the dependencies, independent ones at the same time."""
        left = dict(self._services)
        while left:
            needed = {name for service in left.values() for name in service.spec.depends_on}
            last = [name for name in left if name not in needed] or list(left)
            await asyncio.gather(*(left[name].stop() for name in last))
            for name in last:
                del left[name]

    async def _repair(self) -> None:
        self._repair_wanted.clear()
        broken = [service for service in self._services.values() if service.status.state in (*BROKEN, "unhealthy")]
        say(f"repairing {', '.join(service.spec.name for service in broken) or 'nothing'}")
        await asyncio.gather(*(service.stop() for service in broken))
        for service in broken:
            self._begin(service)
        self._status = dataclasses.replace(self._status, repairs=self._status.repairs + 1)
        self._publish()

    def _changed(self, status: ServiceStatus) -> None:
        say(f"{status.name}: {status.state}{f' ({status.detail})' if status.detail else ''}")
        self._publish()

    def _publish(self, *, stopping: bool | None = None) -> None:
        if stopping is not None:
            self._status = dataclasses.replace(self._status, stopping=stopping)
        services = tuple(service.status for service in self._services.values())
        self._status = dataclasses.replace(self._status, services=services)
        try:
            write_status(self._paths, self._status)
        except OSError as error:
            # A full disk must not take the services down with it.
            say(f"cannot write the status: {error}")


def _differs(running: ServiceSpec, wanted: ServiceSpec | None) -> bool:
    return wanted is None or (running.command, dict(running.environment)) != (wanted.command, dict(wanted.environment))


def say(text: str) -> None:
    """A line in the supervisor's log, which is its stdout."""
    with contextlib.suppress(OSError):
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def supervise(paths: Paths, stack: Stack, fingerprint: str) -> int:
    """Run until told to stop. Returns 1 at once when another supervisor holds this checkout."""
    lock = supervisor_lock(paths)
    if not lock.take():
        print(f"another supervisor runs here: process {lock.holder()}", file=sys.stderr)
        return 1
    try:
        asyncio.run(Supervisor(paths, stack, fingerprint).run())
    finally:
        lock.release()
    return 0
