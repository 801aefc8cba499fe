"""Records, comparisons, reproductions, checkpoints and TensorBoard logs, without a server."""

import io
import os
import subprocess
import tarfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ml import checkpoints as module
from ml.checkpoints import Checkpoints
from ml.commands.experiments import as_text
from ml.data.version import DataVersion
from ml.errors import MlError, NotFoundError
from ml.experiments.board import Logs
from ml.experiments.compare import compare, packages_of, source_changes
from ml.experiments.reproduce import again, check_ingredients, check_metrics
from ml.experiments.runs import Run, TrackedRun
from ml.packaging.git import git_state, without_credentials
from ml.packaging.source import pack_source
from ml.records import RecordedCode, RecordedImage, RecordedInput, RunRecord, read_record, write_record
from ml.targets.sagemaker.jobs import JobState
from ml.targets.sagemaker.recording import MOST_READ_BYTES, MOST_READ_FILES, image_digest, with_versions
from tests.unit.memory_s3 import MemoryS3, environment, refusal
from tests.unit.ml_contract import REGISTRY, contract

pytestmark = pytest.mark.unit

FIRST, SECOND = "research-trial-20261121-101500-00ff", "research-trial-20261121-111500-00aa"


def record(job: str = FIRST, **changes: Any) -> RunRecord:
    request = {
        "TrainingJobName": job,
        "AlgorithmSpecification": {"TrainingImage": "registry/training:0.1.0"},
        "OutputDataConfig": {"S3OutputPath": "s3://artifacts/teams/research/jobs"},
        "InputDataConfig": [],
        "Environment": {"A": "1", "GROUNDWORK_REGISTER_MODEL": "trial", "GROUNDWORK_REGISTER_TAGS": "{}"},
        "CheckpointConfig": {"S3Uri": f"s3://artifacts/teams/research/checkpoints/{job}"},
        "Tags": [{"Key": "groundwork:owner", "Value": "ada"}, {"Key": "groundwork:max-cost-usd", "Value": "3"}],
    }
    spec = {"name": "trial", "team": "research", "entry_point": "train.py", "image": "training:0.1.0"}
    values: dict[str, Any] = {
        "job": job,
        "team": "research",
        "environment": "dev",
        "account_id": "123456789012",
        "region": "eu-west-1",
        "created": "2026-11-21T10:15:00+00:00",
        "submitter": "ada",
        "spec": spec,
        "code": RecordedCode(digest="d" * 64, uri="s3://artifacts/teams/research/code/d/", files=1),
        "image": RecordedImage(uri="registry/training:0.1.0"),
        "request": request,
        "model_data": f"s3://artifacts/teams/research/jobs/{job}/output/model.tar.gz",
        "tracking_uri": "https://mlflow.example",
        "experiment": "research/trial",
    }
    return RunRecord.model_validate({**values, **changes})


def run(job: str, made: RunRecord | None, metrics: dict[str, float], tags: dict[str, str] | None = None) -> Run:
    state = JobState(
        name=job,
        status="Completed",
        detail="",
        reason=None,
        created="2026-11-21T10:15:00+00:00",
        seconds=60,
        metrics={},
        image="registry/training:0.1.0",
        model_data=None,
    )
    tracked = TrackedRun(
        run_id=job, status="FINISHED", artifact_uri=f"s3://runs/{job}", params={}, metrics=metrics, tags=tags or {}
    )
    return Run(state=state, hyperparameters={"rate": "0.1"}, record=made, tracked=tracked)


def test_a_record_is_written_once_and_read_as_it_was() -> None:
    s3 = MemoryS3()
    where = environment({"s3": s3})
    first = record(inputs={"rows": RecordedInput(uri="s3://data/rows", version="v")})
    uri = write_record(where, contract(), first)
    assert uri == f"s3://artifacts/teams/research/jobs/{FIRST}/record.json"
    assert read_record(where, contract(), "research", FIRST) == first
    write_record(where, contract(), first)  # the same again, as after a lost answer, is no other record
    with pytest.raises(MlError, match="is not changed"):
        write_record(where, contract(), record(submitter="mallory"))
    assert read_record(where, contract(), "research", FIRST).submitter == "ada"
    with pytest.raises(NotFoundError, match="no run record"):
        read_record(where, contract(), "research", SECOND)


