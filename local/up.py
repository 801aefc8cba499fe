"""The steps of `make local`: tools, services, stack, example."""

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, get_args

from local import example, pulumi_stack, recovery, unchanged
from local.acquire.acquire import Acquired, acquire, allowed_ways, find
from local.acquire.chosen import chosen_file, place_engine, remember
from local.acquire.tools import PULUMI, TOOLS
from local.errors import disk_error, is_disk_full, require_space
from local.paths import Paths, make_private
from local.progress import Progress
from local.supervisor.client import SupervisorClient, one_command
from local.supervisor.ports import choose_ports, move_ports
from local.supervisor.status import SupervisorStatus

Stage = Literal["tools", "services", "stack", "example"]
STAGES: tuple[Stage, ...] = get_args(Stage)
RUNNING_SPACE = 500_000_000
"""Bytes that the stack and its example write in an hour of use, with room to spare."""


def up(paths: Paths, progress: Progress, *, until: Stage = "example", new_ports: bool = False) -> None:
    """Bring the local stack up to a stage; what is there already is kept.

    Raises LocalStackError for anything a user can act on, KeyboardInterrupt when interrupted.
    """
    interrupt_on_hangup()
    last = STAGES.index(until)
    with one_command(paths, "make local"):
        try:
            # Keys, credentials, the state, logs and what jobs write: none of it is for other users of this machine.
            make_private(paths.local)
            require_space(paths.local, RUNNING_SPACE, "running the local stack")
            bring_tools(paths, progress)
            if last >= STAGES.index("services"):
                start_services(paths, progress, new_ports=new_ports)
            if last >= STAGES.index("stack"):
                bring_stack_up(paths, progress, new_addresses=new_ports)
            if last >= STAGES.index("example"):
                example.run(paths, progress)
        except OSError as error:
            if is_disk_full(error):
                raise disk_error(paths.local, "bringing the local stack up") from error
            raise


def interrupt_on_hangup() -> None:
    """Treat a closed terminal and a polite `kill` as Ctrl-C, so that everything ends in order."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGHUP, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


def bring_tools(paths: Paths, progress: Progress) -> None:
    """Find, fetch or build the engine and the control plane, and remember where they are."""
    progress.heading("Tools")
    ways = allowed_ways()
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda tool: find(tool, ways), TOOLS))
    acquired: list[Acquired] = []
    for tool, there in zip(TOOLS, found, strict=True):
        log = paths.log(f"build-{tool.name}")
        with progress.step(f"{tool.title} {tool.version}", log=None if there else log) as step:
            one = there or acquire(tool, log, step.now)
            if tool is PULUMI:
                one = place_engine(paths, one)
            step.done(one.source)
            acquired.append(one)
    remember(paths, acquired)


def start_services(
    paths: Paths, progress: Progress, *, new_ports: bool = False, as_it_is: bool = False
) -> SupervisorStatus:
    """Start what does not run, repair what is broken, renew what runs old code unless `as_it_is`."""
    client = SupervisorClient(paths)
    progress.heading("Services")
    with progress.step("AWS server, Kubernetes API server, etcd", log=client.log) as step:
        if new_ports:
            client.stop(step.now)
            move_ports(paths.ports_file)
        choose_ports(paths.ports_file)
        before = client.alive()
        after = client.ensure(step.now, settings=(paths.ports_file, chosen_file(paths)), as_it_is=as_it_is)
        step.done("ran already" if before == after else f"{len(after.services)} healthy")
    for service in after.services:
        progress.say(f"      {service.name:<26} {service.address}".rstrip())
    return after


def bring_stack_up(paths: Paths, progress: Progress, *, new_addresses: bool = False) -> None:
    """`pulumi up` of the stack `local`.

    new_addresses: the services have moved to other ports, which the state must learn of first: the Kubernetes
        provider's kubeconfig has the API server's address from there.
    """
    progress.heading("Platform")
    with progress.step("Stack and plugins", log=paths.log("pulumi-refresh")) as step:
        pulumi_stack.prepare(paths, step.now)
        if new_addresses:
            recovery.read_addresses(paths, step.now)
        step.done(recovery.recover(paths, step.now) or "ready")
    with progress.step("pulumi up --stack local", log=paths.log("pulumi-up")) as step:
        if unchanged.since_last_up(paths):
            step.done(f"{pulumi_stack.resource_count(paths)} resources; nothing has changed since the last one")
            return
        outcome = pulumi_stack.run_engine(paths, "up", step.now)
        unchanged.remember_up(paths)
        step.done(outcome.summary())
    if outcome.changes.get("create") and not outcome.changes.get("same"):
        # After a destroy the job is still known and its model is not: new buckets have nothing in them.
        example.forget(paths)
