"""The gates on genuine models: what lets a version through, and what a refusal says."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml.gates.__main__ import judge
from ml.gates.report import GateError
from ml.gates.request import GateRequest, message, read_message
from tests.ml.conftest import ROOT
from tests.ml.gate_models import CARD, gates, lay_out, request, results, save_model

pytestmark = pytest.mark.ml
FAIR, HARSH, GUESS = (2.0, -2.0, 0.0), (2.0, -2.0, -3.0), (0.1, 0.3, 0.0)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {"fair": FAIR, "harsh": HARSH, "guess": GUESS}
    found = {name: save_model(tmp_path_factory.mktemp(name), weights=weights) for name, weights in made.items()}
    other = tmp_path_factory.mktemp("other")
    return {**found, "other": save_model(other, weights=FAIR, columns=("income", "debt", "strict"))}


def judged(folder: Path, asked: GateRequest, **archives: Path) -> tuple[bool, dict[str, dict[str, Any]]]:
    passed, report = judge(lay_out(folder, asked, archives), asked.digest)
    return passed, results(report)


def test_a_version_as_good_as_the_champion_passes_every_gate(models: dict[str, Path], tmp_path: Path) -> None:
    spec = gates(
        latency={"p95_ms": 500, "requests": 20}, fairness=[{"column": "group", "demographic_parity_difference": 0.2}]
    )
    passed, found = judged(tmp_path, request(spec, champion=True), candidate=models["fair"], champion=models["fair"])
    assert passed, found
    assert set(found) == {
        "metric roc_auc",
        "held-out data",
        "data validation",
        "fairness group demographic_parity_difference",
        "explanation",
        "signature",
        "latency",
        "model card",
    }
    difference = found["metric roc_auc"]["values"]["difference"]
    assert difference["low"] == difference["high"] == 0, "the same model twice differs on no resample"
    assert found["latency"]["values"]["p50_ms"] > 0
    assert found["explanation"]["text"].startswith("permutation importance by roc_auc of 3 columns")


def test_a_version_that_is_worse_is_refused_with_the_number_by_which(models: dict[str, Path], tmp_path: Path) -> None:
    asked = request(gates(), champion=True)
    passed, found = judged(tmp_path, asked, candidate=models["guess"], champion=models["fair"])
    result = found["metric roc_auc"]
    assert not passed
    assert not result["passed"]
    low = result["values"]["candidate"]["low"]
    assert f"{0.7 - low:.4g} below the least, 0.7" in result["text"]
    loss = -result["values"]["difference"]["low"]
    assert f"the loss may be {loss:.4g}, which is {loss - 0.05:.4g} more than the 0.05 allowed" in result["text"]


def test_without_a_loss_that_is_allowed_only_a_certain_one_refuses(models: dict[str, Path], tmp_path: Path) -> None:
    spec = gates(metrics={"accuracy": {}, "brier": {}, "f1": {}})
    asked = request(spec, champion=True)
    _, worse = judged(tmp_path, asked, candidate=models["guess"], champion=models["fair"])
    assert "worse than the champion, version 1, " in worse["metric brier"]["text"]
    (tmp_path / "again").mkdir()
    passed, same = judged(tmp_path / "again", asked, candidate=models["fair"], champion=models["fair"])
    assert passed, same


def test_groups_that_are_treated_too_differently_are_refused_by_name(models: dict[str, Path], tmp_path: Path) -> None:
    bounds = {
        "column": "group",
        "demographic_parity_difference": 0.1,
        "demographic_parity_ratio": 0.8,
        "equalized_odds_difference": 0.1,
        "metric_difference": {"recall": 0.1},
    }
    _, found = judged(tmp_path, request(gates(fairness=[bounds]), champion=False), candidate=models["harsh"])
    refused = {name for name, result in found.items() if not result["passed"]}
    assert refused == {
        "fairness group demographic_parity_difference",
        "fairness group demographic_parity_ratio",
        "fairness group equalized_odds_difference",
        "fairness group recall difference",
    }
    result = found["fairness group demographic_parity_difference"]
    by = result["values"]["value"] - 0.1
    assert f"{by:.4g} beyond the most, 0.1" in result["text"]


def test_a_group_with_few_rows_is_not_judged_and_one_group_alone_is_no_comparison(
    models: dict[str, Path], tmp_path: Path
) -> None:
    bounds = {"column": "group", "demographic_parity_difference": 0.5, "min_rows": 400}
    _, found = judged(tmp_path, request(gates(fairness=[bounds]), champion=False), candidate=models["fair"])
    assert found["fairness group"]["values"]["not_judged"] == ["b"]
    assert not found["fairness group"]["passed"]


def test_a_version_that_asks_for_another_column_does_not_take_the_champions_place(
    models: dict[str, Path], tmp_path: Path
) -> None:
    asked = request(gates(), champion=True)
    folder = lay_out(tmp_path, asked, {"candidate": models["other"], "champion": models["fair"]})
    rows = folder / "data" / "rows.csv"
    lines = rows.read_text().splitlines()
    strict = [f"{lines[0]},strict", *(f"{line},0.0" for line in lines[1:])]
    rows.write_text("\n".join(strict) + "\n")
    _, report = judge(folder, asked.digest)
    result = results(report)["signature"]
    assert not result["passed"]
    assert "asks for 'strict', which the champion, version 1, does not have" in result["text"]


def test_a_card_without_its_parts_and_data_that_nobody_validated_are_refused(
    models: dict[str, Path], tmp_path: Path
) -> None:
    spec = gates(card={**CARD, "owner": " ", "limitations": ""}, validation=True)
    _, found = judged(tmp_path, request(spec, champion=False), candidate=models["fair"])
    assert "gates.card.owner, gates.card.limitations" in found["model card"]["text"]
    assert not found["data validation"]["passed"]


def test_held_out_rows_that_are_others_than_at_training_time_are_refused(
    models: dict[str, Path], tmp_path: Path
) -> None:
    asked = request(gates(), champion=False).model_copy(update={"data_version": "0" * 64})
    _, found = judged(tmp_path, asked, candidate=models["fair"])
    assert not found["held-out data"]["passed"]
    assert f"and it was {'0' * 12}…" in found["held-out data"]["text"]


def test_a_slow_server_is_refused_with_the_milliseconds_over_the_budget(
    models: dict[str, Path], tmp_path: Path
) -> None:
    spec = gates(latency={"p95_ms": 0.001, "requests": 20})
    _, found = judged(tmp_path, request(spec, champion=False), candidate=models["fair"])
    assert "ms over the budget, 0.001" in found["latency"]["text"]


def test_the_same_request_gives_the_same_numbers(models: dict[str, Path], tmp_path: Path) -> None:
    asked = request(gates(), champion=True)
    both = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        both.append(judged(tmp_path / name, asked, candidate=models["harsh"], champion=models["fair"])[1])
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"target": "repaid"}, "no column 'repaid'"),
        ({"positive": 7}, "no row has 7; there is 0, 1"),
        ({"fairness": [{"column": "race", "demographic_parity_difference": 0.1}]}, "no column 'race'"),
    ],
)
def test_what_cannot_be_judged_is_told(
    models: dict[str, Path], tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    asked = request(gates(**changes), champion=False)
    with pytest.raises(GateError, match=says):
        judged(tmp_path, asked, candidate=models["fair"])


def test_a_request_that_was_exchanged_is_not_judged(models: dict[str, Path], tmp_path: Path) -> None:
    asked = request(gates(), champion=False)
    folder = lay_out(tmp_path, asked, {"candidate": models["fair"]})
    with pytest.raises(GateError, match="not the one"):
        judge(folder, hashlib.sha256(b"another").hexdigest())


def test_the_jobs_message_names_the_report_by_its_digest() -> None:
    said = read_message(message(passed=False, report=b"{}", request_digest="abc"))
    assert said == {"passed": "false", "report": hashlib.sha256(b"{}").hexdigest(), "request": "abc"}
    assert read_message("Traceback …") == {}
    assert json.dumps(said)


def test_the_gates_run_with_what_the_serving_image_has_of_the_repository(tmp_path: Path) -> None:
    context = yaml.safe_load((ROOT / "images" / "serving" / "context.yaml").read_text())
    for name in context["include"]:
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    script = "import sys, ml.gates.__main__, ml.gates.run; print(ml.__file__)"
    result = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {script}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(str(tmp_path))
