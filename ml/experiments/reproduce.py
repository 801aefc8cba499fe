"""A run again, from its record: same code, data, image and hyperparameters; and whether the metrics are the same."""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.data.version import data_version
from ml.environment import Environment, readable_errors
from ml.errors import MlError, SpecError
from ml.experiments.runs import TrackedRun
from ml.identity import owner, resource_tags
from ml.images.registry import find, purpose_of
from ml.packaging.helpers import FILE_NAME as HELPERS
from ml.plan.cost import Cost, job_cost
from ml.records import RunRecord
from ml.spec import JobSpec
from ml.targets.sagemaker.recording import with_versions
from ml.targets.sagemaker.training import CHECKPOINTS_VARIABLE, SubmittedJob, job_name, send
from platform_contract import PlatformContract

REPRODUCES_TAG = "groundwork:reproduces"
REGISTRATION = "GROUNDWORK_REGISTER_"
CODE_FILES = ("source.tar.gz", "driver.py", HELPERS)
"""What the digest of a job's code is made over, in this order (`ml/packaging/source.py`)."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """Whether one thing that makes a run is what it was. same: None where nobody can know."""

    about: str
    same: bool | None
    text: str


@dataclass(frozen=True, kw_only=True)
class MetricCheck:
    """One metric, then and now. difference: relative to `then`, absolute where that is 0."""

    name: str
    then: float
    now: float | None
    difference: float | None
    equal: bool


def check_ingredients(
    environment: Environment, contract: PlatformContract, record: RunRecord, tracked: TrackedRun | None
) -> list[Check]:
    """Whether code and data are still there as they were, and whether the image is known to be the same.

    tracked: knows the versions of data that were too large to be looked at before the job was sent.
    """
    found = tracked.tags if tracked else {}
    checks = [_code(environment, record)]
    for name, one in sorted(record.inputs.items()):
        seen = found.get(f"groundwork.data.{name}", "")
        version = one.version or (seen if re.fullmatch(r"[0-9a-f]{64}", seen) else None)
        checks.append(_input(environment, name, one.uri, version))
    checks.append(_image(environment, contract, record))
    return checks


def again(environment: Environment, contract: PlatformContract, record: RunRecord) -> tuple[RunRecord, Cost]:
    """The record of the new run, and its cost. Its model is not registered, and it has checkpoints of its own."""
    try:
        spec = JobSpec.model_validate(record.spec)
    except ValueError as error:
        raise SpecError(f"The spec in the record of {record.job} is not one of this version of ml: {error}") from error
    team = contract.teams[record.team]
    name = job_name(spec)
    request = dict(record.request)
    variables: Mapping[str, str] = request["Environment"]
    tags = resource_tags(contract, record.team)
    known = {tag["Key"] for tag in tags} | {REPRODUCES_TAG}
    tags.append({"Key": REPRODUCES_TAG, "Value": record.job})
    request |= {
        "TrainingJobName": name,
        "Environment": {key: value for key, value in variables.items() if not key.startswith(REGISTRATION)},
        "Tags": [*tags, *(tag for tag in request["Tags"] if tag["Key"] not in known)],
    }
    request["AlgorithmSpecification"] = {**request["AlgorithmSpecification"], "TrainingImage": _exact_image(record)}
    if "CheckpointConfig" in request:
        checkpoints = f"{team.artifact_uri}/checkpoints/{name}"
        request["CheckpointConfig"] = {**request["CheckpointConfig"], "S3Uri": checkpoints}
        request["Environment"][CHECKPOINTS_VARIABLE] = checkpoints
    # What is there now: the two are not the same where somebody insists on running with other data.
    unknown = {"version": None, "files": None, "size_bytes": None}
    inputs = {name: one.model_copy(update=unknown) for name, one in record.inputs.items()}
    made = record.model_copy(
        update={
            "job": name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "submitter": owner(),
            "request": request,
            "inputs": with_versions(environment, inputs),
            "model_data": f"{request['OutputDataConfig']['S3OutputPath']}/{name}/output/model.tar.gz",
            "reproduces": record.job,
        }
    )
    return made, job_cost(spec, contract)


def submit_again(environment: Environment, contract: PlatformContract, record: RunRecord, cost: Cost) -> SubmittedJob:
    """Submit what `again` made."""
    return send(environment, contract, record, cost)


def check_metrics(
    then: Mapping[str, float], now: Mapping[str, float], tolerance: float, ignored: Iterable[str] = ()
) -> list[MetricCheck]:
    """Each metric of the first run beside the second's. tolerance: the largest relative difference that is equal."""
    skipped = set(ignored)
    return [
        _metric(name, value, now.get(name), tolerance) for name, value in sorted(then.items()) if name not in skipped
    ]


def _metric(name: str, then: float, now: float | None, tolerance: float) -> MetricCheck:
    if now is None:
        return MetricCheck(name=name, then=then, now=None, difference=None, equal=False)
    if math.isnan(then) or math.isnan(now):
        both = math.isnan(then) and math.isnan(now)
        return MetricCheck(name=name, then=then, now=now, difference=None, equal=both)
    difference = 0.0 if now == then else (now - then) / abs(then) if then else now
    return MetricCheck(name=name, then=then, now=now, difference=difference, equal=abs(difference) <= tolerance)


def _code(environment: Environment, record: RunRecord) -> Check:
    bucket, _, prefix = record.code.uri.removeprefix("s3://").partition("/")
    whole = hashlib.sha256()
    try:
        with readable_errors(environment):
            for name in CODE_FILES:
                answer = environment.clients.client("s3").get_object(Bucket=bucket, Key=f"{prefix}{name}")
                whole.update(answer["Body"].read())
    except ClientError as error:
        return Check(about="code", same=False, text=f"{record.code.uri}: {error_details(error).message}")
    same = whole.hexdigest() == record.code.digest
    what = (
        f"commit {record.git.commit[:12]}{' and uncommitted changes' if record.git.dirty else ''}, "
        if record.git
        else ""
    )
    text = f"{what}digest {record.code.digest[:12]}…" if same else f"{record.code.uri} does not hold what the run had"
    return Check(about="code", same=same, text=text)


def _exact_image(record: RunRecord) -> str:
    """The image by its digest, where that is known."""
    uri, digest = record.image.uri, record.image.digest
    if not digest or "@" in uri:
        return uri
    repository, _, tag = uri.rpartition(":")
    return f"{repository if '/' not in tag else uri}@{digest}"


def _image(environment: Environment, contract: PlatformContract, record: RunRecord) -> Check:
    if record.image.digest is None:
        text = f"{record.image.uri}: the record has no digest, so what its tag names may have changed"
        return Check(about="image", same=None, text=text)
    exact = _exact_image(record)
    if purpose_of(contract, exact) is not None:
        with readable_errors(environment):
            if find(environment, contract, exact) is None:
                return Check(about="image", same=False, text=f"{exact} is not in the registry any more")
    return Check(about="image", same=True, text=f"by its digest, {record.image.digest[:19]}…")


def _input(environment: Environment, name: str, uri: str, version: str | None) -> Check:
    about = f"data, {name}"
    if version is None:
        return Check(about=about, same=None, text=f"{uri}: nobody knows its version then, so it may have changed")
    try:
        now = data_version(environment, uri).digest
    except MlError as error:
        return Check(about=about, same=False, text=str(error))
    if now == version:
        return Check(about=about, same=True, text=f"version {version[:12]}…")
    return Check(about=about, same=False, text=f"{uri} was version {version[:12]}… and is {now[:12]}… now")
