"""The operator's handbook, typed into one shell on an environment of its own: every command block of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.handbook_checkout import Operator
from tests.guide import as_script, missing_lines, outputs, samples

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1800)]
PAGE = Path("docs") / "handbook.md"


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    operator = Operator(tmp_path_factory.mktemp("operator"))
    try:
        operator.begin()
        yield operator
    finally:
        operator.end()


@pytest.fixture(scope="module")
def printed(operator: Operator) -> dict[int, str]:
    """What each block printed, by its line in the page."""
    typed = [block for block, _ in samples(operator.checkout.folder / PAGE)]
    done = operator.checkout.run("bash", "-c", as_script(typed), environment=operator.variables)
    said = outputs(done.stdout, typed)
    line = list(said)[-1]
    assert done.returncode == 0, f"{PAGE}, block at line {line}:\n{said[line]}\nof a page that printed:\n{done.stdout}"
    return said


def test_every_command_of_the_handbook_works_as_it_is_printed(printed: dict[int, str]):
    assert len(printed) > 20


def test_what_the_handbook_says_is_printed_is_printed(operator: Operator, printed: dict[int, str]):
    wrong = {
        f"line {sample.line}": (missing, printed[block.line])
        for block, sample in samples(operator.checkout.folder / PAGE)
        if sample and (missing := missing_lines(sample.text, printed[block.line]))
    }
    assert wrong == {}
