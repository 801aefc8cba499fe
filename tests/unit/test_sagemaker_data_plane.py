"""The data plane's pure parts: names of files, commands, outcomes, validation, pages, environments."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.aws_server.operations import Call, ServiceError
from local.aws_server.sagemaker import training_contract as contract
from local.aws_server.sagemaker.environments import Environment, Environments, EnvironmentsError
from local.aws_server.sagemaker.files import DataError, inside, relative_name, unpack
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.processes import Exit
from local.aws_server.sagemaker.training_outcome import JobFailedError, command_of, judge, tail
from local.aws_server.sagemaker.validation import validate

pytestmark = pytest.mark.unit

IMAGE = {"TrainingImage": "i", "TrainingInputMode": "File"}


@pytest.mark.parametrize(
    ("key", "prefix", "name"),
    [
        ("data/train/a.csv", "data/train/", "a.csv"),
        ("data/train/a.csv", "data/train", "a.csv"),
        ("data/train/x/a.csv", "data/train", "x/a.csv"),
        ("data/train.csv", "data/train.csv", "train.csv"),
        ("data/train/a.csv", "data/tr", "train/a.csv"),
        ("a.csv", "", "a.csv"),
        ("data/train/", "data/train/", ""),
    ],
)
def test_an_object_gets_the_name_that_file_mode_gives_it(key: str, prefix: str, name: str) -> None:
    assert relative_name(key, prefix) == name


def test_an_object_name_cannot_lead_out_of_its_channel(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/../b") == tmp_path / "b"
    with pytest.raises(DataError, match="leads out of its channel"):
        inside(tmp_path, "../b")


def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_text("not an archive")
    with pytest.raises(DataError, match=r"model.tar.gz is not a tar archive"):
        unpack(tmp_path / "model.tar.gz", tmp_path / "out")


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("train.py", ["python", "train.py", "--epochs", "3"]),
        ("train.sh", ["/bin/sh", "-c", 'exec "./$0" "$@"', "train.sh", "--epochs", "3"]),
        ("package.train", ["python", "-m", "package.train", "--epochs", "3"]),
    ],
)
def test_script_mode_goes_by_the_programs_suffix(program: str, command: list[str]) -> None:
    request = {
        "AlgorithmSpecification": IMAGE,
        "HyperParameters": {"sagemaker_program": f'"{program}"', "epochs": "3"},
    }
    assert command_of(request, Environment(python="python")) == command


def test_the_command_is_the_jobs_own_then_the_images() -> None:
    environment = Environment(python="python", train=("train", "now"))
    own = {**IMAGE, "ContainerEntrypoint": ["a"], "ContainerArguments": ["b"]}
    assert command_of({"AlgorithmSpecification": own}, environment) == ["a", "b"]
    assert command_of({"AlgorithmSpecification": IMAGE}, environment) == ["train", "now"]
    with pytest.raises(JobFailedError, match="has no training command here"):
        command_of({"AlgorithmSpecification": IMAGE}, Environment(python="python"))


def test_one_letter_hyperparameters_are_short_options_and_the_toolkits_own_are_none() -> None:
    decoded = {"c": 1, "name": "x", "flag": True, "sagemaker_program": "t.py"}
    assert contract.command_arguments(decoded) == ["-c", "1", "--flag", "true", "--name", "x"]


def test_hosts_of_two_jobs_have_different_addresses() -> None:
    first, second = (contract.hosts_file(key, ["algo-1", "algo-2"]).splitlines()[-2:] for key in ("a", "b"))
    assert all(line.startswith("127.") for line in first + second)
    assert not {line.split()[0] for line in first} & {line.split()[0] for line in second}


def ends(tmp_path: Path, *exits: Exit) -> Any:
    hosts = [contract.Host(f"algo-{n}", n, tmp_path / str(n), "/opt/ml") for n in range(len(exits))]
    outcome = judge(exits, hosts)
    return outcome.status, outcome.secondary, outcome.failure


@pytest.mark.parametrize(
    ("exits", "outcome"),
    [
        ([Exit(cause="exit", exit_code=0)], ("Completed", "Completed", "")),
        ([Exit(cause="stopped", exit_code=0)], ("Stopped", "Stopped", "")),
        ([Exit(cause="stopped", exit_code=143)], ("Stopped", "Stopped", "")),
        ([Exit(cause="timeout", exit_code=137)], ("Stopped", "MaxRuntimeExceeded", "")),
        (
            [Exit(cause="exit", exit_code=2, stderr="boom\n")],
            ("Failed", "Failed", "AlgorithmError: boom, exit code: 2"),
        ),
        (
            [Exit(cause="stopped", exit_code=143), Exit(cause="exit", exit_code=1, stderr="second host")],
            ("Failed", "Failed", "AlgorithmError: second host, exit code: 1"),
        ),
        (
            [Exit(cause="start", error="no such file")],
            ("Failed", "Failed", "InternalServerError: The container could not be started: no such file"),
        ),
    ],
)
def test_the_ends_of_the_containers_decide(tmp_path: Path, exits: list[Exit], outcome: tuple[str, str, str]) -> None:
    assert ends(tmp_path, *exits) == outcome


def test_a_long_text_is_cut_at_the_start_of_a_line() -> None:
    assert tail("first line\nsecond line\nlast line\n", 15) == "last line"
    assert tail("x" * 30, 10) == "x" * 10


def call(operation: str, **params: Any) -> Call:
    return Call(
        server=None,  # type: ignore[arg-type]
        service="sagemaker",
        operation=operation,
        params=params,
        region="us-east-1",
        access_key_id="",
    )


def test_every_constraint_that_is_not_met_is_named() -> None:
    with pytest.raises(ServiceError) as error:
        validate(
            call(
                "CreateTrainingJob",
                TrainingJobName="under_score",
                RoleArn="arn:aws:iam::123456789012:role/r",
                OutputDataConfig={"S3OutputPath": "file:///x"},
                ResourceConfig={"InstanceType": "ml.huge", "InstanceCount": -1, "VolumeSizeInGB": 1},
            )
        )
    message = error.value.message
    assert message.startswith("4 validation errors detected: ")
    for place in (
        "Value 'under_score' at 'trainingJobName'",
        "Value 'file:///x' at 'outputDataConfig.s3OutputPath'",
        "Value 'ml.huge' at 'resourceConfig.instanceType' failed to satisfy constraint: Member must satisfy enum",
        "Value '-1' at 'resourceConfig.instanceCount' failed to satisfy constraint: Member must have value greater",
    ):
        assert place in message


def entries() -> list[dict[str, Any]]:
    return [
        {"Name": name, "Status": status, "CreationTime": datetime(2026, 1, day, tzinfo=UTC)}
        for day, (name, status) in enumerate([("b", "Failed"), ("a", "Completed"), ("ab", "Failed")], start=1)
    ]


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({}, ["ab", "a", "b"]),
        ({"SortOrder": "Ascending"}, ["b", "a", "ab"]),
        ({"SortBy": "Name", "SortOrder": "Ascending"}, ["a", "ab", "b"]),
        ({"NameContains": "A"}, ["ab", "a"]),
        ({"StatusEquals": "Failed"}, ["ab", "b"]),
        ({"CreationTimeAfter": datetime(2026, 1, 2, tzinfo=UTC)}, ["ab"]),
        ({"CreationTimeBefore": datetime(2026, 1, 2, tzinfo=UTC).timestamp()}, ["b"]),
    ],
)
def test_lists_are_filtered_and_ordered(params: dict[str, Any], names: list[str]) -> None:
    found, token = page(entries(), params, name="Name", status="Status")
    assert ([each["Name"] for each in found], token) == (names, {})


def test_pages_follow_each_other() -> None:
    found, token = page(entries(), {"MaxResults": 2}, name="Name")
    assert [each["Name"] for each in found] == ["ab", "a"]
    found, token = page(entries(), {"MaxResults": 2, **token}, name="Name")
    assert ([each["Name"] for each in found], token) == (["b"], {})
    with pytest.raises(ServiceError, match="NextToken is not valid"):
        page(entries(), {"NextToken": "?"}, name="Name")


def test_the_first_pattern_that_matches_an_image_wins(tmp_path: Path) -> None:
    file = tmp_path / "environments.yaml"
    file.write_text(
        "environments:\n"
        '  - images: ["*/serving:*"]\n    python: other/bin/python\n    serve: ["{python}", "-m", "server"]\n'
        '  - images: ["*"]\n'
    )
    environments = Environments(file)
    python = str(tmp_path / "other/bin/python")
    assert environments.of("x/serving:1") == Environment(python=python, serve=(python, "-m", "server"))
    assert environments.of("x/y:1").warning == ""


def test_the_projects_own_file_knows_the_platforms_and_the_sdks_images() -> None:
    environments = Environments()
    platform = "123456789012.dkr.ecr.us-east-1.amazonaws.com/groundwork/local/serving:1.0"
    assert environments.of(platform).serve[1:] == ("-m", "ml.serving")
    sdk = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
    assert environments.of(sdk).warning == ""
    assert "knows the image somewhere/else:1" in environments.of("somewhere/else:1").warning


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("environments: {", "is not a list of environments"),
        ("images: []", "is not a list of environments"),
        ("environments:\n  - images: [a]\n    pyhton: x\n", "entry 1 has unknown keys: pyhton"),
    ],
)
def test_a_wrong_file_of_environments_is_named_with_its_entry(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "environments.yaml"
    file.write_text(text)
    with pytest.raises(EnvironmentsError, match=message):
        Environments(file).of("a")
