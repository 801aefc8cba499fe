"""What holds data survives a mistake."""

from collections.abc import Iterator, Mapping

from policies.exceptions import DISPOSABLE
from policies.model import Resource, resource_rule
from policies.parameters import Parameters
from policies.values import UNKNOWN, at

STATEFUL: Mapping[str, tuple[tuple[str, bool], ...]] = {
    "aws:amp/workspace:Workspace": (),
    "aws:dynamodb/table:Table": (("deletionProtectionEnabled", True),),
    "aws:ecr/repository:Repository": (("forceDelete", False),),
    "aws:efs/fileSystem:FileSystem": (),
    "aws:eks/cluster:Cluster": (("deletionProtection", True),),
    "aws:kms/key:Key": (),
    "aws:rds/cluster:Cluster": (("deletionProtection", True), ("skipFinalSnapshot", False)),
    "aws:rds/instance:Instance": (("deletionProtection", True), ("skipFinalSnapshot", False)),
    "aws:s3/bucket:Bucket": (("forceDestroy", False),),
    "aws:sagemaker/mlflowApp:MlflowApp": (),
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": (),
}
"""Types that hold what cannot be made again, to the switches of AWS's own and the value that they must have."""


@resource_rule("stateful-protected", "What holds data is protected from a destroy.", *STATEFUL)
def stateful_protected(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Stateful resources that a destroy, or a replacement, would take with it."""
    if not parameters.protect_stateful or resource.name in DISPOSABLE:
        return
    if not resource.protect:
        yield (
            f"{resource.name} holds data and is not protected. Set groundwork:protection.protect to true; an "
            f"environment that may lose its data says groundwork:policy.protectStateful: false."
        )
    for key, wanted in STATEFUL[resource.type]:
        found = at(resource.props, key)
        if found is not UNKNOWN and bool(found) is not wanted:
            yield f"{resource.name} has {key} = {str(bool(found)).lower()}. Set it to {str(wanted).lower()}."
