"""A registered version from one environment's account into another's: model, package, lineage.

Everything is read with the rights of a member of the environment that it goes to, and only what the environment that it
comes from has opened for that: the package by the policy of its group, the files by those of bucket and key. So nothing
is taken from the machine that runs this. What arrives is checked against the package: the model by the SHA-256 that the
gates measured, the run's record by its own.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from ml.audit import recording
from ml.aws import error_details
from ml.environment import Environment, is_denied, readable_errors
from ml.errors import EnvironmentNotReadyError, MlError, SpecError
from ml.records import RunRecord
from ml.registry import packages
from ml.registry.aliases import registry_uri
from ml.registry.packages import APPROVED, Package
from ml.registry.people import acting_as
from ml.tracking import ModelVersion, mlflow_client, model_version, register_copy, run_of
from platform_contract import PlatformContract

COPIED_FOLDERS = ("inputs", "validations")
"""Below a team's artifact prefix: what the gates read there is copied with the model."""
VALIDATION_CHANNEL = "data-validation"
"""The channel by which a job gets the result of its data validation (ml.data.gate.CHANNEL)."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two environments. For where it goes to, the environment is a session of the team's submit role."""

    environment: Environment
    contract: PlatformContract
    team: str

    @property
    def artifacts(self) -> str:
        """The team's artifact prefix, without a slash at its end."""
        return self.contract.teams[self.team].artifact_uri


def copy_version(source: Environment, target: Environment, reference: str, tell: Callable[[str], None]) -> str:
    """Copy a version and everything that its promotion needs; MODEL/VERSION as it is called there.

    A version that has been copied already is not copied again. Raises MlError.
    """
    version = model_version(source, source.platform.tracking.uri, reference)
    if not version.job or not version.team:
        raise MlError(f"Model {version.name} version {version.version} does not say which job it is from.")
    origin = Side(environment=source, contract=source.for_team(version.team), team=version.team)
    contract = target.for_team(version.team)
    if contract.platform.account_id == origin.contract.platform.account_id:
        raise SpecError(
            f"{source.name} and {target.name} are in one account, {contract.platform.account_id}: "
            "promote without --from."
        )
    acting = acting_as(target, contract.teams[version.team].submit_role_arn, "which takes models over")
    place = Side(environment=acting, contract=contract, team=version.team)
    with readable_errors(acting):
        package = _source_package(origin, place, version)
        known = _copied_already(place, version, package)
        if known is not None:
            return known
        tell(f"· copying {version.name}/{version.version} of {source.name} ({package.arn})")
        record_body, record = _record(origin, place, version.job, package)
        told = {"from": origin.contract.platform.environment, "package": package.arn, "record": record.digest}
        with recording(acting, contract, place.team, "register", f"{version.name} of {version.job}", told) as act:
            model_data = _copy_model(place, package)
            _copy_inputs(origin, place, record)
            _put(place, f"{place.artifacts}/jobs/{record.job}/record.json", record_body)
            _copy_report(origin, place, version, package)
            number = _register(origin, place, version, package, model_data)
            act.details["version"] = number
    return f"{version.name}/{number}"


def here(uri: str, contract: PlatformContract, record: RunRecord, source: str | None = None) -> str:
    """Where what a record names lies in this environment: as it says, or where a copy from another account went.

    source: as the spec has it; a path below the team's data prefix is the same path below this environment's.
    """
    if record.account_id == contract.platform.account_id:
        return uri
    team = contract.teams[record.team]
    below = uri.partition(f"/teams/{record.team}/")[2]
    if below.partition("/")[0] in COPIED_FOLDERS:
        return f"{team.artifact_uri}/{below}"
    if source is not None and not source.startswith(("s3://", "./", "../", "/")):
        return f"{team.data_uri}/{source}"
    return uri


def _source_package(origin: Side, place: Side, version: ModelVersion) -> Package:
    """The approved package, as the account that it goes to sees it."""
    where = origin.contract.platform
    name = packages.group_name(origin.team, version.name)
    group = f"arn:{where.partition}:sagemaker:{where.region}:{where.account_id}:model-package-group/{name}"
    try:
        found = packages.listed(place.environment, origin.team, version.name, group=group)
    except ClientError as error:
        if not is_denied(error):
            raise
        raise EnvironmentNotReadyError(
            f"{place.contract.platform.environment} may not read the packages of {where.environment}: "
            f"promotion.to of {where.environment} names the account {place.contract.platform.account_id}, and "
            f"promotion.sources of {place.contract.platform.environment} names {where.environment} and its account "
            f"{where.account_id}. Packages made before that are opened by promoting once more.\n"
            f"{error_details(error).message}"
        ) from error
    for package in found:
        if package.version == version.version:
            if package.status != APPROVED:
                name = f"{version.name}/{version.version}"
                raise MlError(f"{name} is not approved in {where.environment}: it is {package.status}.")
            return package
    raise MlError(
        f"Nobody has promoted {version.name}/{version.version} in {where.environment}: "
        f"ml promote {version.name}/{version.version} --env {where.environment}"
    )


