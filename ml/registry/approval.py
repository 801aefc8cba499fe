"""Approving and rejecting what somebody else has promoted.

What holds the rule is IAM: the approver role may change a package's approval, except of a package whose author is the
session's source identity, and no other role may. Here is what an approver does with it: look the evidence up again,
keep the model's bytes where only approvers write, approve, make the SageMaker model, move the aliases.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ml.audit import Line, recording
from ml.aws import error_details
from ml.environment import Environment, readable_errors
from ml.errors import EnvironmentNotReadyError, MlError
from ml.objects import copy_object
from ml.registry import packages
from ml.registry.aliases import CHALLENGER, CHAMPION, Aliases, AliasHistory
from ml.registry.evidence import Evidence, check
from ml.registry.packages import APPROVED, REJECTED, Package
from ml.registry.people import acting_as
from ml.spec.model import EndpointInstance
from ml.targets.sagemaker.deployment import Deployment, Target
from ml.tracking import ModelVersion, mirror, model_version
from platform_contract import PlatformContract

APPROVED_FOLDER = "approved"
"""Under the team's artifact prefix; components/approval_policy.py has the same word for who may write there."""


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """A package that waits for a decision, as a session of the approver role sees it."""

    environment: Environment
    contract: PlatformContract
    team: str
    version: ModelVersion
    package: Package
    aliases: Aliases

    @property
    def name(self) -> str:
        """MODEL/VERSION."""
        return f"{self.version.name}/{self.version.version}"

    @property
    def history(self) -> AliasHistory:
        """The aliases of the model."""
        return AliasHistory(self.environment, self.contract, self.team, self.version.name)


def look_up(environment: Environment, reference: str) -> Deciding:
    """A version's package, as an approver of its team. Raises MlError."""
    version = model_version(environment, environment.platform.tracking.uri, reference)
    if not version.team:
        raise MlError(f"Model {version.name} version {version.version} does not say whose it is.")
    contract = environment.for_team(version.team)
    role = contract.teams[version.team].approve_role_arn
    if role is None and contract.registry.approval_required:
        raise EnvironmentNotReadyError(
            f"The team {version.team} has no approvers in {environment.name}: whoever runs the platform names them in "
            "teams[].approvers."
        )
    acting = acting_as(environment, role, "which approves models") if role else environment
    with readable_errors(acting):
        package = packages.the_package(acting, version.team, version.name, version.version)
    aliases = AliasHistory(acting, contract, version.team, version.name).current()
    return Deciding(
        environment=acting, contract=contract, team=version.team, version=version, package=package, aliases=aliases
    )


def approve(deciding: Deciding, reason: str) -> Evidence | None:
    """Approve the package and make it what it was promoted to. None where that has been done already.

    Raises MlError.
    """
    package, contract = deciding.package, deciding.contract
    if package.status == APPROVED and CHAMPION in deciding.aliases.of(deciding.version.version):
        return None
    if package.status == REJECTED:
        raise MlError(f"{deciding.name} was rejected ({package.reason or 'without a reason'}): promote it again.")
    compared = package.metadata.get(packages.CHAMPION, "none")
    champion = deciding.aliases.get(CHAMPION) or "none"
    if compared != champion:
        raise MlError(
            f"The gates compared {deciding.name} with the champion of then ({compared}), and it is {champion} now: "
            "promote it again."
        )
    evidence = None if package.status == APPROVED else check(deciding.environment, contract, package)
    told = {
        "package": package.arn,
        "author": package.author,
        "reason": reason,
        "gates": package.metadata.get(packages.GATES_JOB),
        "report": package.metadata.get(packages.REPORT),
    }
    with (
        readable_errors(deciding.environment),
        recording(deciding.environment, contract, deciding.team, "approve", deciding.name, told) as act,
    ):
        if evidence is not None:
            kept = keep_model(deciding, str(evidence.report["model_digest"]))
            act.details["model_data"] = kept
            packages.decide(deciding.environment, package, APPROVED, reason, model_data=kept)
        _make_model(deciding, act.intent)
        wanted = package.metadata.get(packages.ALIAS) or CHAMPION
        moved = deciding.history.move(
            deciding.aliases, {CHALLENGER: None, wanted: deciding.version.version}, {"approved": package.arn}
        )
    _mirror(deciding, moved)
    return evidence


