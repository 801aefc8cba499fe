"""Between the check of a job's data and the job: the request, the archive of checks, the driver's comparison."""

import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ml.data import gate
from ml.data import request as job_request
from ml.data.content import folder_content, version_of
from ml.data.findings import CheckResult, Finding
from ml.data.load import parse_expectations
from ml.data.version import data_version, local_version, relative_name
from ml.driver import groundwork_data
from ml.errors import NotFoundError
from ml.packaging.inputs import read_input
from ml.spec import JobSpec
from tests.unit.memory_s3 import environment
from tests.unit.ml_contract import KEY, contract

pytestmark = pytest.mark.unit

JOB = "research-trial-20261121-101500-00ff"


def spec(**fields: Any) -> JobSpec:
    given = {"name": "trial", "team": "research", "entry_point": "train.py", "image": "training:0.1.0", **fields}
    return JobSpec.model_validate({"inputs": {"train": "a", "te.st": "b"}, "validation": {}, **given})


def request(**fields: Any) -> dict[str, Any]:
    uris = {"train": "s3://data/teams/research/a", "te.st": "s3://data/teams/research/b"}
    return job_request.processing_request(
        spec(**fields), contract(), JOB, uris, "s3://artifacts/teams/research/checks/1/"
    )


def test_the_check_is_a_processing_job_of_the_team_named_after_the_training_job() -> None:
    made = request()
    assert made["ProcessingJobName"] == f"{JOB}-data"
    assert len(made["ProcessingJobName"]) <= 63
    assert made["RoleArn"].endswith("role/research-execution")
    assert made["ProcessingOutputConfig"]["KmsKeyId"] == KEY
    assert made["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"] == KEY
    assert made["NetworkConfig"]["VpcConfig"]["Subnets"] == ["subnet-1", "subnet-2"]
    assert made["AppSpecification"]["ImageUri"].endswith("/training:0.1.0")
    assert job_request.KEY_VARIABLE not in made["Environment"]
    inputs = {one["InputName"]: one["S3Input"]["LocalPath"] for one in made["ProcessingInputs"]}
    assert inputs["train"] == "/opt/ml/processing/input/train"
    assert request(validation={"image": "training:9"})["AppSpecification"]["ImageUri"].endswith("/training:9")


def test_the_request_is_one_that_the_api_takes() -> None:
    import botocore.session
    from botocore.validate import ParamValidator

    shape = botocore.session.get_session().get_service_model("sagemaker").operation_model("CreateProcessingJob")
    assert shape.input_shape is not None
    assert not ParamValidator().validate(request(), shape.input_shape).has_errors()
    assert all(len(word) <= 256 for word in request()["AppSpecification"]["ContainerArguments"])


def test_channel_names_reach_the_shell_as_arguments_alone() -> None:
    application = request()["AppSpecification"]
    assert application["ContainerArguments"][1:] == ["checks", "train", "te.st"]
    assert "te.st" not in application["ContainerArguments"][0]


def test_the_archive_of_checks_has_every_module_that_it_imports_and_the_same_bytes_each_time(tmp_path: Path) -> None:
    content = job_request.checks_archive()
    job_request.checks_archive.cache_clear()
    assert job_request.checks_archive() == content
    (tmp_path / "checks.zip").write_bytes(content)
    # The archive comes first, as in the job: what it lacks is not found elsewhere.
    modules = [name.removesuffix(".py").replace("/", ".") for name in job_request.MODULES if "__init__" not in name]
    imports = ", ".join(f"ml.{module}" for module in modules)
    code = f"import sys; sys.path.insert(0, 'checks.zip'); import {imports}; import ml; print(ml.__file__)"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "checks.zip" in result.stdout, result.stderr


