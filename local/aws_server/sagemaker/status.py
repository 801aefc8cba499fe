"""What records with a status and a FailureReason have in common: endpoints, components, monitoring executions."""

from datetime import datetime

from local.aws_server.sagemaker.job_record import LONGEST_REASON
from local.aws_server.sagemaker.plane import now


class WithStatus:
    """A record that moves from status to status. failure: FailureReason, empty where there is none."""

    status: str
    failure: str
    modified: datetime

    def enter(self, status: str, failure: str = "") -> None:
        """Moves to a status; an earlier FailureReason goes."""
        self.status, self.failure, self.modified = status, failure[:LONGEST_REASON], now()