def test_a_record_of_a_newer_version_is_read_without_its_new_fields() -> None:
    document = record().model_dump(mode="json")
    assert RunRecord.model_validate({**document, "colour": "red"}) == record()
    assert record().digest == RunRecord.model_validate(document).digest


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def test_the_git_state_is_that_of_the_source_folder_alone(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    source = tmp_path / "job"
    source.mkdir()
    (source / "train.py").write_text("1\n")
    git(tmp_path, "init", "-q", "-b", "trunk")
    assert git_state(source) is None  # no commit yet
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "remote", "add", "origin", "https://user:secret-token@git.example/a/b.git")
    state = git_state(source)
    assert state is not None
    assert (len(state.commit), state.branch, state.dirty) == (40, "trunk", False)
    assert state.remote == "https://git.example/a/b.git"
    (tmp_path / "elsewhere.txt").write_text("x")
    assert (after := git_state(source)) is not None
    assert not after.dirty
    (source / "new.py").write_text("2\n")
    assert (after := git_state(source)) is not None
    assert after.dirty


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://oauth2:glpat-secret@gitlab.example/a.git", "https://gitlab.example/a.git"),
        ("ssh://git@host.example:22/a.git", "ssh://host.example:22/a.git"),
        ("git@host.example:a/b.git", "git@host.example:a/b.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
    ],
)
def test_a_remote_is_recorded_without_credentials(remote: str, shown: str) -> None:
    assert without_credentials(remote) == shown


def put_code(s3: MemoryS3, prefix: str, files: dict[str, str]) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    s3.put_object(Bucket="artifacts", Key=f"{prefix}source.tar.gz", Body=buffer.getvalue())


def test_a_comparison_holds_what_differs_and_every_metric() -> None:
    s3 = MemoryS3()
    put_code(s3, "code/a/", {"train.py": "one\n", "same.py": "x\n"})
    put_code(s3, "code/b/", {"train.py": "two\n", "same.py": "x\n", "new.py": "n\n"})
    for job, lock in ((FIRST, "# Python 3.11.1, Linux\npandas==2.3.2\n"), (SECOND, "# Python 3.11.1\npandas==2.3.3\n")):
        s3.put_object(Bucket="runs", Key=f"{job}/environment/requirements.txt", Body=lock.encode())
    where = environment({"s3": s3})
    code = {"digest": "a" * 64, "uri": "s3://artifacts/code/a/", "files": 2}
    other = {"digest": "b" * 64, "uri": "s3://artifacts/code/b/", "files": 3}
    rows = {"uri": "s3://data/rows"}
    priced = record(code=code, inputs={"rows": {**rows, "version": "v1"}}, price_per_hour_usd=0.6)
    first = run(FIRST, priced, {"loss": 0.5, "system/cpu": 1.0})
    later = record(SECOND, code=other, inputs={"rows": {**rows, "version": "v2"}})
    second = run(SECOND, later, {"loss": 0.25, "auc": 0.7})
    found = compare(where, [first, second])
    assert found.metrics == {"loss": [0.5, 0.25], "auc": [None, 0.7]}
    assert found.parameters == found.image == {}
    assert found.data == {"rows": ["v1", "v2"]}
    assert found.code == {"digest": ["a" * 64, "b" * 64]}
    assert list(found.files) == ["new.py", "train.py"]
    assert found.packages == {"pandas": ["2.3.2", "2.3.3"]}
    assert not found.alike
    changes = source_changes(where, first, second)
    assert "-one\n+two\n" in changes
    assert "same.py" not in changes
    text = as_text(found)
    assert "0.25 (-50.00%)" in text
    assert "0.0100 USD" in text
    assert "pandas" in text


def test_runs_that_nothing_tells_apart_are_alike_and_what_is_unknown_is_said() -> None:
    where = environment({"s3": MemoryS3()})
    rows = {"rows": RecordedInput(uri="s3://data/rows")}
    same = {"groundwork.environment": "e" * 64}
    found = compare(where, [run(job, record(job, inputs=rows), {"loss": 0.5}, same) for job in (FIRST, SECOND)])
    assert found.alike
    assert found.unknown == ["data: rows has no version in the record of every run; the addresses were compared"]


def test_a_lock_names_python_and_packages() -> None:
    assert packages_of("# Python 3.11.9, Linux x86_64\na==1\nb==2.0\n") == {"python": "3.11.9", "a": "1", "b": "2.0"}