def reject(deciding: Deciding, reason: str) -> None:
    """Reject the package: nothing serves it, and it is challenger no longer. Raises MlError."""
    told = {"package": deciding.package.arn, "author": deciding.package.author, "reason": reason}
    if CHAMPION in deciding.aliases.of(deciding.version.version):
        raise MlError(f"{deciding.name} is the champion: promote another version first.")
    with (
        readable_errors(deciding.environment),
        recording(deciding.environment, deciding.contract, deciding.team, "reject", deciding.name, told),
    ):
        packages.decide(deciding.environment, deciding.package, REJECTED, reason)
        moved = deciding.aliases
        if CHALLENGER in deciding.aliases.of(deciding.version.version):
            moved = deciding.history.move(deciding.aliases, {CHALLENGER: None}, {"rejected": deciding.package.arn})
    _mirror(deciding, moved)


def keep_model(deciding: Deciding, digest: str) -> str:
    """A copy of the model where only approvers write, checked to be what the gates measured; its URI.

    Whoever trained the model could replace model.tar.gz in the job's own folder, before or after the approval.
    """
    s3 = deciding.environment.clients.client("s3")
    prefix = deciding.contract.teams[deciding.team].artifact_uri
    kept = f"{prefix}/{APPROVED_FOLDER}/{deciding.version.name}/{digest}/model.tar.gz"
    target, _, kept_key = kept.removeprefix("s3://").partition("/")
    copy_object(s3, deciding.package.model_data, kept)
    found = _digest(s3.get_object(Bucket=target, Key=kept_key)["Body"])
    if found != digest:
        raise MlError(
            f"{deciding.package.model_data} is not what the gates measured: its SHA-256 is {found[:12]}…, the report's "
            f"{digest[:12]}…. Somebody has replaced it: promote {deciding.name} again."
        )
    return kept


def _digest(body: Any) -> str:
    whole = hashlib.sha256()
    for block in body.iter_chunks(1024 * 1024):
        whole.update(block)
    return whole.hexdigest()


def _make_model(deciding: Deciding, intent: Line) -> None:
    """The SageMaker model of the package: where approval is asked for, members deploy models and make none."""
    if deciding.contract.registry.approval_required:
        Deployment(deciding.environment, deciding.contract, target_of(deciding.package, deciding.team, "")).make_model(
            intent
        )


def target_of(package: Package, team: str, endpoint: str, instance: EndpointInstance | None = None) -> Target:
    """A deployment of an approved package."""
    return Target(
        team=team,
        job=package.metadata[packages.JOB],
        model_data=package.model_data,
        endpoint=endpoint,
        instance=instance or EndpointInstance.model_validate({}),
        image=None,
        environment={},
        package=package.arn,
    )


def approved_package(environment: Environment, contract: PlatformContract, team: str, version: ModelVersion) -> Package:
    """The package of a version that may be served. Raises MlError with the command to run where it may not."""
    name, where = f"{version.name}/{version.version}", contract.platform.environment
    with readable_errors(environment):
        found = packages.of_version(environment, team, version.name, version.version)
    if found is None:
        raise MlError(
            f"{where} serves approved models alone, and nobody has promoted {name}: ml promote {name} --env {where}"
        )
    if found.status != APPROVED:
        waits = found.status == packages.PENDING
        raise MlError(
            f"{where} serves approved models alone, and {name} "
            + (
                f"waits for approval by somebody other than {found.author}: ml approve {name} --env {where}"
                if waits
                else f"is {found.status}: {found.reason}"
            )
        )
    try:
        environment.clients.client("sagemaker").describe_model(
            ModelName=Deployment(environment, contract, target_of(found, team, "")).model
        )
    except ClientError as error:
        raise MlError(
            f"The SageMaker model of {name} is not there ({error_details(error).message}): "
            f"ml approve {name} --env {where} makes it again."
        ) from error
    return found


def _mirror(deciding: Deciding, aliases: Aliases) -> None:
    uri, version = deciding.contract.tracking.uri, deciding.version
    wanted: dict[str, str | None] = dict(aliases.versions)
    wanted |= {alias: None for alias in version.aliases if alias not in wanted}
    mirror(deciding.environment, uri, version.name, wanted, {}, version.version)