def test_a_check_is_told_from_another_by_data_expectations_and_code() -> None:
    expectations = parse_expectations("columns: {a: {type: time}}", "e")
    key = job_request.check_key(expectations, "s3://checks/1/", {"train": "v1"})
    assert key == job_request.check_key(expectations, "s3://checks/1/", {"train": "v1"})
    assert key != job_request.check_key(expectations, "s3://checks/2/", {"train": "v1"})
    assert key != job_request.check_key(expectations, "s3://checks/1/", {"train": "v2"})
    # What nobody knows the version of, and what depends on when it is asked, is checked each time.
    assert job_request.check_key(expectations, "s3://checks/1/", {"train": None}) == ""
    fresh = parse_expectations("columns: {a: {type: time}}\nfreshness: {column: a, at_most: 1d}", "e")
    assert job_request.check_key(fresh, "s3://checks/1/", {"train": "v1"}) == ""


def test_a_refusal_says_what_is_wrong_by_how_much_and_where_the_report_is() -> None:
    findings = [
        Finding(dataset="train", check="range", column=f"c{number}", passed=False, expected="0 to 1", observed="2 of 9")
        for number in range(25)
    ]
    text = gate.refusal(CheckResult(findings=tuple(findings), datasets=()), f"{JOB}-data", "s3://a/b", "dev")
    assert "25 of 25 checks failed. No job was started." in text
    assert "train.c0: range: 2 of 9; expected: 0 to 1" in text
    assert "… and 5 more" in text
    assert f"ml data report {JOB}-data --env dev (s3://a/b/report.html)" in text


class Container:
    """A job's folder with one channel of data, and the result of a check."""

    def __init__(self, base: Path):
        self.base = base
        self.data = base / "input" / "data" / "train"
        self.data.mkdir(parents=True)
        (self.data / "a.csv").write_text("1")
        (self.data / "sub").mkdir()
        (self.data / "sub" / "b.csv").write_text("2")
        (base / "input" / "config").mkdir()
        self.config: dict[str, Any] = {"code": {}, "train": {}, groundwork_data.CHANNEL: {}}
        self.result: dict[str, Any] = {"passed": True, "channels": {"train": {"files": folder_content(self.data)}}}

    def problem(self, monkeypatch: pytest.MonkeyPatch, *, wanted: str | None = "") -> str | None:
        (self.base / "input" / "config" / "inputdataconfig.json").write_text(json.dumps(self.config))
        folder = self.base / "input" / "data" / groundwork_data.CHANNEL
        folder.mkdir(exist_ok=True)
        content = json.dumps(self.result).encode()
        (folder / "result.json").write_bytes(content)
        if wanted is not None:
            monkeypatch.setenv(groundwork_data.DIGEST, wanted or hashlib.sha256(content).hexdigest())
        return groundwork_data.problem(str(self.base))


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


def test_files_that_are_those_that_were_checked_pass(container: Container, monkeypatch: pytest.MonkeyPatch) -> None:
    assert container.problem(monkeypatch) is None