@pytest.mark.parametrize(
    ("then", "now", "tolerance", "equal"),
    [
        (0.5, 0.5, 0.0, True),
        (0.5, 0.5049, 0.01, True),
        (0.5, 0.506, 0.01, False),
        (0.0, 0.0, 0.0, True),
        (0.0, 0.001, 0.01, True),
        (-2.0, -2.1, 0.01, False),
        (float("nan"), float("nan"), 0.0, True),
        (float("nan"), 1.0, 9.0, False),
        (0.5, None, 9.0, False),
    ],
)
def test_a_metric_is_equal_within_the_tolerance(then: float, now: float | None, tolerance: float, equal: bool) -> None:
    (one,) = check_metrics({"loss": then}, {} if now is None else {"loss": now}, tolerance)
    assert one.equal is equal
    assert check_metrics({"loss": then}, {}, tolerance, ["loss"]) == []


def test_a_reproduction_is_the_same_request_under_a_name_of_its_own_and_registers_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GROUNDWORK_OWNER", "bob")
    image = RecordedImage(uri="registry:5000/training:0.1.0", digest="sha256:" + "1" * 64)
    made, _ = again(environment({"s3": MemoryS3()}), contract(), record(image=image))
    assert made.reproduces == FIRST
    assert made.job.startswith("research-trial-")
    assert made.job != FIRST
    request = made.request
    assert request["TrainingJobName"] == made.job
    assert request["AlgorithmSpecification"]["TrainingImage"] == "registry:5000/training@sha256:" + "1" * 64
    checkpoints = f"s3://artifacts/teams/research/checkpoints/{made.job}"
    assert request["CheckpointConfig"] == {"S3Uri": checkpoints}
    assert request["Environment"] == {"A": "1", "GROUNDWORK_CHECKPOINTS_URI": checkpoints}
    tags = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
    assert tags["groundwork:owner"] == made.submitter == "bob"
    assert tags["groundwork:max-cost-usd"] == "3"
    assert tags["groundwork:reproduces"] == FIRST
    assert made.model_data.endswith(f"/jobs/{made.job}/output/model.tar.gz")


def test_code_that_is_not_what_the_run_had_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(1)\n")
    package = pack_source(tmp_path)
    s3 = MemoryS3()
    parts = {"source.tar.gz": package.archive, "driver.py": package.driver, "groundwork.zip": package.helpers}
    for name, content in parts.items():
        s3.put_object(Bucket="artifacts", Key=f"code/x/{name}", Body=content)
    where = environment({"s3": s3})
    made = record(code={"digest": package.digest, "uri": "s3://artifacts/code/x/", "files": 1})
    assert [(check.about, check.same) for check in check_ingredients(where, contract(), made, None)] == [
        ("code", True),
        ("image", None),
    ]
    s3.put_object(Bucket="artifacts", Key="code/x/source.tar.gz", Body=b"another")
    assert check_ingredients(where, contract(), made, None)[0].same is False


