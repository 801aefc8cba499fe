"""Run records: for each training job one JSON document that says what it is made of, written before the job exists.

It lies at `<team's artifact prefix>/jobs/<job>/record.json`, beside what the job leaves. The job itself gets it as the
channel `record`, so that its MLflow run carries the same facts; `ml reproduce`, `ml compare`, model cards and the audit
read it from S3. It is written once: a second write of the same job's record is refused by S3.
"""

import hashlib
import json
from typing import Any

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict, Field

from ml.aws import no_such_object
from ml.environment import Environment, readable_errors
from ml.errors import MlError, NotFoundError
from ml.write_once import WriteOnce
from platform_contract import PlatformContract

SCHEMA_VERSION = 1
"""Raised only when a reader of the previous version could no longer understand the document."""

CHANNEL = "record"
"""The channel by which the job itself gets its record."""

FILE_NAME = "record.json"


class RecordPart(BaseModel):
    """Part of a record. Fields that it does not know are ignored: an older reader survives a newer writer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RecordedCode(RecordPart):
    """The job's source code and driver.

    digest: SHA-256, in hex, of archive and driver. uri: the folder in S3 that holds both. files: how many it packs.
    """

    digest: str
    uri: str
    files: int


class RecordedGit(RecordPart):
    """The git state of the folder that the code was packed from.

    dirty: whether that folder had changes that the commit does not have. remote: without credentials.
    """

    commit: str
    branch: str | None = None
    dirty: bool = False
    remote: str | None = None


class RecordedImage(RecordPart):
    """The container image. digest: `sha256:…` where it is known, by the URI itself or by the registry."""

    uri: str
    digest: str | None = None


class RecordedInput(RecordPart):
    """One channel but those that bring code and record.

    source: as the spec has it. uri: what SageMaker read. version: digest of the content (`ml/data`), None where nobody
    found it out. files, size_bytes: how much it is, where known.
    """

    uri: str
    source: str | None = None
    version: str | None = None
    files: int | None = None
    size_bytes: int | None = None


class RunRecord(RecordPart):
    """What one training job is made of.

    created: UTC, ISO 8601. submitter: `$GROUNDWORK_OWNER` or the user's name, as in the tag `groundwork:owner`.
    spec: the job's spec as it was submitted, `--set` included, with the names of the YAML file.
    request: CreateTrainingJob's members as they were sent. model_data: where the job's model.tar.gz is put.
    experiment: the MLflow experiment of its run. price_per_hour_usd: of all its machines, None where it is not known.
    reproduces: the job that this one runs again.
    """

    schema_version: int = SCHEMA_VERSION
    job: str
    team: str
    environment: str
    account_id: str
    region: str
    created: str
    submitter: str
    spec: dict[str, Any]
    code: RecordedCode
    git: RecordedGit | None = None
    image: RecordedImage
    inputs: dict[str, RecordedInput] = Field(default_factory=dict[str, RecordedInput])
    request: dict[str, Any]
    model_data: str
    tracking_uri: str
    experiment: str
    price_per_hour_usd: float | None = None
    reproduces: str | None = None

    def content(self) -> bytes:
        """The document as it is stored: JSON with sorted keys, the same bytes for the same record."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, indent=1).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the stored document, in hex."""
        return hashlib.sha256(self.content()).hexdigest()


def record_uri(contract: PlatformContract, team: str, job: str) -> str:
    """Where a job's record lies."""
    return f"{contract.teams[team].artifact_uri}/jobs/{job}/{FILE_NAME}"


def write_record(environment: Environment, contract: PlatformContract, record: RunRecord) -> str:
    """Store a record; returns its URI. Raises MlError where the job has another one, which then stays as it is."""
    uri = record_uri(contract, record.team, record.job)
    with readable_errors(environment):
        store = WriteOnce(environment.clients.client("s3"), uri.removesuffix(f"/{FILE_NAME}"))
        if not store.put(FILE_NAME, record.content()):
            raise MlError(f"The job {record.job} has another record already ({uri}); it is not changed.")
    return uri


def read_record(environment: Environment, contract: PlatformContract, team: str, job: str) -> RunRecord:
    """The record of a job. Raises NotFoundError where it has none, as a job that something else submitted."""
    return read_record_at(environment, record_uri(contract, team, job))


def read_record_at(environment: Environment, uri: str) -> RunRecord:
    """The record at an S3 URI. Raises NotFoundError, and MlError for a document that is not a record."""
    bucket, key = _location(uri)
    with readable_errors(environment):
        try:
            body: bytes = environment.clients.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if no_such_object(error):
                raise NotFoundError(f"There is no run record at {uri}: `ml train` writes one for each job.") from error
            raise
    try:
        return RunRecord.model_validate_json(body)
    except ValueError as error:
        raise MlError(f"{uri} is not a run record of this version of ml: {error}") from error


def _location(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
