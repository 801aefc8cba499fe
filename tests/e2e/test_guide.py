"""The ML engineer's guide, typed into one shell on a platform that `make local` made: every command block of it."""

import re
from pathlib import Path

import pytest

from tests.conftest import Platform
from tests.guide import as_script, commands, outputs

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]
PAGE = Path("docs") / "ml-engineers.md"


@pytest.fixture(scope="module")
def printed(platform: Platform) -> dict[str, str]:
    """What each block printed, by the block."""
    typed = commands(platform.checkout.folder / PAGE)
    # A person's name, as git wants one for the commit; and no more threads than there are for the model.
    names = {f"GIT_{who}_{what}": "reader" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = platform.checkout.run("bash", "-c", as_script(typed), environment={**names, "OMP_NUM_THREADS": "1"})
    said = outputs(done.stdout, typed)
    line = list(said)[-1]
    assert done.returncode == 0, f"{PAGE}, block at line {line}:\n{said[line]}\nof a page that printed:\n{done.stdout}"
    return {block.text: said[block.line] for block in typed}


def test_every_command_of_the_guide_works_as_it_is_printed(printed: dict[str, str]) -> None:
    assert len(printed) > 5


def test_the_guides_model_answers_about_each_row(printed: dict[str, str]) -> None:
    [answer] = [text for typed, text in printed.items() if "ml predict" in typed]
    assert len(re.findall(r"^[\d.]+ [\d.]+$", answer, re.MULTILINE)) == 5


def test_the_guides_second_version_is_refused_by_how_much_it_is_worse(printed: dict[str, str]) -> None:
    [refusal] = [text for typed, text in printed.items() if "ml promote loan-decisions/2" in typed]
    assert re.search(
        r"REFUSED +metric accuracy: .* worse than the champion, version 1, .* by [\d.]+ to [\d.]+", refusal
    )


def test_the_guides_first_version_is_whole_from_its_commit_to_its_card(
    platform: Platform, printed: dict[str, str]
) -> None:
    [answer] = [text for typed, text in printed.items() if "ml audit who" in typed]
    assert "The audit log of research is whole" in answer
    assert re.search(r"^ *from commit +[0-9a-f]{40}$", answer, re.MULTILINE), (
        "the project had changes that git does not have"
    )
    card = (platform.checkout.folder.parent / "loans" / "card.html").read_text()
    assert "loan-decisions version 1" in card
    assert "black or Hispanic" in card


def test_the_guide_leaves_nothing_in_the_checkout_that_git_would_see(
    platform: Platform, printed: dict[str, str]
) -> None:
    assert printed
    assert platform.checkout.must("git", "status", "--porcelain") == ""
