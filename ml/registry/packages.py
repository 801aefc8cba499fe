"""Versions of the registry as SageMaker model packages: one group a model, one package a promotion that was asked for.

What IAM holds a package to is in its CustomerMetadataProperties: a package of a group has no tags of its own
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html, Tags).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment, is_denied, readable_errors
from ml.errors import MlError, NotFoundError
from ml.identity import resource_tags
from ml.ledger import creating
from platform_contract import PlatformContract

PENDING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"
AUTHOR = "groundwork-author"
"""Metadata key of who asked for the promotion; components/approval_policy.py compares it with who approves."""
VERSION, JOB, ALIAS = "groundwork-version", "groundwork-job", "groundwork-alias"
GATES_JOB, REPORT, MODEL = "groundwork-gates-job", "groundwork-gates-report", "groundwork-model-sha256"
CHAMPION = "groundwork-champion"
_FORBIDDEN = re.compile(r"[^\w .:/=+\-@]")
"""What a metadata value does not hold: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModelPackage.html"""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A model package. status: its approval. metadata: CustomerMetadataProperties. changed_by: who approved it."""

    arn: str
    group: str
    number: int
    status: str
    created: str
    author: str
    metadata: Mapping[str, str]
    model_data: str
    image: str
    environment: Mapping[str, str]
    reason: str
    changed_by: str

    @property
    def version(self) -> str:
        """The version of the registry that it mirrors."""
        return self.metadata.get(VERSION, "")

    def document(self) -> dict[str, Any]:
        """The package as `-o json` prints it."""
        return asdict(self)


def group_name(team: str, model: str) -> str:
    """The model package group of a model: 63 characters at most, as both names have 32 at most."""
    return f"{team}-{model}"[:63]


def ensure_group(environment: Environment, contract: PlatformContract, team: str, model: str) -> str:
    """The group's name; it is made where it is not there, and opened to the accounts that promotions go to."""
    sagemaker = environment.clients.client("sagemaker")
    name = group_name(team, model)
    try:
        sagemaker.create_model_package_group(
            ModelPackageGroupName=name,
            ModelPackageGroupDescription=f"Versions of {model} of team {team}",
            Tags=resource_tags(contract, team),
        )
    except ClientError as error:
        if "already exists" not in error_details(error).message.lower():
            raise
        return name
    if contract.registry.readers:
        sagemaker.put_model_package_group_policy(
            ModelPackageGroupName=name, ResourcePolicy=json.dumps(readers_policy(contract, name))
        )
    return name


def readers_policy(contract: PlatformContract, group: str) -> dict[str, Any]:
    """Lets the accounts that promotions go to read a group's packages.

    Form: https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-ram-discover.html
    """
    where = contract.platform
    arn = f"arn:{where.partition}:sagemaker:{where.region}:{where.account_id}"
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "PromotionsReadPackages",
                "Effect": "Allow",
                "Principal": {"AWS": [f"arn:{where.partition}:iam::{one}:root" for one in contract.registry.readers]},
                "Action": ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
                "Resource": [f"{arn}:model-package-group/{group}", f"{arn}:model-package/{group}/*"],
            }
        ],
    }


def create(
    environment: Environment,
    contract: PlatformContract,
    team: str,
    model: str,
    *,
    status: str,
    container: Mapping[str, Any],
    metadata: Mapping[str, str],
    report_uri: str,
    lineage: Mapping[str, str],
) -> str:
    """Ask for a package; its ARN. lineage: CommitId, Repository and GeneratedBy, as far as they are known."""
    group = ensure_group(environment, contract, team, model)
    request: dict[str, Any] = {
        "ModelPackageGroupName": group,
        "ModelPackageDescription": f"{model} version {metadata[VERSION]}",
        "ModelApprovalStatus": status,
        "InferenceSpecification": {
            "Containers": [dict(container)],
            "SupportedContentTypes": ["application/json", "application/jsonlines", "text/csv"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
        "ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": report_uri}}},
        "CustomerMetadataProperties": {key: clean(value) for key, value in metadata.items() if value},
    }
    if lineage:
        request["MetadataProperties"] = dict(lineage)
    details = {"version": metadata[VERSION], "job": metadata.get(JOB, "")}
    with creating(environment, contract, team, "model-package", group, details=details) as creation:
        answer = environment.clients.client("sagemaker").create_model_package(**request)
        creation.arn = answer["ModelPackageArn"]
    return str(answer["ModelPackageArn"])


