"""IAM policies of the approval of models: who may propose one, who may approve it, and that nobody does both.

A package of a group has no tags of its own, so its author is in its metadata, which SageMaker has condition keys for
(https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html). Who acts is the source
identity of the session, which nobody can set to another's name or change
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html).
"""

from collections.abc import Sequence

from components.iam import Statement, allow, deny, document, unscoped
from components.promotion_policy import PromotionSource, reading_from
from components.record_policy import (
    APPROVED_FOLDER,
    RECORD_FOLDERS,
    approved_models_kept,
    record_objects,
    records_kept,
)
from components.serving_policy import around_endpoints
from components.team_prefix import team_prefix
from components.training_policy import READ_OBJECTS, tracking_access

REGISTRY_FOLDER = "registry"
"""Where reports of gates and model cards lie (ml.registry.aliases.REGISTRY_FOLDER)."""
AUTHOR_KEY = "groundwork-author"
"""Metadata key of a package with who proposed it (ml.registry.packages.AUTHOR)."""
PERSON_TAG = "groundwork:person"
"""Tag that sign-in gives a session of a role, or an administrator a role or user: whose it is."""
OWN_NAMES = ("${aws:username}", "${aws:SourceIdentity}", f"${{aws:PrincipalTag/{PERSON_TAG}}}")
"""What somebody may be called as source identity: an IAM user by its name, a session by the identity that it has
already, or by its tag. A variable without a value equals nothing
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html)."""
PIPELINE_SUFFIX = "-ci"
"""What the source identity of a pipeline ends with, after who started it; nobody else's does."""
PENDING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"
_GIVEN = f"sagemaker:CustomerMetadataProperties/{AUTHOR_KEY}"
_AUTHOR = f"sagemaker:CurrentCustomerMetadataProperties/{AUTHOR_KEY}"


def approve_trust(*, partition: str, account_id: str, approvers: Sequence[str]) -> str:
    """Approvers assume the role in their own name, and not without one."""
    principals = list(approvers) or [f"arn:{partition}:iam::{account_id}:root"]
    return document(
        {
            "Sid": "Approvers",
            "Effect": "Allow",
            "Principal": {"AWS": principals},
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
            "Condition": {"StringEquals": {"sts:SourceIdentity": list(OWN_NAMES)}},
        }
    )


