"""The supervisor with real child processes: start, crash, repair, take-over and stop."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.errors import LocalStackError
from local.paths import Paths
from local.supervisor.client import SupervisorClient, one_command
from local.supervisor.ports import is_free
from local.supervisor.status import read_status, supervisor_lock

pytestmark = [pytest.mark.local, pytest.mark.timeout(90)]

HERE = Path(__file__).parent


def quiet(_: str) -> None:
    """Progress that nobody watches."""


def eventually(condition: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


class Checkout:
    """A checkout with a stack of stand-ins."""

    def __init__(self, folder: Path):
        self.paths = Paths(folder)
        self.client = SupervisorClient(self.paths, stack="stand_in_stack:stack")

    def describe(self, *entries: dict[str, Any]) -> None:
        (self.paths.checkout / "stack.json").write_text(json.dumps(entries))

    def up(self) -> dict[str, int | None]:
        status = self.client.ensure(quiet)
        return {service.name: service.pid for service in status.services}

    def state(self, name: str) -> str:
        status = self.client.alive()
        service = status.service(name) if status else None
        return service.state if service else "gone"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    made = Checkout(tmp_path)
    yield made
    made.client.stop(quiet)


def test_services_start_in_the_order_of_their_dependencies_and_a_second_up_changes_nothing(checkout: Checkout) -> None:
    first, second = free_ports(2)
    checkout.describe(
        {"name": "api", "does": "serve", "port": second, "needs": ["store"]},
        {"name": "store", "does": "serve", "port": first},
    )
    pids = checkout.up()
    log = checkout.client.log.read_text()
    assert log.index("store: healthy") < log.index("api: starting")
    supervisor = checkout.client.alive()
    assert checkout.up() == pids
    assert supervisor is not None
    assert psutil.Process(supervisor.pid).status() != psutil.STATUS_ZOMBIE


def test_the_supervisor_survives_the_command_and_the_terminal_that_started_it(checkout: Checkout) -> None:
    (port,) = free_ports(1)
    checkout.describe({"name": "api", "does": "serve", "port": port})
    program = (
        "import sys; from pathlib import Path; from local.paths import Paths;"
        "from local.supervisor.client import SupervisorClient;"
        "SupervisorClient(Paths(Path(sys.argv[1])), stack='stand_in_stack:stack').ensure(print)"
    )
    command = subprocess.Popen(
        [sys.executable, "-c", program, str(checkout.paths.checkout)], start_new_session=True, cwd=HERE.parent.parent
    )
    assert command.wait(30) == 0
    # What closing a terminal does: a hang-up to the whole foreground group.
    with pytest.raises(ProcessLookupError):
        os.killpg(command.pid, signal.SIGHUP)
    status = checkout.client.alive()
    assert status is not None
    assert os.getsid(status.pid) != command.pid
    assert checkout.state("api") == "healthy"


def test_a_killed_service_is_seen_named_and_started_again_by_the_next_up(checkout: Checkout) -> None:
    one, two = free_ports(2)
    checkout.describe({"name": "api", "does": "serve", "port": one}, {"name": "store", "does": "serve", "port": two})
    before = checkout.up()
    assert before["api"]
    os.kill(before["api"], signal.SIGKILL)
    eventually(lambda: checkout.state("api") == "crashed")
    status = checkout.client.alive()
    assert status
    service = status.service("api")
    assert service
    assert service.detail == "was killed by SIGKILL"
    after = checkout.up()
    assert after["api"] != before["api"]
    assert after["store"] == before["store"]


def test_a_service_that_no_longer_answers_is_replaced_by_the_next_up(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    checkout.describe({"name": "api", "does": "serve", "port": port})
    before = checkout.up()
    sick = checkout.paths.checkout / f"sick-{port}"
    sick.touch()
    eventually(lambda: checkout.state("api") == "unhealthy")
    sick.unlink()
    # Its process still holds the port and must go first.
    os.kill(before["api"] or 0, signal.SIGSTOP)
    assert checkout.up()["api"] != before["api"]


def test_a_service_that_ends_at_start_is_an_error_with_its_last_lines_and_blocks_what_needs_it(
    checkout: Checkout,
) -> None:
    one, two = free_ports(2)
    checkout.describe(
        {"name": "store", "does": "exit", "port": one},
        {"name": "api", "does": "serve", "port": two, "needs": ["store"]},
    )
    with pytest.raises(LocalStackError) as raised:
        checkout.up()
    text = str(raised.value)
    assert "store: failed, ended with exit status 3 before it was healthy" in text
    assert "waiting for it: api" in text
    assert "ValueError: the database is from the future" in text
    assert "store.log" in text
    checkout.describe(
        {"name": "store", "does": "serve", "port": one},
        {"name": "api", "does": "serve", "port": two, "needs": ["store"]},
    )
    checkout.client.stop(quiet)
    assert set(checkout.up()) == {"store", "api"}


def test_a_service_that_never_becomes_healthy_is_ended_after_its_start_timeout(checkout: Checkout) -> None:
    (port,) = free_ports(1)
    checkout.describe({"name": "api", "does": "never", "port": port, "timeout": 1})
    with pytest.raises(LocalStackError, match="did not become healthy within 1 s"):
        checkout.up()
    status = checkout.client.alive()
    assert status is not None
    assert psutil.Process(status.pid).children() == []


def test_a_taken_port_is_named_with_the_process_that_holds_it(checkout: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        checkout.describe({"name": "api", "does": "serve", "port": port})
        with pytest.raises(LocalStackError) as raised:
            checkout.up()
        assert f"port {port} is taken by" in str(raised.value)
        assert f"process {os.getpid()} of" in str(raised.value)
        assert "--new-ports" in str(raised.value)
    assert checkout.up()["api"]


def test_a_full_disk_is_said_plainly(checkout: Checkout) -> None:
    one, two = free_ports(2)
    checkout.describe({"name": "store", "does": "full", "port": one})
    with pytest.raises(LocalStackError, match="the disk is full"):
        checkout.up()
    checkout.client.stop(quiet)
    # /dev/full answers each write with "no space left".
    checkout.describe({"name": "api", "does": "serve", "port": two, "log": "/dev/full"})
    with pytest.raises(LocalStackError, match="is full"):
        checkout.up()


def test_stop_ends_children_too_and_kills_what_ignores_a_polite_request(checkout: Checkout) -> None:
    one, two = free_ports(2)
    checkout.describe(
        {"name": "stubborn", "does": "stubborn", "port": one, "grace": 0.5},
        {"name": "parent", "does": "parent", "port": two},
    )
    pids = checkout.up()
    child = int((checkout.paths.checkout / "child.pid").read_text())
    assert psutil.pid_exists(child)
    assert checkout.client.stop(quiet)
    for pid in (child, *pids.values()):
        assert pid
        eventually(lambda pid=pid: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert is_free(one)
    assert is_free(two)
    assert not checkout.client.stop(quiet)


def test_what_a_crashed_parent_leaves_is_ended_so_that_its_next_start_finds_the_port_free(checkout: Checkout) -> None:
    (port,) = free_ports(1)
    checkout.describe({"name": "parent", "does": "parent", "port": port})
    pids = checkout.up()
    child = int((checkout.paths.checkout / "child.pid").read_text())
    os.kill(pids["parent"] or 0, signal.SIGKILL)
    eventually(lambda: checkout.state("parent") == "crashed")
    eventually(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)
    assert checkout.up()["parent"]


def test_a_killed_supervisor_leaves_a_lock_and_services_that_the_next_one_takes_over(checkout: Checkout) -> None:
    (port,) = free_ports(1)
    checkout.describe({"name": "api", "does": "serve", "port": port})
    before = checkout.up()
    status = checkout.client.alive()
    assert status
    os.kill(status.pid, signal.SIGKILL)
    eventually(lambda: checkout.client.alive() is None)
    assert psutil.pid_exists(before["api"] or 0), "the service outlives its supervisor"
    assert read_status(checkout.paths) is not None, "and so does the status file"
    after = checkout.up()
    assert after["api"] != before["api"]


def test_a_process_that_was_given_a_recorded_process_id_is_never_ended(checkout: Checkout) -> None:
    (port,) = free_ports(1)
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        checkout.describe({"name": "api", "does": "serve", "port": port})
        checkout.paths.run.mkdir(parents=True)
        (checkout.paths.run / "processes.json").write_text(json.dumps({"groups": {"api": stranger.pid}}))
        checkout.up()
        checkout.client.stop(quiet)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_service_on_request_comes_changes_and_goes_with_its_request(checkout: Checkout) -> None:
    one, two, three = free_ports(3)
    checkout.describe({"name": "api", "does": "serve", "port": one})
    asked = checkout.paths.checkout / "asked.json"
    checkout.up()
    asked.write_text(json.dumps({"name": "tracking", "does": "serve", "port": two}))
    eventually(lambda: checkout.state("tracking") == "healthy")
    asked.write_text(json.dumps({"name": "tracking", "does": "serve", "port": three}))
    eventually(lambda: checkout.state("tracking") == "healthy" and is_free(two))
    asked.unlink()
    eventually(lambda: checkout.state("tracking") == "gone")
    assert is_free(three)


def test_two_checkouts_run_side_by_side(checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> None:
    one, two = free_ports(2)
    other = Checkout(tmp_path_factory.mktemp("other"))
    checkout.describe({"name": "api", "does": "serve", "port": one})
    other.describe({"name": "api", "does": "serve", "port": two})
    try:
        checkout.up()
        other.up()
        checkout.client.stop(quiet)
        assert other.state("api") == "healthy"
    finally:
        other.client.stop(quiet)


def test_only_one_supervisor_runs_in_a_checkout(checkout: Checkout) -> None:
    (port,) = free_ports(1)
    checkout.describe({"name": "api", "does": "serve", "port": port})
    checkout.up()
    command = [sys.executable, "-m", "local.supervisor", "--checkout", str(checkout.paths.checkout)]
    second = subprocess.run(
        [*command, "--stack", "stand_in_stack:stack"], capture_output=True, text=True, cwd=HERE.parent.parent
    )
    assert second.returncode == 1
    assert f"process {supervisor_lock(checkout.paths).holder()}" in second.stderr


def test_a_second_command_is_told_who_works_and_a_killed_one_leaves_no_lock(checkout: Checkout) -> None:
    program = (
        "import sys, time; from pathlib import Path; from local.paths import Paths;"
        "from local.supervisor.client import one_command\n"
        "with one_command(Paths(Path(sys.argv[1])), 'make local'): print('in', flush=True); time.sleep(60)"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", program, str(checkout.paths.checkout)], stdout=subprocess.PIPE, cwd=HERE.parent.parent
    )
    assert first.stdout
    assert first.stdout.readline() == b"in\n"
    with pytest.raises(LocalStackError, match=f"process {first.pid}"), one_command(checkout.paths, "make local"):
        pass
    first.kill()
    first.wait()
    with one_command(checkout.paths, "make local"):
        pass
