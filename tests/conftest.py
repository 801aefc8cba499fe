"""Tiers: the order in which they run, what each took beside its budget of minutes, and what only `--full` runs."""

import signal
from collections import defaultdict
from collections.abc import Callable, Generator
from dataclasses import dataclass
from time import monotonic

import pytest

from tests.checkout import Checkout, fresh_checkout

TIER_BUDGET_MINUTES = {"unit": 4, "policy": 1, "e2e": 14, "local": 25, "ml": 12, "engine": 12}
"""In running order; with `make check` they stay below 70 minutes on 2 cores. A newcomer's `make local` comes right
after the quick tiers: with an empty cache it is what builds the engine and the API server that all later ones use."""

Said = Callable[[str], None]
_seconds: dict[str, float] = defaultdict(float)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--full", action="store_true", help="also what `make test` has no time for: the tests with the marker `full`"
    )


def pytest_configure() -> None:
    # A shell starts background jobs with Ctrl-C ignored, and children inherit that; tests of Ctrl-C need it back.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def tier_of(item: pytest.Item) -> str:
    """The tier that a test carries as its marker; a test without one is an error of its author."""
    tiers = [tier for tier in TIER_BUDGET_MINUTES if item.get_closest_marker(tier)]
    if len(tiers) != 1:
        raise pytest.UsageError(f"{item.nodeid} needs exactly one tier marker of {', '.join(TIER_BUDGET_MINUTES)}.")
    return tiers[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    order = list(TIER_BUDGET_MINUTES)
    items.sort(key=lambda item: order.index(tier_of(item)))
    if config.getoption("--full"):
        return
    if left_out := [item for item in items if item.get_closest_marker("full")]:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    started = monotonic()
    try:
        return (yield)
    finally:
        _seconds[tier_of(item)] += monotonic() - started


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _seconds:
        return
    terminalreporter.section("minutes per tier")
    for tier, budget in TIER_BUDGET_MINUTES.items():
        if tier in _seconds:
            minutes = _seconds[tier] / 60
            if terminalreporter.config.getoption("--full"):
                terminalreporter.write_line(f"{tier:<8}{minutes:6.1f}")
                continue
            over = "   over its budget" if minutes > budget else ""
            terminalreporter.write_line(f"{tier:<8}{minutes:6.1f} of {budget}{over}")


@dataclass(frozen=True)
class Platform:
    """A checkout whose local platform is up, and what its first `make local` printed."""

    checkout: Checkout
    first_output: str


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Prints a count where whoever runs the tests sees it."""

    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}")

    return say


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Generator[Platform]:
    """What a newcomer has after `make local`. With an empty cache this builds the engine and the API server."""
    checkout = fresh_checkout(tmp_path_factory.mktemp("newcomer") / "groundwork")
    try:
        yield Platform(checkout, checkout.must("make", "local"))
    finally:
        if (checkout.folder / ".venv").exists():
            checkout.run("make", "local-stop")