def models_policy(
    *,
    partition: str,
    region: str,
    account_id: str,
    team: str,
    artifact_bucket_arn: str,
    approval_required: bool,
    shares_models: bool,
    sources: Sequence[PromotionSource],
) -> str:
    """What a member may do with model packages and around endpoints, beside what `submit_policy` allows.

    Where approval is required, a package is proposed in its author's own name, and waits.
    shares_models: members open their models' packages to the accounts that promotions go to.
    sources: where models are promoted from; members read them there.
    """
    sagemaker = f"arn:{partition}:sagemaker:{region}:{account_id}"
    packages, groups = f"{sagemaker}:model-package/{team}-*", f"{sagemaker}:model-package-group/{team}-*"
    statuses = [PENDING] if approval_required else [PENDING, APPROVED, REJECTED]
    conditions = {"StringEquals": {"sagemaker:ModelApprovalStatus": statuses}}
    author = {"StringEquals": {**conditions["StringEquals"], _GIVEN: "${aws:SourceIdentity}"}}
    group_actions = ["CreateModelPackageGroup", "DescribeModelPackageGroup"]
    group_actions += ["PutModelPackageGroupPolicy"] if shares_models else []
    statements = [
        allow("ReadModels", ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"], [packages]),
        # Packages of a group are listed by its name.
        allow(
            "ModelGroups",
            [f"sagemaker:{action}" for action in group_actions] + ["sagemaker:AddTags", "sagemaker:ListTags"],
            [groups],
        ),
        allow(
            "ProposeModels",
            ["sagemaker:CreateModelPackage"],
            [packages],
            author if approval_required else conditions,
        ),
    ]
    if not approval_required:
        statements.append(allow("DecideOnModels", ["sagemaker:UpdateModelPackage"], [packages], conditions))
    statements.append(approved_models_kept(artifact_bucket_arn, team))
    statements += reading_from(sources, partition=partition, region=region, team=team)
    statements += around_endpoints(partition=partition, region=region, account_id=account_id, team=team)
    return document(*statements)


def approve_policy(
    *,
    partition: str,
    region: str,
    account_id: str,
    team: str,
    contract_path: str,
    execution_role_arn: str,
    artifact_bucket_arn: str,
    kms_key_arn: str,
    tracking_server_arn: str | None,
) -> str:
    """What an approver may do: read the evidence, approve or reject what somebody else proposed, keep the model."""
    arn = f"arn:{partition}"
    sagemaker = f"{arn}:sagemaker:{region}:{account_id}"
    packages, own = f"{sagemaker}:model-package/{team}-*", team_prefix(team)
    written = [*RECORD_FOLDERS, APPROVED_FOLDER, REGISTRY_FOLDER]
    prefixes = [own, f"{own}/*"]
    statements = [
        allow("ReadModels", ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"], [packages]),
        allow(
            "Decide",
            ["sagemaker:UpdateModelPackage"],
            [packages],
            {"StringEquals": {"sagemaker:ModelApprovalStatus": [APPROVED, REJECTED]}},
        ),
        *_not_its_author(packages),
        allow(
            "Evidence",
            ["sagemaker:DescribeProcessingJob", "sagemaker:DescribeTrainingJob"],
            [f"{sagemaker}:{kind}/{team}-*" for kind in ("processing-job", "training-job")],
        ),
        allow(
            "MakeTheModel",
            ["sagemaker:AddTags", "sagemaker:CreateModel", "sagemaker:DescribeModel"],
            [f"{sagemaker}:model/{team}-*"],
        ),
        allow(
            "PassTheTeamsRole",
            ["iam:PassRole"],
            [execution_role_arn],
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
        allow("ListFiles", ["s3:ListBucket"], [artifact_bucket_arn], {"StringLike": {"s3:prefix": prefixes}}),
        allow("ReadFiles", READ_OBJECTS, [f"{artifact_bucket_arn}/{own}/*"]),
        allow("KeepModels", ["s3:PutObject"], [f"{artifact_bucket_arn}/{own}/{folder}/*" for folder in written]),
        *records_kept(record_objects(artifact_bucket_arn, team)),
        allow("Encryption", ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"], [kms_key_arn]),
        allow(
            "Contract",
            ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"],
            [f"{arn}:ssm:{region}:{account_id}:parameter{path}" for path in (contract_path, f"{contract_path}/*")],
        ),
        unscoped("Lists", ["sagemaker:ListModelPackageGroups"], because="SageMaker's List actions know no resources"),
    ]
    if tracking_server_arn is not None:
        statements.append(tracking_access(tracking_server_arn))
    return document(*statements)


def _not_its_author(packages: str) -> list[Statement]:
    """Nobody decides about an own proposal, in nobody's name, or about one of nobody; and the author stays as it is."""
    update = ["sagemaker:UpdateModelPackage"]
    return [
        # Who proposes by a pipeline proposes, too.
        deny(
            "NotItsAuthor",
            update,
            [packages],
            {"StringEquals": {_AUTHOR: ["${aws:SourceIdentity}", f"${{aws:SourceIdentity}}{PIPELINE_SUFFIX}"]}},
        ),
        deny("NotInNobodysName", update, [packages], {"Null": {"aws:SourceIdentity": "true"}}),
        deny("NotWithoutAnAuthor", update, [packages], {"Null": {_AUTHOR: "true"}}),
        deny("TheAuthorStays", update, [packages], {"Null": {_GIVEN: "false"}}),
        deny(
            "NothingIsForgotten",
            update,
            [packages],
            {"Null": {"sagemaker:CustomerMetadataPropertiesToRemove": "false"}},
        ),
    ]
