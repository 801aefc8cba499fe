"""From a registered version to the champion: gates, package, aliases.

What is told to whom, in which order: the gates run first and change nothing; then the package is asked for; then the
aliases move, which one of two people who promote at once alone can do; then MLflow mirrors them. A process that dies in
between leaves a state that the same command, given again, finishes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ml.audit import recording
from ml.environment import Environment, readable_errors
from ml.errors import MlError, SpecError
from ml.gates.request import GateRequest, Subject
from ml.records import RunRecord, read_record
from ml.registry import packages, proposal
from ml.registry.aliases import CANDIDATE, CHALLENGER, CHAMPION, Aliases
from ml.registry.copying import VALIDATION_CHANNEL, here
from ml.registry.evidence import Evidence, run_gates
from ml.registry.packages import APPROVED, PENDING, Package
from ml.registry.people import acting_as
from ml.registry.proposal import Promoting
from ml.spec import JobSpec, load_spec
from ml.spec.model import EndpointInstance
from ml.tracking import ModelVersion, mirror, model_version
from platform_contract import PlatformContract

PACKAGE_TAG, GATES_TAG = "groundwork.package", "groundwork.gates"
"""Tags of a version in MLflow: ARN of its package, and where the report of its gates lies."""


@dataclass(frozen=True, kw_only=True)
class Promoted:
    """What a promotion led to. evidence: None where nothing had to be judged. status: the package's approval."""

    name: str
    aliases: tuple[str, ...]
    evidence: Evidence | None
    package: str | None
    status: str | None
    changed: bool


def look_up(environment: Environment, reference: str, spec_file: Path | None) -> Promoting:
    """A version by MODEL/VERSION with the record of its run. Raises MlError saying what of that is missing."""
    version = model_version(environment, environment.platform.tracking.uri, reference)
    if not version.job or not version.model_data or not version.team:
        raise MlError(f"Model {version.name} version {version.version} does not say which job it is from.")
    contract = environment.for_team(version.team)
    acting = environment
    if contract.registry.approval_required:
        acting = acting_as(environment, contract.teams[version.team].submit_role_arn, "which proposes models")
    record = read_record(acting, contract, version.team, version.job)
    spec = load_spec(spec_file) if spec_file else JobSpec.model_validate(record.spec)
    unmoved = Promoting(
        environment=acting,
        contract=contract,
        team=version.team,
        version=version,
        record=record,
        spec=spec,
        since=Aliases(),
    )
    return replace(unmoved, since=unmoved.history.current())


def promote(promoting: Promoting, alias: str, on_status: Callable[[str], None]) -> Promoted:
    """Give the version an alias, if its gates let it.

    Raises MlError, and PromotedMeanwhileError where somebody else was first.
    """
    number, since = promoting.version.version, promoting.since
    if since.get(alias) == number:
        mirror_aliases(promoting, since)
        return Promoted(name=promoting.name, aliases=(alias,), evidence=None, package=None, status=None, changed=False)
    if alias == CANDIDATE:
        return _name_candidate(promoting)
    waiting = _waits_already(promoting)
    if waiting is not None:
        return Promoted(
            name=promoting.name,
            aliases=(CHALLENGER,),
            evidence=None,
            package=waiting.arn,
            status=waiting.status,
            changed=False,
        )
    request = gate_request(promoting)
    wanted = promoting.spec.deploy
    instance = wanted.instance if wanted else EndpointInstance.model_validate({})
    evidence = run_gates(promoting.environment, promoting.contract, promoting.team, request, instance, on_status)
    if not evidence.passed:
        return Promoted(name=promoting.name, aliases=(), evidence=evidence, package=None, status=None, changed=False)
    return _move(promoting, alias, evidence)


def _name_candidate(promoting: Promoting) -> Promoted:
    moved = promoting.history.move(promoting.since, {CANDIDATE: promoting.version.version}, {"reason": "named"})
    mirror_aliases(promoting, moved)
    return Promoted(name=promoting.name, aliases=(CANDIDATE,), evidence=None, package=None, status=None, changed=True)


def _waits_already(promoting: Promoting) -> Package | None:
    """A package of this version that waits for approval, judged beside the champion that still is it."""
    since, number = promoting.since, promoting.version.version
    if not promoting.contract.registry.approval_required or since.get(CHALLENGER) != number:
        return None
    with readable_errors(promoting.environment):
        found = packages.of_version(promoting.environment, promoting.team, promoting.version.name, number)
    still = found is not None and found.metadata.get(packages.CHAMPION, "none") == (since.get(CHAMPION) or "none")
    return found if found is not None and still and found.status == PENDING else None