def test_a_job_that_asks_for_no_check_is_left_alone(container: Container) -> None:
    del container.config[groundwork_data.CHANNEL]
    (container.base / "input" / "config" / "inputdataconfig.json").write_text(json.dumps(container.config))
    assert groundwork_data.problem(str(container.base)) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: (data / "a.csv").write_text("9"), "a.csv has changed"),
        (lambda data: (data / "sub" / "b.csv").unlink(), "sub/b.csv is missing"),
        (lambda data: (data / ".hidden").write_text("9"), ".hidden was not checked"),
    ],
)
def test_a_file_that_was_changed_lost_or_added_stops_the_job(
    change: Any, words: str, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(container.data)
    assert words in (container.problem(monkeypatch) or "")


@pytest.mark.parametrize(
    ("result", "wanted", "words"),
    [
        ({"passed": False}, "", "are not as expected"),
        ({"passed": "true"}, "", "are not as expected"),
        ({}, "0" * 64, "another one than the job was submitted with"),
        ({"channels": {"other": {"files": {}}}}, "", "lacks the channel other"),
        ({"channels": None}, None, "are those"),
    ],
)
def test_a_result_that_says_something_else_stops_the_job(
    result: Mapping[str, Any], wanted: str | None, words: str, container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    container.result.update(result)
    if result.get("channels", ...) is None:
        del container.result["channels"]
        words = "cannot be read"
    assert words in (container.problem(monkeypatch, wanted=wanted) or "")


def test_a_machine_that_has_a_share_of_the_files_compares_that_share(
    container: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    container.config["train"] = {"S3DistributionType": "ShardedByS3Key"}
    (container.data / "a.csv").unlink()
    assert container.problem(monkeypatch) is None
    (container.data / "c.csv").write_text("3")
    assert "c.csv was not checked" in (container.problem(monkeypatch) or "")


def test_the_driver_and_the_check_have_the_same_words() -> None:
    assert (groundwork_data.CHANNEL, groundwork_data.DIGEST) == (gate.CHANNEL, gate.VARIABLE)


def test_the_same_content_has_the_same_version_wherever_it_lies(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    (folder / "a").mkdir(parents=True)
    (folder / "a.csv").write_text("1")
    (folder / "a" / "b.csv").write_text("2")
    files = folder_content(folder)
    s3 = HashingS3({"x/train/a.csv": b"1", "x/train/a/b.csv": b"2", "x/other": b"3"})
    there = data_version(environment({"s3": s3}), "s3://data/x/train/")
    assert there.digest == version_of(files) == read_input(folder).digest == local_version(folder).digest
    assert {one.name: one.sha256 for one in there.objects} == files
    assert there.size_bytes == 2
    # One whose checksum S3 has is not read.
    assert s3.read == ["x/train/a/b.csv"]
    with pytest.raises(NotFoundError, match="Nothing lies at"):
        data_version(environment({"s3": s3}), "s3://data/y/")


@pytest.mark.parametrize(
    ("key", "prefix", "name"),
    [
        ("a/b/c.csv", "a/b/", "c.csv"),
        ("a/b/c.csv", "a/b", "c.csv"),
        ("a/bc/d.csv", "a/b", "bc/d.csv"),
        ("a/b.csv", "a/b.csv", "b.csv"),
        ("a/b/", "a/b/", ""),
    ],
)
def test_names_are_those_that_a_channels_folder_has(key: str, prefix: str, name: str) -> None:
    assert relative_name(key, prefix) == name


class HashingS3:
    """Objects whose SHA-256 S3 has, but for those below a folder `a`."""

    def __init__(self, objects: dict[str, bytes]):
        self.objects = objects
        self.read: list[str] = []

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Any:  # noqa: N803
        assert Bucket == "data"
        yield {"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]}

    def head_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        import base64

        body = self.objects[Key]
        head: dict[str, Any] = {"ContentLength": len(body), "ETag": "e"}
        if "/a/" not in Key:
            head |= {"ChecksumSHA256": base64.b64encode(hashlib.sha256(body).digest()).decode()}
        return head

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.read.append(Key)
        return {"Body": io.BytesIO(self.objects[Key])}


def test_a_job_whose_data_were_not_checked_never_gets_to_its_script(tmp_path: Path) -> None:
    from ml.packaging.source import pack_source

    source = tmp_path / "source"
    source.mkdir()
    (source / "train.py").write_text("print('the script ran')")
    package = pack_source(source)
    code = tmp_path / "input" / "data" / "code"
    code.mkdir(parents=True)
    (code / "source.tar.gz").write_bytes(package.archive)
    (code / "driver.py").write_bytes(package.driver)
    (code / "groundwork.zip").write_bytes(package.helpers)
    (tmp_path / "output").mkdir()
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("SM_", "GROUNDWORK_"))}
    result = subprocess.run(
        [sys.executable, str(code / "driver.py")],
        env={
            **variables,
            "SAGEMAKER_BASE_DIR": str(tmp_path),
            "GROUNDWORK_ENTRY_POINT": "train.py",
            "GROUNDWORK_VALIDATION": "0" * 64,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 1
    assert "the script ran" not in result.stdout
    assert "Data validation: its result cannot be read" in (tmp_path / "output" / "failure").read_text()
