"""The file of expectations: what it may say, how its mistakes are told, and what is inferred into it."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ml.data.infer import infer
from ml.data.load import load_expectations, parse_expectations
from ml.data.write import expectations_text
from ml.errors import SpecError
from ml.spec.load import parse_spec

pytestmark = pytest.mark.unit

SPEC = "name: a\nteam: b\nentry_point: train.py\nimage: training:1\n"


def errors(text: str) -> list[str]:
    with pytest.raises(SpecError) as raised:
        parse_expectations(text, "e.yaml")
    return str(raised.value).splitlines()


def people(rows: int = 400, start: int = 0) -> pd.DataFrame:
    numbers = range(start, start + rows)
    return pd.DataFrame(
        {
            "id": list(numbers),
            "email": [f"person{number}@example.org" for number in numbers],
            "age": [18 + number % 60 for number in numbers],
            "purpose": ["car" if number % 2 else "house" if number % 3 else "boat" for number in numbers],
            "day": pd.date_range("2026-01-01", periods=rows, freq="h").strftime("%Y-%m-%dT%H:%M:%SZ"),
            "income": [None if number % 50 == 0 else float(number % 97) for number in numbers],
        }
    )


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    text = "columns:\n  age: {type: integer, mising: 0.1}\n  day: {type: tme}\nrows: {at_least: -1}\n"
    assert errors(text) == [
        "e.yaml:2:24: columns.age.mising: unknown field; did you mean missing?",
        "e.yaml:3:15: columns.day.type: input should be 'integer', 'number', 'text', 'boolean' or 'time' (it is 'tme')",
        "e.yaml:4:18: rows.at_least: input should be greater than or equal to 0 (it is -1)",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("columns: {a: {type: text, range: [1, 2]}}", "range is for numbers and times"),
        ("columns: {a: {type: number, range: [2, 1]}}", "the first is the smallest value"),
        ("columns: {a: {type: number, drift: 0.1}}", "drift needs the reference's shares or bands"),
        ("columns: {a: {type: text, pattern: '('}}", "is not a regular expression"),
        ("columns: {a: {type: number, bands: {edges: [1, 2], shares: [1]}}}", "2 edges make 3 bands, not 1"),
        ("columns: {a: {type: text}}\nfreshness: {column: a, at_most: 1d}", "'a' is not of type time"),
        ("columns: {a: {type: text}}\nunique: [[b]]", "'b' is none of the columns (a)"),
        ("columns: {a: {type: number, outliers: {}}}", "give below, above or both"),
        ("[]", "expectations are a mapping"),
        ("columns: [", "not YAML"),
    ],
)
def test_what_makes_no_sense_is_refused(text: str, words: str) -> None:
    assert words in "\n".join(errors(text))


def test_a_missing_file_is_told_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="ml data infer"):
        load_expectations(tmp_path / "expectations.yaml")


def test_the_documentations_example_is_one() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    example = page.split("```yaml\n")[1].split("```")[0]
    assert parse_expectations(example, "docs/data.md").personal == ("email",)


def test_what_is_inferred_reads_back_the_same_and_is_text_for_a_person() -> None:
    tables = {"train": people(), "test": people(100, start=1000).drop(columns=["income"])}
    made = infer(tables, key=["id"], fresh="day=30d")
    text = expectations_text(made)
    assert parse_expectations(text, "e.yaml") == made
    assert "  id: {type: integer, unique: true}\n" in text
    assert "freshness: {column: day, at_most: 30d}\n" in text
    assert "leakage: {between: [train, test], key: [id]}\n" in text
    assert "datasets: {test: {without: [income]}}\n" in text
    assert made.columns["income"].missing == 0.03
    assert made.columns["purpose"].values == ("boat", "car", "house")
    assert made.columns["day"].type == "time"
    assert all(len(line) <= 120 for line in text.splitlines())


def test_nothing_of_a_personal_columns_values_gets_to_the_file() -> None:
    made = infer({"train": people()}, personal=["age"])
    assert made.personal == ("email", "age")
    assert made.columns["age"].model_dump(exclude_defaults=True) == {"type": "integer", "personal": True}
    assert "example.org" not in expectations_text(made)
    assert infer({"train": people()}, not_personal=["email"]).personal == ()


def test_an_unknown_column_names_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="there is no column 'mail'; there are id, email"):
        infer({"train": people()}, personal=["mail"])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("validation: {}", "there is no input to check"),
        ("inputs: {train: x}\nvalidation: {channels: [test]}", "'test' is none of the inputs (train)"),
        ("inputs: {train: {source: x, mode: Pipe}}\nvalidation: {}", "use FastFile"),
        ("inputs: {data-validation: x}", "is one that the platform adds"),
    ],
)
def test_a_spec_whose_data_cannot_be_checked_is_refused(fields: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    with pytest.raises(SpecError) as raised:
        parse_spec(SPEC + fields, "job.yaml", tmp_path)
    assert words in str(raised.value)


def test_a_specs_validation_has_sensible_defaults(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    (tmp_path / "expectations.yaml").write_text("columns: {a: {type: text}}")
    validation: Any = parse_spec(SPEC + "inputs: {train: x}\nvalidation: {}", "job.yaml", tmp_path).validation
    assert validation.expectations == "expectations.yaml"
    assert (validation.instance.type, validation.max_runtime) == ("ml.m5.large", 3600)


@pytest.mark.parametrize(
    ("expectations", "words"),
    [
        (None, "job.yaml:6:13: validation.expectations: no file 'expectations.yaml' beside the spec"),
        ("columns: {a: {type: txt}}", "expectations.yaml:1:21: columns.a.type"),
        ("columns: {a: {type: text}}\nleakage: {between: [train, test]}", "'test' is none of the inputs"),
    ],
)
def test_mistakes_in_the_expectations_are_found_with_the_spec(
    expectations: str | None, words: str, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text("")
    if expectations is not None:
        (tmp_path / "expectations.yaml").write_text(expectations)
    with pytest.raises(SpecError) as raised:
        parse_spec(SPEC + "inputs: {train: x}\nvalidation: {}", "job.yaml", tmp_path)
    assert words in str(raised.value)
