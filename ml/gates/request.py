"""What the gates are asked about: one JSON document, whose digest the job's arguments carry."""

import hashlib
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ml.spec.gates import Gates

REQUEST_FILE = "request.json"
REPORT_FILE = "report.json"
MESSAGE_PREFIX = "groundwork-gates"


class GateModel(BaseModel):
    """Part of a request. Fields that it does not know are ignored: an older image survives a newer client."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Subject(GateModel):
    """A version of a model. job: the training job that it is from. model_data: S3 URI of its model.tar.gz."""

    model: str
    version: str
    job: str
    model_data: str


class GateRequest(GateModel):
    """One run of the gates.

    champion: what the version is compared with; None for the first.
    data_uri: S3 prefix of the held-out data. data_version: its digest at training time, where it is known.
    validation_uri: where the result of the run's data validation lies; None where the run had none.
    """

    environment: str
    team: str
    candidate: Subject
    champion: Subject | None = None
    data_uri: str
    data_version: str | None = None
    validation_uri: str | None = None
    gates: Gates
    details: dict[str, Any] = Field(default_factory=dict[str, Any])

    def content(self) -> bytes:
        """The document as it is stored."""
        return self.model_dump_json(indent=1).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the stored document, in hex."""
        return hashlib.sha256(self.content()).hexdigest()


def message(*, passed: bool, report: bytes, request_digest: str) -> str:
    """What the job says about itself when it ends: ExitMessage of DescribeProcessingJob.

    Only SageMaker writes that, from what the container left: whoever can write to the bucket cannot change it.
    """
    digest = hashlib.sha256(report).hexdigest()
    return f"{MESSAGE_PREFIX} passed={str(passed).lower()} report={digest} request={request_digest}"


def read_message(text: str) -> dict[str, str]:
    """The fields of a message; empty for any other text."""
    words = text.split()
    if not words or words[0] != MESSAGE_PREFIX:
        return {}
    return dict(word.split("=", 1) for word in words[1:] if "=" in word)
