"""The model card as a page: what it shows, and that nothing that it shows runs."""

from html.parser import HTMLParser
from typing import Any

import pytest

from ml.records import RecordedCode, RecordedGit, RecordedImage, RecordedInput, RunRecord
from ml.registry.aliases import Aliases, Move
from ml.registry.card_page import card_html
from ml.registry.cards import CardFacts
from ml.registry.packages import Package
from ml.tracking import ModelVersion

pytestmark = pytest.mark.unit
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def result(gate: str, passed: bool, text: str) -> dict[str, Any]:
    return {"gate": gate, "passed": passed, "text": text, "values": {}}


def report(words: dict[str, str]) -> dict[str, Any]:
    """The report of gates, of which one refuses."""
    interval = {"value": 0.81, "low": 0.78, "high": 0.84}
    theirs = {"value": 0.8, "low": 0.77, "high": 0.83}
    return {
        "rows": 1234,
        "passed": False,
        "request": {
            "champion": {"version": "2"},
            "gates": {
                "confidence": 0.95,
                "card": words,
                "explanation": {"metric": None},
                "metrics": {"roc_auc": {}, "log_loss": {}},
            },
        },
        "metrics": {
            "roc_auc": {
                "candidate": interval,
                "champion": theirs,
                "difference": {"value": 0.01, "low": -0.01, "high": 0.03},
            },
            "log_loss": {
                "candidate": {"value": None, "low": None, "high": None},
                "champion": theirs,
                "difference": {"value": None, "low": None, "high": None},
            },
        },
        "groups": {
            "race": {
                "rows": {EVIL: 900, "b": 20},
                "not_judged": ["b"],
                "by_group": {
                    EVIL: {"rows": 900, "selection_rate": 0.7, "base_rate": 0.68},
                    "b": {"rows": 20, "selection_rate": 0.5, "base_rate": None},
                },
            }
        },
        "importances": [
            {"column": EVIL, "mean": 0.12, "deviation": 0.01},
            {"column": "income", "mean": 0.04, "deviation": 0.002},
            {"column": "noise", "mean": -0.001, "deviation": 0.002},
        ],
        "results": [
            result("metric roc_auc", True, "roc_auc 0.81 (95% interval 0.78 to 0.84): at least 0.75."),
            result("latency", False, f"3 ms over the budget, 50. {EVIL}"),
        ],
    }


def facts(**changes: Any) -> CardFacts:
    """A version with everything, and markup in everything that people or data write."""
    words = {name: f"{name} {EVIL}" for name in ("purpose", "owner", "intended_use", "limitations", "ethics")}
    version = ModelVersion(
        name="loan-decisions",
        version="3",
        created="2026-11-21T10:00:00+00:00",
        run_id="r",
        job="research-loans-20261121-100000-abcd",
        team="research",
        model_data="s3://b/m.tar.gz",
        code="c0de",
        data={},
        metrics={},
    )
    record = RunRecord(
        job="research-loans-20261121-100000-abcd",
        team="research",
        environment="prod",
        account_id="123456789012",
        region="us-east-1",
        created="2026-11-21T10:00:00+00:00",
        submitter=EVIL,
        spec={},
        code=RecordedCode(digest="c0de" * 16, uri="s3://b/code", files=4),
        git=RecordedGit(commit="0123456789abcdef", dirty=True),
        image=RecordedImage(uri="123456789012.dkr.ecr.us-east-1.amazonaws.com/training:1", digest="sha256:00"),
        inputs={EVIL: RecordedInput(uri=f"s3://b/{EVIL}", version="da7a" * 16)},
        request={},
        model_data="s3://b/m.tar.gz",
        tracking_uri="arn",
        experiment="research/loans",
    )
    package = Package(
        arn="arn:aws:sagemaker:us-east-1:123456789012:model-package/research-loan-decisions/7",
        group="research-loan-decisions",
        number=7,
        status="Approved",
        created="2026-11-21T11:00:00+00:00",
        author="ada",
        metadata={},
        model_data="s3://b/m.tar.gz",
        image="i",
        environment={},
        reason=EVIL,
        changed_by="bob",
    )
    move = Move(number=1, at="2026-11-21T11:00:00+00:00", by={"owner": EVIL}, versions={"champion": "3"}, details={})
    known: dict[str, Any] = {
        "environment": "prod",
        "team": "research",
        "version": version,
        "record": record,
        "package": package,
        "report": report(words),
        "aliases": Aliases(number=1, versions={"champion": "3"}),
        "moves": (move,),
    }
    return CardFacts(**{**known, **changes})


class Tags(HTMLParser):
    """Every tag and attribute of a page, as a browser's parser sees them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def test_nothing_in_a_card_runs_or_is_fetched_whatever_people_and_data_write() -> None:
    page = card_html(facts())
    found = Tags(page)
    assert not found.tags & {"script", "img", "iframe", "link", "object", "embed", "a", "form", "base"}
    assert not {name for name in found.attributes if name.startswith("on") or name in ("src", "href", "action")}
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page


def test_a_card_says_what_was_measured_who_asked_and_who_decided() -> None:
    page = card_html(facts())
    for shown in (
        "1 of 2 gates passed",
        "0.78 to 0.84",
        "Champion (version 2)",
        "few rows: not judged",
        "1,234 rows that it was not trained on",
        "0123456789abcdef with changes that it does not have",
        "<dt>Asked for by</dt><dd>ada</dd><dt>Decided by</dt><dd>bob</dd>",
        "not known",
    ):
        assert shown in page


def test_a_version_that_nobody_has_promoted_has_a_card_that_says_so() -> None:
    page = card_html(facts(package=None, report=None, record=None, moves=(), aliases=Aliases()))
    assert "its gates have not run" in page
    assert "Nobody has promoted this version yet" in page
    assert "<dt>Purpose</dt><dd>not said</dd>" in page