def gate_request(promoting: Promoting) -> GateRequest:
    """What the gates are asked. Raises SpecError where the spec says too little."""
    gates, record = promoting.spec.gates, promoting.record
    if gates is None:
        raise SpecError(
            f"The spec that {promoting.name} was trained with has no `gates`. Add them to job.yaml (docs/registry.md) "
            "and train again, or give the file: ml promote MODEL/VERSION --spec job.yaml"
        )
    data = record.inputs.get(gates.data)
    if data is None:
        raise SpecError(
            f"gates.data: the job {record.job} had no input {gates.data!r}; it had {', '.join(record.inputs)}."
        )
    champion = promoting.since.get(CHAMPION)
    contract = promoting.contract
    uri = here(data.uri, contract, record, data.source)
    # Below the data prefix of another account lie rows of its own.
    is_known = record.account_id == contract.platform.account_id or "/inputs/" in uri
    return GateRequest(
        environment=promoting.contract.platform.environment,
        team=promoting.team,
        candidate=_subject(promoting.version),
        champion=_subject(_version(promoting, champion)) if champion else None,
        data_uri=uri,
        data_version=data.version if is_known else None,
        validation_uri=_validation_uri(promoting.contract, record),
        gates=gates,
    )


def _version(promoting: Promoting, number: str) -> ModelVersion:
    uri = promoting.contract.tracking.uri
    return model_version(promoting.environment, uri, f"{promoting.version.name}/{number}")


def _subject(version: ModelVersion) -> Subject:
    return Subject(
        model=version.name, version=version.version, job=version.job or "", model_data=version.model_data or ""
    )


def _validation_uri(contract: PlatformContract, record: RunRecord) -> str | None:
    channels: list[dict[str, Any]] = record.request.get("InputDataConfig") or []
    for channel in channels:
        if channel["ChannelName"] == VALIDATION_CHANNEL:
            return here(str(channel["DataSource"]["S3DataSource"]["S3Uri"]), contract, record)
    return None


def _move(promoting: Promoting, alias: str, evidence: Evidence) -> Promoted:
    """Make the package, and move the aliases."""
    environment, contract = promoting.environment, promoting.contract
    number, since = promoting.version.version, promoting.since
    approval = contract.registry.approval_required
    reached = CHALLENGER if approval else alias
    changes: dict[str, str | None] = {reached: number}
    if since.get(CANDIDATE) == number:
        changes[CANDIDATE] = None
    if reached == CHAMPION and since.get(CHALLENGER) == number:
        changes[CHALLENGER] = None
    told = {
        "model": promoting.version.name,
        "version": number,
        "to": reached,
        "job": promoting.record.job,
        "gates": evidence.job,
        "report": evidence.digest,
        "champion": since.get(CHAMPION),
        "commit": promoting.record.git.commit if promoting.record.git else None,
        "code": promoting.record.code.digest,
        "data": {name: each.version or each.uri for name, each in promoting.record.inputs.items()},
    }
    with (
        readable_errors(environment),
        recording(environment, contract, promoting.team, "promote", promoting.name, told) as act,
    ):
        arn = packages.create(
            environment,
            contract,
            promoting.team,
            promoting.version.name,
            status=PENDING if approval else APPROVED,
            container=proposal.container(promoting),
            metadata=proposal.metadata(promoting, alias, evidence),
            report_uri=evidence.uri,
            lineage=proposal.lineage(promoting),
        )
        act.details["package"] = arn
        moved = promoting.history.move(since, changes, {"package": arn, "gates": evidence.job})
    mirror_aliases(promoting, moved, {PACKAGE_TAG: arn, GATES_TAG: evidence.uri})
    return Promoted(
        name=promoting.name,
        aliases=(reached,),
        evidence=evidence,
        package=arn,
        status=PENDING if approval else APPROVED,
        changed=True,
    )


def mirror_aliases(promoting: Promoting, aliases: Aliases, tags: Mapping[str, str] | None = None) -> None:
    """Make MLflow's aliases say what the history says."""
    held = model_version(
        promoting.environment, promoting.contract.tracking.uri, f"{promoting.version.name}/{promoting.version.version}"
    ).aliases
    wanted: dict[str, str | None] = dict(aliases.versions)
    wanted |= {alias: None for alias in (CANDIDATE, CHALLENGER, CHAMPION) if alias in held and alias not in wanted}
    mirror(
        promoting.environment,
        promoting.contract.tracking.uri,
        promoting.version.name,
        wanted,
        tags or {},
        promoting.version.version,
    )