def test_a_checkpoint_is_whole_or_not_there(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest() is None

    def fails_halfway() -> None:
        with checkpoints.saving(1) as path:
            path.write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fails_halfway()
    assert list(tmp_path.iterdir()) == []
    checkpoints.save(1, b"one")
    checkpoints.save(2, b"two two")
    (tmp_path / "step-000000000003.99.checkpoint").write_bytes(b"a copy that was cut off")
    (tmp_path / "step-000000000004.unfinished").write_bytes(b"never finished")
    found = Checkpoints(tmp_path).latest()
    assert found is not None
    assert (found.step, found.path.read_bytes()) == (2, b"two two")
    checkpoints.save(5, b"five")
    assert not (tmp_path / "step-000000000004.unfinished").exists()


def test_an_older_checkpoint_goes_only_when_newer_ones_are_in_s3(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    paths = [checkpoints.save(step, b"x") for step in (1, 2, 3)]
    assert all(path.exists() for path in paths)
    before = time.time() - module.COPIED_AFTER_S - 1
    for path in paths[:2]:
        os.utime(path, (before, before))
    checkpoints.save(4, b"x")
    assert [path.exists() for path in paths] == [False, True, True]


def test_a_checkpoint_is_due_after_its_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: moment[0])
    checkpoints = Checkpoints(tmp_path, every_s=60)
    assert not checkpoints.due()
    moment[0] = 160.0
    assert checkpoints.due()
    checkpoints.save(1, b"x")
    assert not checkpoints.due()


class Paged(MemoryS3):
    """With the listing in one page."""

    def get_paginator(self, _: str) -> Any:
        store = self

        class Pages:
            def paginate(self, **call: Any) -> Any:
                for entry in (answer := store.list_objects_v2(**call)).get("Contents", []):
                    entry["ETag"] = entry.get("ETag") or str(entry["LastModified"])
                yield answer

        return Pages()


def test_logs_are_copied_as_they_grow_and_never_out_of_their_folder(tmp_path: Path) -> None:
    s3 = Paged()
    tracked = run(FIRST, None, {}).tracked
    assert tracked is not None
    s3.put_object(Bucket="runs", Key=f"{FIRST}/tensorboard/train/events.1", Body=b"abc")
    s3.put_object(Bucket="runs", Key=f"{FIRST}/tensorboard/../../../escaped", Body=b"x")
    logs = Logs(environment({"s3": s3}), tracked, tmp_path / "board" / FIRST)
    assert logs.fetch() == 1
    copied = tmp_path / "board" / FIRST / "train" / "events.1"
    inode = copied.stat().st_ino
    s3.put_object(Bucket="runs", Key=f"{FIRST}/tensorboard/train/events.1", Body=b"abcdef")
    logs.fetch()
    assert (copied.read_bytes(), copied.stat().st_ino) == (b"abcdef", inode)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["events.1"]


class Registry:
    """ECR with one image."""

    def describe_images(self, *, repositoryName: str, imageIds: list[dict[str, str]]) -> Any:  # noqa: N803
        known = [[{"imageTag": "0.1.0"}], [{"imageDigest": "sha256:" + "1" * 64}]]
        if repositoryName != "groundwork/dev/training" or imageIds not in known:
            raise refusal("ImageNotFoundException", 400, "DescribeImages")
        return {
            "imageDetails": [
                {"imageDigest": "sha256:" + "1" * 64, "imagePushedAt": datetime.now(UTC), "imageSizeInBytes": 1}
            ]
        }


@pytest.mark.parametrize(
    ("uri", "digest"),
    [
        (f"{REGISTRY}/training:0.1.0", "sha256:" + "1" * 64),
        (f"{REGISTRY}/training:0.2.0", None),
        ("763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.8-gpu-py312", None),
        ("elsewhere/image@sha256:" + "2" * 64, "sha256:" + "2" * 64),
    ],
)
def test_an_images_digest_is_what_the_uri_names_or_the_platforms_registry_knows(uri: str, digest: str | None) -> None:
    assert image_digest(environment({"ecr": Registry()}), contract(), uri) == digest


@pytest.mark.parametrize(("digest", "same"), [("1", True), ("3", False)])
def test_a_run_whose_image_is_gone_cannot_be_run_as_it_was(digest: str, same: bool) -> None:
    image = {"uri": f"{REGISTRY}/training:0.1.0", "digest": "sha256:" + digest * 64}
    where = environment({"ecr": Registry(), "s3": MemoryS3()})
    checks = {check.about: check for check in check_ingredients(where, contract(), record(image=image), None)}
    assert checks["image"].same is same
    assert checks["code"].same is False  # nor is its code there


@pytest.mark.parametrize(
    ("files", "size", "known"), [(1, 10, True), (2, MOST_READ_BYTES, False), (MOST_READ_FILES + 1, 1, False)]
)
def test_the_version_of_data_is_found_out_before_the_job_where_they_are_few_and_small(
    files: int, size: int, known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Listing:
        def get_paginator(self, _: str) -> Any:
            return self

        def paginate(self, **_: Any) -> Any:
            yield {"Contents": [{"Key": f"rows/{number}", "Size": size} for number in range(files)]}

    found = DataVersion(uri="s3://data/rows", digest="d" * 64, objects=())
    monkeypatch.setattr("ml.data.version.data_version", lambda *_: found)
    inputs = {"rows": RecordedInput(uri="s3://data/rows"), "local": RecordedInput(uri="s3://a/b", version="known")}
    made = with_versions(environment({"s3": Listing()}), inputs)
    assert made["rows"].version == ("d" * 64 if known else None)
    assert made["local"] == inputs["local"]


def test_data_that_the_submitter_may_not_see_have_no_version_and_stop_nothing() -> None:
    class Closed:
        def get_paginator(self, _: str) -> Any:
            raise refusal("AccessDenied", 403, "ListObjectsV2")

    inputs = {"rows": RecordedInput(uri="s3://data/rows")}
    assert with_versions(environment({"s3": Closed()}), inputs) == inputs
