"""Each check of data, by Great Expectations, on tables that pass it and tables that do not."""

import io
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ml.data.check import check
from ml.data.expectations import Expectations
from ml.data.findings import CheckResult, Finding, result_of
from ml.data.load import parse_expectations
from ml.data.report import report_html
from ml.data.stream import check_window, windows
from ml.data.tables import TableError, read_table

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def found(column: str, values: list[Any], kind: str, more: str = "") -> Finding:
    """The finding of one kind about a table with one column `x` that is declared so."""
    result = run(f"columns: {{x: {{{column}}}}}\n{more}", train=pd.DataFrame({"x": values}))
    (finding,) = [one for one in result.findings if one.check == kind]
    return finding


def run(text: str, **tables: pd.DataFrame) -> CheckResult:
    return check(parse_expectations(text, "e.yaml"), tables, now=NOW)


@pytest.mark.parametrize(
    ("column", "kind", "good", "bad", "observed", "examples"),
    [
        ("type: integer", "type", [1, 2], ["1", "two"], "1 of 2 (50%) of another type", ("two",)),
        ("type: integer, missing: 0.5", "type", [1.0, None], [1.5, 2], "1 of 2 (50%) of another type", ("1.5",)),
        ("type: number", "type", [1, 2.5], ["1", "1,5"], "1 of 2 (50%) of another type", ("1,5",)),
        ("type: boolean", "type", [True, False], ["yes", "true"], "1 of 2 (50%) of another type", ("yes",)),
        ("type: time", "type", ["2026-01-01", "2026-01-01T10:00:00Z"], ["1.2.26", "2026-01-01"], "1 of 2", ("1.2.26",)),
        ("type: text", "type", ["a", "b"], ["a", 3], "1 of 2 (50%) of another type", ("3",)),
        ("type: number, missing: 0.5", "missing", [1, None], [None, None], "2 of 2 (100%) missing", ()),
        ("type: number, range: [0, 10]", "range", [0, 10], [5, 11], "1 of 2 (50%) outside", ("11",)),
        (
            "type: time, range: [2026-01-01, null]",
            "range",
            ["2026-01-01"],
            ["2025-12-31"],
            "1 of 1 (100%) outside",
            ("2025-12-31 00:00",),
        ),
        (
            "type: number, outliers: {above: 9, at_most: 0.5}",
            "outliers",
            [1, 10],
            [10, 11],
            "2 of 2 (100%) outliers",
            ("10", "11"),
        ),
        ("type: text, values: [a, b]", "values", ["a", "b"], ["a", "c"], "1 of 2 (50%) other values", ("c",)),
        ("type: text, pattern: 'a+'", "pattern", ["a", "aa"], ["a", "ab"], "1 of 2 (50%) do not match", ("ab",)),
        ("type: integer, unique: true", "unique", [1, 2], [1, 1, 2], "2 of 3 (66.7%) not unique", ("1",)),
    ],
)
def test_a_column_is_as_expected_or_it_is_said_how_much_is_not(
    column: str, kind: str, good: list[Any], bad: list[Any], observed: str, examples: tuple[str, ...]
) -> None:
    assert found(column, good, kind).passed
    finding = found(column, bad, kind)
    assert not finding.passed
    assert finding.observed.startswith(observed)
    assert finding.examples == examples


def test_a_value_of_another_type_is_not_taken_for_a_missing_one() -> None:
    result = run("columns: {x: {type: integer, range: [0, 9]}}", train=pd.DataFrame({"x": ["1", "x", "20"]}))
    assert {finding.check for finding in result.failed} == {"type", "range"}


def test_categories_that_drift_are_found_and_chance_is_not() -> None:
    column = "type: text, shares: {a: 0.5, b: 0.5}, drift: 0.1"
    assert found(column, ["a", "b"] * 50, "drift").passed
    assert not found(column, ["a"] * 90 + ["b"] * 10, "drift").passed
    assert not found(column, ["a"] * 45 + ["b"] * 45 + ["new"] * 20, "drift").passed
    few = found(column, ["a"] * 5, "drift")
    assert (few.passed, few.observed) == (True, "5 values are too few to tell")


