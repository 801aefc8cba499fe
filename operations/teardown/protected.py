"""What a stack keeps: resources that the engine protects, a cluster that EKS protects, and what is not empty."""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalStackError
from operations.engine_run import StackEngine
from operations.engine_steps import dependencies, name_of
from operations.leftovers.kind import Call, Clients
from operations.leftovers.removal import BY_WORD

CLUSTER = "aws:eks/cluster:Cluster"
HOLDING = {
    "aws:s3/bucket:Bucket": ("bucket", "forceDestroy"),
    "aws:ecr/repository:Repository": ("repository", "forceDelete"),
}
"""Types that AWS deletes only when they are empty: their word, and the input with which the provider empties them."""
LISTED_BY = {"bucket": "Name", "repository": "repositoryName"}
GUARDS = {
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "bucket",
    "aws:s3/bucketLogging:BucketLogging": "bucket",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": "bucket",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "bucket",
    "aws:s3/bucketPolicy:BucketPolicy": "bucket",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "bucket",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "bucket",
    "aws:s3/bucketVersioning:BucketVersioning": "bucket",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": "repository",
    "aws:kms/alias:Alias": "targetKeyId",
}
"""Resources that are settings of another one, which the input names: to delete one opens what stays, or unlocks it."""
STATEFUL = (
    *(CLUSTER, "aws:s3/bucket:Bucket", "aws:ecr/repository:Repository", "aws:kms/key:Key", "aws:rds/instance:Instance"),
    *("aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer", "aws:sagemaker/mlflowApp:MlflowApp"),
    *("aws:amp/workspace:Workspace", "aws:grafana/workspace:Workspace"),
)
State = Sequence[dict[str, Any]]


def protected(state: State) -> list[dict[str, Any]]:
    """Resources that the engine refuses to delete."""
    return [each for each in state if each.get("protect")]


def guarded_cluster(state: State) -> str:
    """The cluster that EKS refuses to delete; empty where there is none."""
    for each in state:
        if each["type"] == CLUSTER and (each.get("outputs") or {}).get("deletionProtection"):
            return str(each["id"])
    return ""


def not_empty(state: State, clients: Clients) -> list[dict[str, Any]]:
    """Buckets and repositories that hold something and that the settings do not let a destroy empty."""
    found: list[dict[str, Any]] = []
    for each in state:
        if each["type"] not in HOLDING or each.get("protect"):
            continue
        word, lets = HOLDING[each["type"]]
        if not (each.get("inputs") or {}).get(lets) and _holds(word, str(each["id"]), clients):
            found.append(each)
    return found


def kept_with(state: State, kept: State) -> list[dict[str, Any]]:
    """All that stays where `kept` does: what it depends on, such as the key that its objects are encrypted with, and
    what is set on any of it, such as that a bucket is closed to the public and that nobody deletes its records."""
    by_urn = {str(each["urn"]): each for each in state}
    staying = {str(each["urn"]) for each in kept}
    size = -1
    while size != len(staying):
        size = len(staying)
        for urn in tuple(staying):
            needed = dependencies(by_urn[urn]) | {str(by_urn[urn].get("parent") or "")}
            staying |= needed & by_urn.keys()
        ids = {str(by_urn[urn].get("id") or "") for urn in staying} - {""}
        staying.update(urn for urn, each in by_urn.items() if _guarded(each) in ids)
    return [each for urn, each in by_urn.items() if urn in staying]


def _guarded(resource: dict[str, Any]) -> str:
    """The id of what a resource is a setting of; empty where it is none."""
    inputs: dict[str, Any] = resource.get("inputs") or {}
    return str(inputs.get(GUARDS.get(str(resource["type"]), "")) or "")


def _holds(word: str, name: str, clients: Clients) -> bool:
    kind = BY_WORD[word]
    assert isinstance(kind.contents, Call)
    try:
        return bool(kind.contents(clients(kind.service), {LISTED_BY[word]: name}))
    except (ClientError, BotoCoreError):
        return False  # it is gone, or nobody may look: the engine will say


def protect(engine: StackEngine, resources: State) -> None:
    """Have the engine protect resources in the stack's state, until the next `up`. Raises LocalStackError."""
    if not resources:
        return
    urns = [str(each["urn"]) for each in resources]
    done = engine.quiet("state", "protect", *urns, "--yes")
    if done.returncode:
        raise LocalStackError(f"`pulumi state protect` failed: {(done.stderr or done.stdout).strip()}")


def stateful(state: State) -> list[dict[str, Any]]:
    """Resources that keep data, which a destroy takes along."""
    return [each for each in state if each["type"] in STATEFUL]


def shown(resource: dict[str, Any]) -> str:
    """`bucket groundwork-dev-data-…` for people."""
    return f"{str(resource['type']).rsplit(':', 1)[1]} {resource.get('id') or name_of(resource['urn'])}"
