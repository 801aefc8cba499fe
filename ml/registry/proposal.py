"""A version that is to be promoted, and the package that says so to SageMaker."""

from dataclasses import dataclass
from typing import Any

from ml.environment import Environment
from ml.identity import owner
from ml.images import platform_image
from ml.images.registry import released
from ml.names import protocol_names
from ml.records import RunRecord
from ml.registry import packages
from ml.registry.aliases import CHAMPION, Aliases, AliasHistory
from ml.registry.evidence import Evidence
from ml.registry.people import person
from ml.spec import JobSpec
from ml.spec.model import as_text
from ml.tracking import ModelVersion
from platform_contract import PlatformContract


@dataclass(frozen=True, kw_only=True)
class Promoting:
    """A version that is to be promoted, and everything that is known of it.

    environment: as the caller promotes: where approval is required, as a session of the team's submit role.
    since: the aliases as they were when it was looked at.
    """

    environment: Environment
    contract: PlatformContract
    team: str
    version: ModelVersion
    record: RunRecord
    spec: JobSpec
    since: Aliases

    @property
    def name(self) -> str:
        """MODEL/VERSION."""
        return f"{self.version.name}/{self.version.version}"

    @property
    def history(self) -> AliasHistory:
        """The aliases of the model."""
        return AliasHistory(self.environment, self.contract, self.team, self.version.name)


def container(promoting: Promoting) -> dict[str, Any]:
    """What serves the model: the spec's image and variables, or the platform's image."""
    wanted, contract = promoting.spec.deploy, promoting.contract
    named = platform_image(wanted.image, contract) if wanted and wanted.image else contract.registry.serving_image
    image = released(promoting.environment, contract, promoting.team, named)
    variables = {name: as_text(value) for name, value in wanted.environment.items()} if wanted else {}
    return {
        "Image": image,
        "ModelDataUrl": promoting.version.model_data,
        "Environment": {
            "AWS_DEFAULT_REGION": contract.platform.region,
            **protocol_names(promoting.version.name, promoting.record.job),
            **variables,
        },
    }


def metadata(promoting: Promoting, alias: str, evidence: Evidence) -> dict[str, str]:
    """What the package says of itself, and what IAM compares."""
    git = promoting.record.git
    return {
        packages.VERSION: promoting.version.version,
        packages.JOB: promoting.record.job,
        packages.ALIAS: alias,
        packages.AUTHOR: author(promoting),
        packages.GATES_JOB: evidence.job,
        packages.REPORT: evidence.digest,
        packages.MODEL: str(evidence.report.get("model_digest") or ""),
        packages.CHAMPION: promoting.since.get(CHAMPION) or "none",
        "groundwork-commit": git.commit if git else "",
        "groundwork-code": promoting.record.code.digest,
        "groundwork-record": promoting.record.digest,
        "groundwork-source": promoting.version.source or "",
    }


def author(promoting: Promoting) -> str:
    """Who promotes: the source identity of the session where IAM compares it, else whom the machine says."""
    if promoting.contract.registry.approval_required:
        return person(promoting.environment.clients.caller_arn)
    return owner()


def lineage(promoting: Promoting) -> dict[str, str]:
    """CreateModelPackage's MetadataProperties, as far as they are known."""
    git, record = promoting.record.git, promoting.record
    sagemaker = f"arn:{promoting.contract.platform.partition}:sagemaker:{record.region}:{record.account_id}"
    known = {
        "CommitId": git.commit if git else "",
        "Repository": (git.remote or "") if git else "",
        "GeneratedBy": f"{sagemaker}:training-job/{promoting.record.job}",
    }
    return {key: value for key, value in known.items() if value}
