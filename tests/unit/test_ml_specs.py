"""Job specs: what is accepted, and that every error is shown at once, where it is."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ml.commands.jobs import with_hyperparameters
from ml.errors import ExitCode, SpecError
from ml.spec import load_spec
from ml.spec.load import parse_spec
from ml.spec.model import as_text
from ml.spec.schema import SCHEMA_FILE, schema_text

pytestmark = pytest.mark.unit

EXAMPLE = Path(__file__).parents[2] / "ml" / "examples" / "flight_delays" / "job.yaml"
SMALLEST = "name: trial\nteam: research\nentry_point: train.py\nimage: training:1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text("")
    (tmp_path / "data").mkdir()
    return tmp_path


def errors(text: str, folder: Path) -> list[str]:
    with pytest.raises(SpecError) as raised:
        parse_spec(text, "job.yaml", folder)
    assert raised.value.exit_code is ExitCode.USAGE
    return str(raised.value).splitlines()


def test_the_smallest_spec_has_sensible_defaults(folder: Path) -> None:
    spec = parse_spec(SMALLEST, "job.yaml", folder)
    assert (spec.instance.type, spec.instance.count, spec.source_dir, spec.register_as) == (
        "ml.m5.xlarge",
        1,
        ".",
        None,
    )


def test_the_example_is_a_valid_spec() -> None:
    spec = load_spec(EXAMPLE)
    assert spec.register_as == "flight-delays"
    assert spec.deploy is not None
    assert spec.max_runtime == 1800


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("hyperparamters: {a: 1}", "job.yaml:5:1: hyperparamters: unknown field; did you mean hyperparameters?"),
        ("instance: {typ: ml.m5.large}", "job.yaml:5:12: instance.typ: unknown field; did you mean type?"),
        (
            "inputs: {train: {sorce: x, source: y}}",
            "job.yaml:5:18: inputs.train.sorce: unknown field; did you mean source?",
        ),
        (
            "spot: {max_wait: 1h, chekpoint: true}",
            "job.yaml:5:22: spot.chekpoint: unknown field; did you mean checkpoint?",
        ),
        ("deploy: {endpont: a, endpoint: b}", "job.yaml:5:10: deploy.endpont: unknown field; did you mean endpoint?"),
        ("regster: flights", "job.yaml:5:1: regster: unknown field; did you mean register?"),
    ],
)
def test_a_misspelt_field_names_its_place_and_the_nearest_name(line: str, expected: str, folder: Path) -> None:
    assert errors(SMALLEST + line, folder) == [expected]


@pytest.mark.parametrize(
    ("line", "place", "words"),
    [
        ("instance: {count: 0}", "5:19", "greater than or equal to 1 (it is 0)"),
        ("max_runtime: 3 parsecs", "5:14", "such as 90m"),
        ("framework: {name: sklearn, version: 1.4}", "5:37", "put it in quotes"),
        ("metrics: {loss: 'loss=[0-9]+'}", "5:10", "has 0 groups"),
        ("metrics: {loss: 'loss=(('}", "5:10", "not a regular expression"),
        ("inputs: {code: s3://bucket/x}", "5:9", "channel 'code'"),
        ("inputs: {train: ./missing}", "5:17", "nothing at './missing'"),
        ("requirements: pip.txt", "5:15", "no file 'pip.txt'"),
        ("source_dir: src", "5:13", "no folder 'src'"),
        ("name: twice", "5:1", "written more than once"),
        ("spot: {max_wait: 10s}\nmax_runtime: 20s", "1:1", "must be max_runtime or longer"),
        ("framework: {name: sklearn, version: '1.4-2'}", "1:1", "either image or framework"),
    ],
)
def test_a_wrong_value_says_where_and_what_is_allowed(line: str, place: str, words: str, folder: Path) -> None:
    found = errors(SMALLEST + line, folder)
    assert len(found) == 1
    assert found[0].startswith(f"job.yaml:{place}: ")
    assert words in found[0]


def test_all_errors_of_a_file_are_shown_at_once_in_its_order(folder: Path) -> None:
    found = errors("name: Bad_Name\nteam: research\nentry_pont: train.py\nimage: a:1\ninstance: {count: x}\n", folder)
    assert [line.split(":")[1] for line in found] == ["1", "1", "3", "5"]
    assert "entry_point: missing" in found[0]


def test_a_misspelt_script_names_the_nearest_file(folder: Path) -> None:
    assert "did you mean train.py?" in errors(SMALLEST.replace("train.py", "trian.py"), folder)[0]


@pytest.mark.parametrize("text", ["", "just text", "- a\n- b"])
def test_a_file_that_is_no_mapping_is_said_so(text: str, folder: Path) -> None:
    assert "is a mapping of fields" in errors(text, folder)[0]


def test_text_that_is_no_yaml_names_its_place(folder: Path) -> None:
    assert errors("name: [a\nteam: b", folder)[0].startswith("job.yaml:2:")


def test_a_missing_file_is_an_error_and_not_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        load_spec(tmp_path / "job.yaml")


def test_team_and_name_leave_room_for_what_the_platform_adds(folder: Path) -> None:
    assert "31 are allowed" in errors(SMALLEST.replace("trial", "t" * 30), folder)[0]


def test_a_script_outside_of_the_source_folder_is_refused(folder: Path) -> None:
    (folder / "src").mkdir()
    found = errors(SMALLEST.replace("train.py", "../train.py") + "source_dir: src", folder)
    assert "no file '../train.py' in source_dir" in found[0]


def test_dates_among_the_hyperparameters_travel_as_they_are_written(folder: Path) -> None:
    spec = parse_spec(
        f"{SMALLEST}hyperparameters: {{since: 2013-11-01, window: {{to: 2013-12-01}}}}", "job.yaml", folder
    )
    assert as_text(spec.hyperparameters["since"]) == "2013-11-01"
    assert as_text(spec.hyperparameters["window"]) == '{"to": "2013-12-01"}'


def test_a_hyperparameter_of_the_command_line_is_read_as_yaml_or_refused(folder: Path) -> None:
    spec = parse_spec(f"{SMALLEST}hyperparameters: {{rate: 0.1, deep: true}}", "job.yaml", folder)
    changed = with_hyperparameters(spec, ["rate=0.5", "layers=[8, 4]"]).hyperparameters
    assert changed == {"rate": 0.5, "deep": True, "layers": [8, 4]}
    for wrong, said in (("rate", "write NAME=VALUE"), ("=1", "write NAME=VALUE"), ("layers=[8", "'[8' is not YAML")):
        with pytest.raises(SpecError, match=re.escape(said)):
            with_hyperparameters(spec, [wrong])


def test_times_are_read_with_their_unit(folder: Path) -> None:
    spec = parse_spec(SMALLEST + "max_runtime: 2h\nspot: {max_wait: 1d}", "job.yaml", folder)
    assert (spec.max_runtime, spec.spot and spec.spot.max_wait) == (7200, 86400)


def test_a_channel_may_be_its_source_alone(folder: Path) -> None:
    spec = parse_spec(SMALLEST + "inputs: {a: ./data, b: flights/2013, c: 's3://bucket/x'}", "job.yaml", folder)
    assert [(one.source, one.is_local) for one in spec.inputs.values()] == [
        ("./data", True),
        ("flights/2013", False),
        ("s3://bucket/x", False),
    ]


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run: python -m ml.spec.schema"


@pytest.mark.parametrize(
    ("line", "valid"),
    [
        ("", True),
        ("inputs: {a: x}", True),
        ("max_runtime: 2h", True),
        ("max_runtime: 2y", False),
        ("regster: x", False),
    ],
)
def test_the_published_schema_judges_as_the_code_does(line: str, valid: bool, folder: Path) -> None:
    document: Any = yaml.safe_load(SMALLEST + line)
    validator = jsonschema.Draft202012Validator(json.loads(schema_text()))
    assert validator.is_valid(document) is valid
    if valid:
        parse_spec(SMALLEST + line, "job.yaml", folder)
    else:
        errors(SMALLEST + line, folder)
