"""What can be adopted: how a resource that the program would make is recognized at AWS, and what it is imported by.

A kind is a thing with a name of ours (a bucket) and the types that belong to it (its policy, its lifecycle). The
program's inputs say the name; the row says how AWS is asked. Ids are those of the registry's pages (`pulumi import …`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from operations.calls import code_of

Inputs = Mapping[str, Any]
Look = Callable[[Any, Inputs], Mapping[str, Any] | None]
"""Asks AWS (a client of the row's service) for what the inputs name; None where it is not there."""


Unfit = Callable[[Inputs, Mapping[str, Any]], str]
"""Of the inputs and of what AWS answered: why the two can never be one without a replacement; empty where they can."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One resource type.

    kind: the word that a user names it by; a type that belongs to a thing has that thing's word.
    id: what it is imported by, with the inputs' names in braces. thing: the input that names the thing.
    belongs: whether it is a setting of the thing, and not the thing itself.
    look: how AWS is asked. unfit: what an import would end in a replacement for. tags: the tags of a thing.
    """

    kind: str
    type: str
    service: str
    id: str
    thing: str
    look: Look
    belongs: bool = False
    unfit: Unfit = lambda inputs, found: ""
    tags: Callable[[Any, Mapping[str, Any]], Mapping[str, str]] = lambda client, found: {}

    @property
    def needs(self) -> list[str]:
        """The inputs that must be known."""
        return [self.thing, *re.findall(r"{(\w+)}", self.id)]


def _asks(operation: str, arguments: Mapping[str, str], *absent: str, answer: str = "") -> Look:
    """One call about the inputs; `absent` are the codes with which AWS says that there is none.

    arguments: parameter to the name of an input. answer: the member that must be there and not empty.
    """

    def look(client: Any, inputs: Inputs) -> Mapping[str, Any] | None:
        given = {parameter: inputs[name] for parameter, name in arguments.items()}
        try:
            found = getattr(client, operation)(**given)
        except ClientError as error:
            if code_of(error) in absent:
                return None
            raise
        return found if not answer or found.get(answer) else None

    return look


BUCKET = {"Bucket": "bucket"}


def _bucket(client: Any, inputs: Inputs) -> Mapping[str, Any] | None:
    found = _asks("head_bucket", BUCKET, "404", "NoSuchBucket")(client, inputs)
    if found is None:
        return None
    try:
        tags = client.get_bucket_tagging(Bucket=inputs["bucket"])["TagSet"]
    except ClientError as error:
        if code_of(error) != "NoSuchTagSet":
            raise
        tags = []
    lock = _asks("get_object_lock_configuration", BUCKET, "ObjectLockConfigurationNotFoundError")(client, inputs)
    return {"Tags": tags, "locked": lock is not None}


def _repository(client: Any, inputs: Inputs) -> Mapping[str, Any] | None:
    found = _asks("describe_repositories", {"repositoryNames": "names"}, "RepositoryNotFoundException")(
        client, {"names": [inputs["name"]]}
    )
    return found["repositories"][0] if found else None


def _same_lock(inputs: Inputs, found: Mapping[str, Any]) -> str:
    if inputs.get("objectLockEnabled") and not found["locked"]:
        return "the program has it with object lock, which the program switches on only when it makes a bucket"
    return ""


def _same_encryption(inputs: Inputs, found: Mapping[str, Any]) -> str:
    """ECR takes a repository's encryption at its creation alone
    (https://docs.aws.amazon.com/AmazonECR/latest/userguide/encryption-at-rest.html)."""
    configurations: list[dict[str, str]] = inputs.get("encryptionConfigurations") or [{}]
    wanted = configurations[0]
    told: dict[str, str] = found.get("encryptionConfiguration") or {}
    kind, key = told.get("encryptionType", "AES256"), told.get("kmsKey", "")
    if kind != wanted.get("encryptionType", "AES256"):
        return f"it is encrypted with {kind}, the program has {wanted.get('encryptionType')}, and ECR changes neither"
    if wanted.get("kmsKey") not in (None, key):
        return f"it is encrypted with {key}, which ECR never changes; name this key in groundwork:keys.existing.data"
    return ""


def _same_path(inputs: Inputs, found: Mapping[str, Any]) -> str:
    wanted, path = inputs.get("path") or "/", found["Role"]["Path"]
    return "" if path == wanted else f"its path is {path}, the program has {wanted}, and IAM never changes it"


def _log_group(client: Any, inputs: Inputs) -> Mapping[str, Any] | None:
    groups = client.describe_log_groups(logGroupNamePrefix=inputs["name"], limit=50)["logGroups"]
    return next((group for group in groups if group["logGroupName"] == inputs["name"]), None)


def _log_group_tags(client: Any, found: Mapping[str, Any]) -> Mapping[str, str]:
    return client.list_tags_for_resource(resourceArn=str(found["arn"]).removesuffix(":*"))["tags"]


def _attachment(client: Any, inputs: Inputs) -> Mapping[str, Any] | None:
    look = _asks("list_attached_role_policies", {"RoleName": "role"}, "NoSuchEntity")
    attached = (look(client, inputs) or {}).get("AttachedPolicies", [])
    return next((one for one in attached if one["PolicyArn"] == inputs["policyArn"]), None)


def _pairs(client: Any, found: Mapping[str, Any]) -> Mapping[str, str]:
    return {pair["Key"]: pair["Value"] for pair in found.get("Tags") or ()}


def _setting(type_: str, operation: str, *absent: str, answer: str = "") -> Row:
    """A setting of a bucket, which has the bucket's name for an id."""
    look = _asks(operation, BUCKET, "NoSuchBucket", *absent, answer=answer)
    token = f"aws:s3/{type_[:1].lower()}{type_[1:]}:{type_}"
    return Row(kind="bucket", type=token, service="s3", id="{bucket}", thing="bucket", look=look, belongs=True)


ROWS = (
    Row(
        kind="bucket",
        type="aws:s3/bucket:Bucket",
        service="s3",
        id="{bucket}",
        thing="bucket",
        look=_bucket,
        unfit=_same_lock,
        tags=_pairs,
    ),
    _setting("BucketPolicy", "get_bucket_policy", "NoSuchBucketPolicy"),
    _setting("BucketVersioning", "get_bucket_versioning", answer="Status"),
    _setting("BucketPublicAccessBlock", "get_public_access_block", "NoSuchPublicAccessBlockConfiguration"),
    _setting("BucketOwnershipControls", "get_bucket_ownership_controls", "OwnershipControlsNotFoundError"),
    _setting(
        "BucketServerSideEncryptionConfiguration",
        "get_bucket_encryption",
        "ServerSideEncryptionConfigurationNotFoundError",
    ),
    _setting("BucketLifecycleConfiguration", "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
    _setting("BucketLogging", "get_bucket_logging", answer="LoggingEnabled"),
    _setting("BucketObjectLockConfiguration", "get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    Row(
        kind="repository",
        type="aws:ecr/repository:Repository",
        service="ecr",
        id="{name}",
        thing="name",
        look=_repository,
        unfit=_same_encryption,
        tags=lambda client, found: {
            tag["Key"]: tag["Value"]
            for tag in client.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
        },
    ),
    Row(
        kind="repository",
        type="aws:ecr/lifecyclePolicy:LifecyclePolicy",
        service="ecr",
        id="{repository}",
        thing="repository",
        belongs=True,
        look=_asks(
            "get_lifecycle_policy",
            {"repositoryName": "repository"},
            *("RepositoryNotFoundException", "LifecyclePolicyNotFoundException"),
        ),
    ),
    Row(
        kind="role",
        type="aws:iam/role:Role",
        service="iam",
        id="{name}",
        thing="name",
        look=_asks("get_role", {"RoleName": "name"}, "NoSuchEntity"),
        unfit=_same_path,
        tags=lambda client, found: _pairs(client, found["Role"]),
    ),
    Row(
        kind="role",
        type="aws:iam/rolePolicy:RolePolicy",
        service="iam",
        id="{role}:{name}",
        thing="role",
        belongs=True,
        look=_asks("get_role_policy", {"RoleName": "role", "PolicyName": "name"}, "NoSuchEntity"),
    ),
    Row(
        kind="role",
        type="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        service="iam",
        id="{role}/{policyArn}",
        thing="role",
        belongs=True,
        look=_attachment,
    ),
    Row(
        kind="log-group",
        type="aws:cloudwatch/logGroup:LogGroup",
        service="logs",
        id="{name}",
        thing="name",
        look=_log_group,
        tags=_log_group_tags,
    ),
)
KINDS = tuple(dict.fromkeys(row.kind for row in ROWS))
"""The words that a user may name."""
