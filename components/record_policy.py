"""IAM statements that keep the records of what a team did: its ledger, its audit log, and its models' aliases."""

from collections.abc import Sequence

from components.iam import Statement, deny
from components.team_prefix import team_prefix

RECORD_FOLDERS = ("aliases", "audit", "ledger")
"""Folders of a team's prefix in the artifact bucket whose objects are written once: nobody overwrites or deletes one.
`ml` writes them (ml.registry.aliases.FOLDER, ml.audit.log.FOLDER, ml.ledger.entries.FOLDER)."""
APPROVED_FOLDER = "approved"
"""Beside them: the models that were approved, as they were then. Only approvers write there
(ml.registry.approval.APPROVED_FOLDER)."""
RESULTS_FOLDER = "validations"
"""What checks of data have found. Jobs write there, and no member (ml.data.request.FOLDER)."""
EVERY_TEAM = "*"
"""As a team's name: a `*` matches slashes too, so a folder of that name deeper in a team's prefix is kept like them."""


def record_objects(bucket_arn: str, team: str) -> list[str]:
    """ARNs of a team's records."""
    return [f"{bucket_arn}/{team_prefix(team)}/{folder}/*" for folder in RECORD_FOLDERS]


def records_kept(objects: Sequence[str]) -> list[Statement]:
    """Nobody deletes these objects, and a write that could replace one is refused, in parts and copies too.

    Without the header If-None-Match the condition key is not there; parts of an upload and copies have no such header.
    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    return [
        deny("RecordsStay", ["s3:DeleteObject", "s3:DeleteObjectVersion"], objects),
        deny("RecordsAreWrittenOnce", ["s3:PutObject"], objects, {"Null": {"s3:if-none-match": "true"}}),
    ]


def approved_models_kept(artifact_bucket_arn: str, team: str) -> Statement:
    """Whoever trains models does not write where the approved ones lie."""
    objects = f"{artifact_bucket_arn}/{team_prefix(team)}/{APPROVED_FOLDER}/*"
    return deny("ApprovedModelsStay", ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"], [objects])


def results_kept(artifact_bucket_arn: str, team: str) -> Statement:
    """Who submits a job does not write what the check of its data has found: the check's own job does."""
    objects = f"{artifact_bucket_arn}/{team_prefix(team)}/{RESULTS_FOLDER}/*"
    return deny("ResultsAreTheJobs", ["s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject"], [objects])
