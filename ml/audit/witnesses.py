"""Witnesses of a team's audit log outside its bucket, and the verification of a log in the cloud."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from ml.audit.chain import PLACE_TAG, Place
from ml.audit.log import AuditLog
from ml.audit.verify import Verdict, Witness, verify
from ml.environment import Environment, is_denied
from ml.ledger import Ledger
from ml.write_once import Tampering, WriteOnce
from platform_contract import PlatformContract

JOBS_ASKED = 20
"""The newest jobs' tags are looked at: each notes where the log ended, so older ones would tell nothing more."""


def verify_log(
    environment: Environment, contract: PlatformContract, team: str, on_found: Callable[[int], None] | None = None
) -> Verdict:
    """Verify a team's log against its ledger, S3's versions, and the tags of its newest jobs and its endpoints.

    on_found: told how many lines there are to be read.
    """
    log, ledger = AuditLog(environment, contract, team), Ledger(environment, contract, team)
    unchecked: list[str] = []
    # Witnesses first: a line that comes in between is then one that nobody has seen yet, and not one that is missing.
    witnesses = _tagged(environment, team, unchecked)
    entries = ledger.entries()
    stored, strangers = log.stored(on_found=on_found)
    return verify(
        stored,
        strangers,
        log.beginning,
        environment=contract.platform.environment,
        team=team,
        entries=entries,
        submitted=ledger.names("training-job"),
        witnesses=witnesses,
        tampering=[*_versions("audit", log.store, unchecked), *_versions("ledger", ledger.store, unchecked)],
        unchecked=unchecked,
    )


def _versions(folder: str, store: WriteOnce, unchecked: list[str]) -> list[Tampering]:
    try:
        return [Tampering(key=f"{folder}/{one.key}", deleted=one.deleted, at=one.at) for one in store.tampering()]
    except ClientError as error:
        if not is_denied(error):
            raise
        unchecked.append(f"older versions of {store.uri}: the caller may not list them")
        return []


def _tagged(environment: Environment, team: str, unchecked: list[str]) -> list[Witness]:
    sagemaker = environment.clients.client("sagemaker")
    jobs = sagemaker.list_training_jobs(
        NameContains=f"{team}-", SortBy="CreationTime", SortOrder="Descending", MaxResults=JOBS_ASKED
    )["TrainingJobSummaries"]
    endpoints = sagemaker.list_endpoints(NameContains=f"{team}-", MaxResults=100)["Endpoints"]
    named = [("job", one["TrainingJobName"], one["TrainingJobArn"]) for one in jobs]
    named += [("endpoint", one["EndpointName"], one["EndpointArn"]) for one in endpoints]
    witnesses: list[Witness] = []
    for kind, name, arn in named:
        if not name.startswith(f"{team}-"):
            continue
        try:
            tags: list[dict[str, Any]] = sagemaker.list_tags(ResourceArn=arn)["Tags"]
        except ClientError as error:
            if not is_denied(error):
                raise
            unchecked.append(f"tags of {kind} {name}: the caller may not read them")
            continue
        values = {tag["Key"]: str(tag["Value"]) for tag in tags}
        place = Place.of_tag(values.get(PLACE_TAG, ""))
        # Another team whose name begins like this one's has a log of its own, and so has another environment.
        whose = values.get("groundwork:team", team), values.get("groundwork:environment", environment.name)
        if place is not None and whose == (team, environment.name):
            witnesses.append(Witness(who=f"the tags of {kind} {name}", place=place))
    return witnesses