def test_numbers_that_drift_are_found() -> None:
    column = "type: number, bands: {edges: [10, 20], shares: [0.3, 0.4, 0.3]}, drift: 0.1"
    assert found(column, [5] * 30 + [15] * 40 + [25] * 30, "drift").passed
    assert not found(column, [5] * 80 + [15] * 10 + [25] * 10, "drift").passed


def test_rows_columns_and_duplicates_of_the_whole_table() -> None:
    text = "columns: {x: {type: integer}, y: {type: integer}}\nrows: {at_least: 3, at_most: 4}\nduplicates: 0.1"
    good = pd.DataFrame({"x": [1, 2, 3], "y": [1, 2, 3]})
    assert run(text, train=good).passed
    bad = pd.DataFrame({"x": [1, 1], "z": [1, 1]})
    assert [(one.check, one.observed) for one in run(text, train=bad).failed] == [
        ("rows", "2"),
        ("columns", "lacks y; has also z"),
    ]
    twice = run(text, train=pd.concat([good, good.head(1)]).reset_index(drop=True))
    assert [(one.check, one.count) for one in twice.failed] == [("duplicates", 2)]


def test_an_empty_table_is_not_as_expected() -> None:
    assert [one.check for one in run("columns: {x: {type: integer}}", train=pd.DataFrame({"x": []})).failed] == ["rows"]


def test_rows_of_the_training_data_in_the_test_data_are_leakage_whatever_their_form() -> None:
    text = "columns: {x: {type: number}, y: {type: text}}\nleakage: {between: [train, test]}"
    train = pd.DataFrame({"x": [1, 2], "y": ["a", None]})
    assert run(text + "\ndatasets: {}", train=train, test=pd.DataFrame({"x": [1.0], "y": ["b"]})).findings[-1].passed
    leaked = run(text, train=train, test=pd.DataFrame({"x": [1.0, 3.0], "y": ["a", "b"]}))
    (finding,) = [one for one in leaked.failed if one.check == "leakage"]
    assert finding.observed == "1 of 2 (50%) in both"


def test_freshness_is_measured_from_the_moment_of_the_check() -> None:
    text = "freshness: {column: x, at_most: 2d}"
    assert found("type: time", ["2026-11-20"], "freshness", text).passed
    stale = found("type: time", ["2026-11-18", "2026-11-19"], "freshness", text)
    assert (stale.passed, stale.observed) == (False, "newest 2026-11-19 00:00 UTC")


def test_no_value_of_a_personal_column_is_in_the_result_or_the_report() -> None:
    text = """
columns:
  name: {type: text, personal: true, values: [Ada]}
  born: {type: time, personal: true, range: [1900-01-01, 2010-01-01]}
  age: {type: integer, personal: true, range: [0, 99]}
freshness: {column: born, at_most: 30d}
"""
    secrets = pd.DataFrame({"name": ["Zoltan", "Ada"], "born": ["2019-05-17", "tenth"], "age": ["777", "forty-two"]})
    result = run(text, train=secrets)
    assert {one.check for one in result.failed} == {"values", "range", "type", "freshness"}
    shown = json.dumps(result.document()) + report_html(result, "t", []) + "\n".join(map(str, result.findings))
    for secret in ("Zoltan", "2019", "tenth", "777", "forty"):
        assert secret not in shown


def test_no_text_is_quoted_of_a_table_with_personal_columns_as_it_may_be_one_of_theirs() -> None:
    text = "columns: {name: {type: text, personal: true}, age: {type: integer}, kind: {type: text, values: [a]}}"
    swapped = pd.DataFrame({"name": ["7", "x"], "age": ["Zoltan", 8], "kind": ["Ottilie", "a"]})
    result = run(text, train=swapped)
    assert {one.check for one in result.failed} == {"type", "values"}
    shown = json.dumps(result.document()) + report_html(result, "t", [])
    assert "Zoltan" not in shown
    assert "Ottilie" not in shown


