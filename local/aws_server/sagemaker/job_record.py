"""What the records of training, processing and transform jobs have in common."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from local.aws_server.sagemaker.plane import now

FINAL = frozenset({"Completed", "Failed", "Stopped"})
LONGEST_REASON = 1024
"""Characters of FailureReason and of ExitMessage."""


@dataclass(kw_only=True)
class JobRecord:
    """One job. WORD: what its kind is called in the names of members, `Training` of TrainingJobName."""

    WORD: ClassVar[str]

    request: dict[str, Any]
    region: str
    arn: str
    folder: str
    created: datetime
    modified: datetime
    status: str = "InProgress"
    failure: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    stop_requested: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return self.request[f"{self.WORD}JobName"]

    @property
    def key(self) -> str:
        """Key among the records."""
        return f"{self.region}/{self.name}"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in FINAL

    def move(self, status: str) -> None:
        """Moves to a status."""
        self.status = status
        self.modified = now()

    def asked(self) -> dict[str, Any]:
        """The request's own members, as a description has them."""
        return {name: value for name, value in self.request.items() if name != "Tags"}

    def told(self) -> dict[str, Any]:
        """The members that descriptions and lists share."""
        return {
            f"{self.WORD}JobArn": self.arn,
            f"{self.WORD}JobStatus": self.status,
            "CreationTime": self.created,
            "LastModifiedTime": self.modified,
        }

    def listed(self) -> dict[str, Any]:
        """The members of a list's entry that all kinds have."""
        return {f"{self.WORD}JobName": self.name, **self.told()}
