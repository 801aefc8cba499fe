"""The operator's handbook, typed into one shell on an environment of its own: every command block of it."""

from pathlib import Path

import pytest

from tests.engine.handbook_checkout import Operator
from tests.guide import Block, as_script, heading_of, missing_lines, outputs, samples

pytestmark = [pytest.mark.engine, pytest.mark.timeout(3600)]
PAGE = Path("docs") / "handbook.md"
WITHOUT_A_PLATFORM = (
    "The operator's handbook",
    "A place for the state",
    "Whether `up` would succeed",
    "Quotas",
    "What is there already",
    "Keys",
    "The state's bucket and key",
)
"""Sections whose commands ask for no platform that is up: from the first bucket to its end, in half a minute."""


def type_in(folder: Path, sections: tuple[str, ...] = ()) -> dict[str, tuple[list[str], str]]:
    """Types the blocks of these sections, or all, and gives what is not as the page says: lines of a sample that were
    not printed, and what was. A command that fails fails the test."""
    operator = Operator(folder)
    page = operator.checkout.folder / PAGE
    chosen = [each for each in samples(page) if not sections or heading_of(page, each[0]) in sections]
    typed = [block for block, _ in chosen]
    try:
        operator.begin()
        done = operator.checkout.run("bash", "-c", as_script(typed), environment=operator.variables)
    finally:
        operator.end()
    said = outputs(done.stdout, typed)
    last = list(said)[-1]
    assert done.returncode == 0, f"{PAGE}, block at line {last}:\n{said[last]}\nof a page that printed:\n{done.stdout}"
    assert len(said) == len(typed)
    return wrong(chosen, said)


def wrong(chosen: list[tuple[Block, Block | None]], said: dict[int, str]) -> dict[str, tuple[list[str], str]]:
    return {
        f"line {sample.line}": (missing, said[block.line])
        for block, sample in chosen
        if sample and (missing := missing_lines(sample.text, said[block.line]))
    }


def test_what_the_handbook_does_before_and_after_a_platform_works_as_it_is_printed(tmp_path: Path):
    assert type_in(tmp_path, WITHOUT_A_PLATFORM) == {}


@pytest.mark.full
def test_every_command_of_the_handbook_works_as_it_is_printed_and_prints_what_the_page_says(tmp_path: Path):
    assert type_in(tmp_path) == {}
