"""Reports of a preview and a rehearsal, joined into the one comment."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from local.errors import LocalStackError
from operations.comment.reports import joined
from operations.rehearsal.model import Finding, Rehearsal, Verdict
from operations.review.markdown import LIMITS, size
from tests.unit.preview_events import created, report

pytestmark = pytest.mark.unit
LIMIT = LIMITS["github"]


def previewed(folder: Path, resources: int = 1) -> Path:
    file = folder / "report.json"
    file.write_text(report([event for n in range(resources) for event in created(f"r-{n}")]).model_dump_json())
    return file


def rehearsed(folder: Path, findings: int = 0, text: str = "the endpoint was silent") -> Path:
    file = folder / "rehearsal.json"
    found = tuple(Finding(kind="downtime", step="change", text=f"{text} {n}") for n in range(findings))
    verdict = Verdict.found if findings else Verdict.well
    made = Rehearsal(verdict=verdict, headline="Rehearsed", base="a", head="b", seconds=7, findings=found)
    file.write_text(made.model_dump_json())
    return file


def test_one_comment_says_what_would_change_and_what_came_of_it_when_it_was_tried(tmp_path: Path):
    text = joined([previewed(tmp_path), rehearsed(tmp_path, 1)], LIMIT)
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert len(headings) == 2
    assert headings[1] == "## 🛑 Rehearsed \\(7 s\\)"
    assert "the endpoint was silent 0" in text


@pytest.mark.parametrize(("resources", "findings"), [(3000, 0), (1, 3000), (3000, 3000)])
def test_both_fit_however_much_there_is_to_say(tmp_path: Path, resources: int, findings: int):
    text = joined([previewed(tmp_path, resources), rehearsed(tmp_path, findings)], LIMIT)
    assert size(text) <= LIMIT - 256
    assert text.count("\n## ") + text.startswith("## ") == 2


def test_a_report_whose_job_has_failed_is_said_to_be_missing(tmp_path: Path):
    text = joined([previewed(tmp_path), tmp_path / "rehearsal.json"], LIMIT)
    assert "There is no rehearsal" in text
    with pytest.raises(LocalStackError, match="there is no such file"):
        joined([tmp_path / "a.json", tmp_path / "b.json"], LIMIT)


def test_words_in_a_report_bring_no_markup_into_the_comment(tmp_path: Path):
    text = joined([rehearsed(tmp_path, 1, "<img src=x> [click](https://evil.example) @everyone")], LIMIT)
    tokens = MarkdownIt().parse(text)
    assert not [child for token in tokens for child in token.children or [] if child.type in ("link_open", "image")]
    assert "<img" not in text.replace("\\<", "")
    assert "@everyone" not in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON"),
        ('{"format": "other/1"}', "is no report of ours"),
        ("[]", "is no report of ours"),
        ('{"format": "groundwork-rehearsal/1", "extra": 1}', "does not keep to its schema"),
    ],
)
def test_a_file_that_is_no_report_is_refused(tmp_path: Path, content: str, said: str):
    file = tmp_path / "report.json"
    file.write_text(content)
    with pytest.raises(LocalStackError, match=said):
        joined([file], LIMIT)