def test_the_report_escapes_what_it_shows_and_loads_nothing() -> None:
    text = "columns: {'<b>x': {type: text, values: [a]}}"
    result = run(text, train=pd.DataFrame({"<b>x": ["<script>alert(1)</script>", "a", "a", "a"]}))
    page = report_html(result, "<i>title", [("fact", "<u>")])
    for raw in ("<script", "<b>x", "<i>title", "<u>"):
        assert raw not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "default-src 'none'" in page
    assert "http://" not in page.replace("http-equiv", "")
    assert "https://" not in page


def test_a_result_reads_back_from_its_document() -> None:
    result = run("columns: {x: {type: integer, range: [0, 1]}}", train=pd.DataFrame({"x": [1, 2]}))
    assert result_of(json.loads(json.dumps(result.document()))) == result


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"x,y\n1,2\n3,4,5\n", "a.csv is broken"),
        ("a.csv", b"x,y\n1,Ada,2\n", "row 1 has 3 values, not 2"),
        ("a.csv", b"x,y\n1\n", "row 1 has 1 values, not 2"),
        ("a.csv", b"x\n\xff\xfe\n", "a.csv is not UTF-8"),
        ("a.csv", b"", "a.csv is empty"),
        ("a.jsonl", b'{"x": 1}\n{"x":', "cannot be read"),
        ("a.txt", b"x", "only .csv"),
        ("a.parquet", b"PAR1", "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_named_and_not_quoted(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError) as raised:
        read_table([tmp_path / name])
    assert words in str(raised.value) or "is not JSON" in str(raised.value)


def test_all_forms_of_a_table_are_read_the_same(tmp_path: Path) -> None:
    frame = pd.DataFrame({"code": ["007", "042"], "n": [1, 2]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "b.csv.gz", index=False)
    frame.to_csv(tmp_path / "c.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "d.parquet")
    frame.to_json(tmp_path / "e.jsonl", orient="records", lines=True)
    expectations = parse_expectations("columns: {code: {type: text}, n: {type: integer}}", "e")
    for path in sorted(tmp_path.iterdir()):
        pd.testing.assert_frame_equal(read_table([path], expectations, "train"), frame)


def test_files_of_a_data_set_must_have_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv").write_text("y\n1\n")
    with pytest.raises(TableError, match=r"b\.csv has other columns than a\.csv"):
        read_table(sorted(tmp_path.iterdir()))


STREAMED = "columns: {x: {type: integer, range: [0, 9]}, c: {type: text}}\nrows: {at_least: 1000}"


def streamed(lines: list[str], **options: Any) -> list[CheckResult]:
    expectations: Expectations = parse_expectations(STREAMED, "e")
    source = io.BytesIO("".join(f"{line}\n" for line in lines).encode())
    return [check_window(expectations, window, "requests") for window in windows(source, **options)]


def test_a_stream_is_checked_a_window_of_rows_at_a_time() -> None:
    lines = [json.dumps({"x": number, "c": "a"}) for number in range(5)] + ['{"x": 77, "c": "a"}', '{"x": 1', "[]"]
    first, second = streamed(lines, rows=4)
    assert first.passed
    assert [(one.check, one.count) for one in second.failed] == [("readable", 2), ("range", 1)]


def test_a_stream_of_csv_begins_with_its_header() -> None:
    first, second = streamed(["x,c", "1,a", "2,a", "3,a", "4,a,b", "99,a"], rows=3)
    assert first.passed
    assert [(one.check, one.count) for one in second.failed] == [("readable", 1), ("range", 1)]


def test_a_window_of_time_closes_though_nothing_more_comes() -> None:
    class Slow(io.RawIOBase):
        def __init__(self) -> None:
            self.lines = [b'{"x": 1, "c": "a"}\n', b'{"x": 2, "c": "a"}\n', b""]

        def readline(self, size: int | None = -1) -> bytes:
            if len(self.lines) == 2:
                time.sleep(0.6)
            return self.lines.pop(0)

    sizes = [len(window.lines) for window in windows(Slow(), seconds=0.1)]  # pyright: ignore[reportArgumentType]
    assert sizes == [1, 1]
