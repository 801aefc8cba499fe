"""`groundwork stack up` under the genuine engine, cut off in every way: the next one completes it, nothing is twice.

The platform is that of Pulumi.local.yaml, on services of this test's own. One stack goes through it all, in the order
of the file: what one case leaves is what the next begins with.
"""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest

from tests.conftest import Said
from tests.engine.own_stack import OwnStack, Run, kill_engine, kill_group, new_stack, twins
from tests.local.faulty_proxy import FaultyProxy

pytestmark = [pytest.mark.engine, pytest.mark.timeout(3600)]
EVERY = 5
"""Events of the engine between two kills of the whole test."""
SAMPLES = (5, 20, 50, 70)
"""And of the sample, for which `make test` has the time."""
FURTHER = 60
"""Events after which the AWS server is killed in the run that follows."""
SHARE = 0.05
"""Of the calls: throttles and internal errors."""
RUNS, REFUSED = 4, 5
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnStack]:
    made = new_stack(tmp_path_factory.mktemp("resuming") / "groundwork")
    yield made
    made.groundwork("local", "stop")


def killed(stack: OwnStack, distances: Iterator[int]) -> list[Run]:
    """Runs `up` again and again, killed after so many further events: the engine alone and its whole group by turns."""
    runs: list[Run] = []
    for at in distances:
        runs.append(stack.up(at, (kill_group, kill_engine)[len(runs) % 2]))
        if runs[-1].status >= 0:
            break
        assert not runs[-1].errors, runs[-1].errors
    return runs


def complete(stack: OwnStack, *also: str) -> None:
    """Brings the platform to its end: nothing fails, nothing stays cut off, AWS has nothing twice.

    also: operations that one more `up` may have, beside leaving everything as it is.
    """
    last = stack.up()
    assert last.status == 0, f"{last.errors}\n{last.said}"
    again = stack.up()
    assert again.status == 0, again.errors
    assert set(again.changes) <= {"same", *also}, again.changes
    assert not stack.state().get("pending_operations")
    assert twins(stack.checkout) == {}


def told(runs: list[Run]) -> str:
    adopted = [int(number) for run in runs for number in re.findall(r"; (\d+) had made something", run.said)]
    pending = [int(number) for run in runs for number in re.findall(r"(\d+) operations? w\w+ cut off", run.said)]
    locks = sum("its lock is broken" in run.said for run in runs)
    kills = sum(run.status < 0 for run in runs)
    return f"{kills} kills, {sum(pending)} operations cut off, {sum(adopted)} adopted, {locks} dead locks broken"


def test_an_up_that_is_killed_again_and_again_goes_on_each_time(stack: OwnStack, said: Said):
    runs = killed(stack, iter(SAMPLES))
    said(f"up: {told(runs)}")
    assert [run.status for run in runs] == [-signal.SIGKILL] * len(SAMPLES), runs[-1].errors
    assert all("its lock is broken" in run.said for run in runs[1:])
    assert any("adopted" in run.said for run in runs)


def test_an_aws_server_that_is_killed_in_the_middle_is_started_again_and_up_goes_on(stack: OwnStack, said: Said):
    [server] = [each for each in stack.checkout_status()["services"] if each["name"] == "aws"]

    def kill_server(process: "subprocess.Popen[str]") -> None:
        os.kill(server["pid"], signal.SIGKILL)

    run = stack.up(FURTHER, kill_server)
    stack.must("local", "up", "--until", "services")
    said(f"AWS server killed after {FURTHER} events: `up` ended with {run.status}, {len(run.errors)} errors")
    assert run.steps >= FURTHER


@pytest.mark.full
def test_throttles_and_internal_errors_in_one_call_of_twenty_leave_what_a_repair_finds_and_up_completes(
    stack: OwnStack, said: Said
):
    config = stack.folder / ".groundwork" / "local" / "aws" / "config"
    before = config.read_text()
    [address] = set(re.findall(r"http://127\.0\.0\.1:\d+", before))
    proxy = FaultyProxy(address, SHARE)
    try:
        config.write_text(before.replace(address, proxy.url))
        # The local provider tries nothing twice, so that one refusal of its first call ends a run before it has begun.
        runs = list(until_enough(stack, proxy))
    finally:
        config.write_text(before)
        proxy.stop()
    said(f"faults: {proxy.refused} of {proxy.calls} calls refused in {len(runs)} runs of `up`")
    assert proxy.refused
    # What had been made before a refusal half-way, and was not written down, is found.
    stack.must("stack", "repair", "local", "-y")
    # What was refused half-way is brought to its settings by an update, which may come one `up` after its creation.
    complete(stack, "update")


def until_enough(stack: OwnStack, proxy: FaultyProxy) -> Iterator[Run]:
    """Runs `up` until one completes or enough calls were refused."""
    for _ in range(RUNS):
        yield (run := stack.up(0, None, "--continue-on-error"))
        if run.status == 0 or proxy.refused >= REFUSED:
            return


def test_of_two_ups_at_once_the_second_is_told_who_holds_the_stack(stack: OwnStack):
    locks = stack.state_file.parents[2] / "locks"
    first = stack.start_up()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not list(locks.rglob("*.json")):
            assert time.monotonic() < deadline
            assert first.poll() is None
            time.sleep(0.05)
        first.send_signal(signal.SIGSTOP)
        second = stack.up()
    finally:
        first.send_signal(signal.SIGCONT)
    assert second.status == 1
    assert re.search(rf"stack local is held by \w+@\S+ \(process {first.pid}\) since 20", second.said), second.said
    assert f"kill {first.pid}" in second.said
    first.communicate()
    assert first.returncode == 0


def test_a_state_file_that_is_cut_short_is_brought_back_and_what_it_missed_is_found(stack: OwnStack, said: Said):
    """The newer copies are gone as well: one must do that has no more than half of the platform."""
    resources = len(stack.state()["resources"])
    root = stack.state_file.parents[2]
    copies = [stack.state_file.with_name("local.json.bak"), *(root / "history").rglob("*.checkpoint.json")]
    for copy in [*copies, *(root / "backups").rglob("*.json")]:
        if resources_in(copy) > resources / 2:
            copy.unlink()
    whole = stack.state_file.read_bytes()
    stack.state_file.write_bytes(whole[: len(whole) // 2])
    refused = stack.up()
    assert refused.status == 1
    assert "groundwork stack repair local" in refused.said
    mended = stack.must("stack", "repair", "local", "-y")
    found = re.search(r"Adopted: (\d+)", mended)
    assert found, mended
    said(f"state of {resources} resources cut short: {found[1]} adopted into an older copy")
    assert int(found[1]) > 20
    complete(stack)


def resources_in(copy: Path) -> int:
    return len(json.loads(copy.read_text())["checkpoint"]["latest"].get("resources") or [])


# More than a hundred runs of `up`, each of which starts the program anew: half a minute a run beside other work.
@pytest.mark.full
@pytest.mark.timeout(3 * 3600)
def test_an_up_that_is_killed_after_every_fifth_event_completes_with_nothing_made_twice(
    tmp_path_factory: pytest.TempPathFactory, said: Said
):
    stack = new_stack(tmp_path_factory.mktemp("every-fifth") / "groundwork")
    try:
        runs = killed(stack, repeat(EVERY))
        said(f"up of {len(stack.state()['resources'])} resources, killed after every fifth event: {told(runs)}")
        assert runs[-1].status == 0, runs[-1].errors
        assert len(runs) > 40
        complete(stack)
    finally:
        stack.groundwork("local", "stop")
