"""What the check leaves in its container: the result, and in words why it could not check."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ml.data import job
from ml.data.load import parse_expectations
from ml.data.request import checks_archive, expectations_document

pytestmark = pytest.mark.unit

EXPECTATIONS = "columns: {age: {type: integer, range: [0, 99]}, name: {type: text, personal: true, values: [Ada]}}"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """/opt/ml with the code, the expectations, and one channel."""
    code, train = (tmp_path / "processing" / "input" / name for name in ("code", "train"))
    code.mkdir(parents=True)
    train.mkdir()
    (code / "checks.zip").write_bytes(checks_archive())
    (code / "expectations.json").write_bytes(expectations_document(parse_expectations(EXPECTATIONS, "e")))
    (train / "a.csv").write_text("age,name\n1,Ada\n")
    return tmp_path


def run(base: Path, *, key: str = "") -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GROUNDWORK_CHECK", key)
        assert job.main(base, ["train"], "0" * 64) == 0
    return json.loads((base / "processing" / "output" / "result.json").read_text())


def test_what_passed_leaves_a_note_under_the_checks_key(base: Path) -> None:
    result = run(base, key="k" * 64)
    assert result["passed"] is True
    note = json.loads((base / "processing" / "passed" / f"{'k' * 64}.json").read_text())
    content = (base / "processing" / "output" / "result.json").read_bytes()
    assert note["digest"] == hashlib.sha256(content).hexdigest()
    assert note["versions"] == {"train": result["channels"]["train"]["digest"]}
    assert "All 8 checks passed" in (base / "processing" / "output" / "report.html").read_text()


def test_what_did_not_pass_leaves_none_and_shows_nothing_personal(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (base / "processing" / "input" / "train" / "a.csv").write_text("age,name\n1,Zoltan\n")
    result = run(base, key="k" * 64)
    assert result["passed"] is False
    assert not (base / "processing" / "passed").exists()
    assert "train.name: values: 1 of 1 (100%) other values" in capsys.readouterr().out
    for left in base.rglob("output/**/*.*"):
        assert "Zoltan" not in left.read_text()


def test_a_file_that_cannot_be_read_is_a_check_that_failed_and_hidden_files_have_digests(base: Path) -> None:
    train = base / "processing" / "input" / "train"
    (train / "a.csv").write_text("age,name\n1,Ada,more\n2\n")
    (train / ".hidden").write_text("x")
    result = run(base)
    (finding,) = [one for one in result["findings"] if not one["passed"]]
    assert (finding["check"], finding["dataset"]) == ("readable", "train")
    assert set(result["channels"]["train"]["files"]) == {"a.csv", ".hidden"}


def test_a_check_that_breaks_down_says_where_and_quotes_no_value(base: Path) -> None:
    (base / "processing" / "input" / "code" / "expectations.json").write_text('{"columns": {"secret": 1}}')
    archive = base / "processing" / "input" / "code" / "checks.zip"
    result = subprocess.run(
        [sys.executable, str(archive), "train"],
        env={"SAGEMAKER_BASE_DIR": str(base), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    message = (base / "output" / "message").read_text()
    assert message.startswith("Data validation: the check broke down: ValidationError in ")
    assert "secret" not in result.stdout + result.stderr + message