def _copied_already(place: Side, version: ModelVersion, package: Package) -> str | None:
    with mlflow_client(place.environment, place.contract.tracking.uri) as client:
        for entry in client.search_model_versions(f"name = '{version.name}'"):
            if entry.tags.get("groundwork.source") == package.arn:
                return f"{version.name}/{entry.version}"
    return None


def _record(origin: Side, place: Side, job: str, package: Package) -> tuple[bytes, RunRecord]:
    uri = f"{origin.artifacts}/jobs/{job}/record.json"
    body = _get(place, uri)
    digest = hashlib.sha256(body).hexdigest()
    if digest != package.metadata.get("groundwork-record"):
        raise MlError(f"{uri} is not the record that was promoted: its SHA-256 is {digest[:12]}…. Promote it again.")
    return body, RunRecord.model_validate_json(body)


def _copy_model(place: Side, package: Package) -> str:
    job = package.metadata[packages.JOB]
    target = f"{place.artifacts}/jobs/{job}/output/model.tar.gz"
    _copy(place, package.model_data, target)
    whole = hashlib.sha256()
    bucket, key = _split(target)
    body: Any = place.environment.clients.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
    for block in body.iter_chunks(1024 * 1024):
        whole.update(block)
    if whole.hexdigest() != package.metadata.get(packages.MODEL):
        raise MlError(f"{package.model_data} is not the model that was promoted: its SHA-256 is another one.")
    return target


def _copy_inputs(origin: Side, place: Side, record: RunRecord) -> None:
    """What the gates read of what lies below the team's artifact prefix: uploaded held-out rows, the validation's
    result. What it was trained on stays where it is."""
    channels: list[dict[str, Any]] = record.request.get("InputDataConfig") or []
    gates: dict[str, Any] = record.spec.get("gates") or {}
    read = {gates.get("data"), VALIDATION_CHANNEL}
    uris = {str(one["DataSource"]["S3DataSource"]["S3Uri"]) for one in channels if one["ChannelName"] in read}
    s3 = place.environment.clients.client("s3")
    for uri in sorted(uris):
        if not any(uri.startswith(f"{origin.artifacts}/{folder}/") for folder in COPIED_FOLDERS):
            continue
        bucket, prefix = _split(uri)
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                file = f"s3://{bucket}/{entry['Key']}"
                _copy(place, file, f"{place.artifacts}{file.removeprefix(origin.artifacts)}")


def _copy_report(origin: Side, place: Side, version: ModelVersion, package: Package) -> None:
    """The report of the gates that it passed there, and the package, beside what it will get here."""
    folder = registry_uri(place.contract, place.team, version.name)
    kept = f"{folder}/from-{origin.contract.platform.environment}/{version.version}"
    job = package.metadata.get(packages.GATES_JOB, "")
    report = f"{registry_uri(origin.contract, origin.team, version.name)}/{version.version}/gates/{job}/report.json"
    _copy(place, report, f"{kept}/report.json")
    _put(place, f"{kept}/package.json", json.dumps(package.document(), indent=1, default=str).encode())


def _register(origin: Side, place: Side, version: ModelVersion, package: Package, model_data: str) -> str:
    run = run_of(origin.environment, origin.contract.tracking.uri, version)
    tags: Mapping[str, str] = {
        "groundwork.team": place.team,
        "groundwork.job": version.job or "",
        "groundwork.model_data": model_data,
        "groundwork.code": version.code or "",
        "groundwork.data": json.dumps(version.data),
        "groundwork.source": package.arn,
        "groundwork.source_version": f"{origin.contract.platform.environment}:{version.name}/{version.version}",
    }
    return register_copy(place.environment, place.contract.tracking.uri, version, run, tags)


def _copy(place: Side, uri: str, target: str) -> None:
    bucket, key = _split(uri)
    to_bucket, to_key = _split(target)
    source = {"Bucket": bucket, "Key": key}
    place.environment.clients.client("s3").copy_object(Bucket=to_bucket, Key=to_key, CopySource=source)


def _get(place: Side, uri: str) -> bytes:
    bucket, key = _split(uri)
    return place.environment.clients.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()


def _put(place: Side, uri: str, body: bytes) -> None:
    bucket, key = _split(uri)
    place.environment.clients.client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