def clean(value: str) -> str:
    """A metadata value: the characters that it may have, 256 at most."""
    return _FORBIDDEN.sub("-", value)[:256]


def of_version(environment: Environment, team: str, model: str, version: str) -> Package | None:
    """The newest package of a version; None where there is none."""
    return next((one for one in listed(environment, team, model) if one.version == version), None)


def the_package(environment: Environment, team: str, model: str, version: str) -> Package:
    """The newest package of a version. Raises NotFoundError with the command that makes one."""
    found = of_version(environment, team, model, version)
    if found is None:
        raise NotFoundError(
            f"Nobody has asked for the approval of {model}/{version}: ml promote {model}/{version} "
            f"--env {environment.name} runs its gates and does."
        )
    return found


def listed(environment: Environment, team: str, model: str, *, group: str | None = None) -> list[Package]:
    """A model's packages, newest first. group: name or ARN of the group, where it is another account's."""
    sagemaker = environment.clients.client("sagemaker")
    request: dict[str, Any] = {
        "ModelPackageGroupName": group or group_name(team, model),
        "SortBy": "CreationTime",
        "SortOrder": "Descending",
    }
    try:
        pages = sagemaker.get_paginator("list_model_packages").paginate(**request)
        arns = [entry["ModelPackageArn"] for page in pages for entry in page["ModelPackageSummaryList"]]
    except ClientError as error:
        if "does not exist" in error_details(error).message.lower():
            return []
        raise
    return [describe(environment, arn) for arn in arns]


def describe(environment: Environment, arn: str) -> Package:
    """A package by its ARN."""
    answer: dict[str, Any] = environment.clients.client("sagemaker").describe_model_package(ModelPackageName=arn)
    containers: list[dict[str, Any]] = answer.get("InferenceSpecification", {}).get("Containers") or [{}]
    container = containers[0]
    metadata: dict[str, str] = answer.get("CustomerMetadataProperties") or {}
    return Package(
        arn=answer["ModelPackageArn"],
        group=answer.get("ModelPackageGroupName", ""),
        number=int(answer.get("ModelPackageVersion") or 0),
        status=answer.get("ModelApprovalStatus", ""),
        created=answer["CreationTime"].isoformat(timespec="seconds"),
        author=metadata.get(AUTHOR, ""),
        metadata=metadata,
        model_data=container.get("ModelDataUrl", ""),
        image=container.get("Image", ""),
        environment=container.get("Environment") or {},
        reason=answer.get("ApprovalDescription", ""),
        changed_by=_who(answer.get("LastModifiedBy") or {}),
    )


def _who(context: Mapping[str, Any]) -> str:
    identity: dict[str, str] = context.get("IamIdentity") or {}
    return identity.get("SourceIdentity") or identity.get("Arn", "")


def decide(
    environment: Environment, package: Package, status: str, reason: str, *, model_data: str | None = None
) -> None:
    """Approve or reject a package as the caller's session, with why.

    model_data: where the model is served from once it is approved. Raises MlError where IAM says no, with what that
    can mean.
    """
    request: dict[str, Any] = {"ModelPackageArn": package.arn, "ModelApprovalStatus": status}
    if reason:
        request["ApprovalDescription"] = reason[:1024]
    with readable_errors(environment):
        sagemaker = environment.clients.client("sagemaker")
        if model_data is not None and model_data != package.model_data:
            specification = sagemaker.describe_model_package(ModelPackageName=package.arn)["InferenceSpecification"]
            specification["Containers"][0]["ModelDataUrl"] = model_data
            request["InferenceSpecification"] = specification
        try:
            sagemaker.update_model_package(**request)
        except ClientError as error:
            if not is_denied(error):
                raise
            raise MlError(
                f"IAM does not let you {'approve' if status == APPROVED else 'reject'} {package.group} version "
                f"{package.version}, whose author is {package.author or 'not told'}: a model is approved by a person "
                f"other than its author, as an approver of the team.\n{error_details(error).message}"
            ) from error
