"""Whatever keeps data keeps it encrypted."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policies.model import Resource, Violation, resource_rule, stack_rule
from policies.parameters import Parameters
from policies.rules.buckets import buckets_without
from policies.values import MISSING, UNKNOWN, at, rows

MUST_HAVE: Mapping[str, tuple[str, str]] = {
    "aws:amp/workspace:Workspace": ("kmsKeyArn", "a KMS key"),
    "aws:cloudtrail/trail:Trail": ("kmsKeyId", "a KMS key"),
    "aws:cloudwatch/logGroup:LogGroup": ("kmsKeyId", "a KMS key"),
    "aws:codebuild/project:Project": ("encryptionKey", "a KMS key"),
    "aws:eks/cluster:Cluster": ("encryptionConfig.provider.keyArn", "a KMS key for secrets"),
    "aws:rds/instance:Instance": ("storageEncrypted", "true"),
    "aws:rds/cluster:Cluster": ("storageEncrypted", "true"),
    "aws:ebs/volume:Volume": ("encrypted", "true"),
    "aws:efs/fileSystem:FileSystem": ("encrypted", "true"),
    "aws:secretsmanager/secret:Secret": ("kmsKeyId", "a KMS key"),
    "aws:sns/topic:Topic": ("kmsMasterKeyId", "a KMS key"),
    "aws:sagemaker/notebookInstance:NotebookInstance": ("kmsKeyId", "a KMS key"),
    "aws:sagemaker/endpointConfiguration:EndpointConfiguration": ("kmsKeyArn", "a KMS key"),
    "aws:kms/key:Key": ("enableKeyRotation", "true, so that the key material is rotated"),
}
"""Resource type to the property that must be set, and to what."""
ECR = "aws:ecr/repository:Repository"
QUEUE = "aws:sqs/queue:Queue"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
PARAMETER = "aws:ssm/parameter:Parameter"


@resource_rule(
    "encrypted-at-rest",
    "Whatever keeps data encrypts it, with a key that the platform holds where the service takes one.",
    *MUST_HAVE,
    ECR,
    QUEUE,
    TEMPLATE,
    INSTANCE,
)
def encrypted_at_rest(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Storage without encryption."""
    if resource.type in MUST_HAVE:
        path, wanted = MUST_HAVE[resource.type]
        if at(resource.props, path) in (MISSING, False, ""):
            yield f"{resource.name} ({resource.type}) has no {path}. Set it to {wanted}."
    elif resource.type == ECR:
        if at(resource.props, "encryptionConfigurations.encryptionType") not in ("KMS", "KMS_DSSE", UNKNOWN):
            yield f"{resource.name} does not encrypt its images with KMS. Set encryptionConfigurations to type KMS."
    elif resource.type == QUEUE:
        if at(resource.props, "kmsMasterKeyId") is MISSING and at(resource.props, "sqsManagedSseEnabled") is not True:
            yield f"{resource.name} is not encrypted. Set kmsMasterKeyId, or sqsManagedSseEnabled to true."
    else:
        for device in _devices(resource.props):
            if at(device, "encrypted") not in (True, "true", UNKNOWN):
                name = at(device, "deviceName") or "root volume"
                yield f"{resource.name} has the disk {name} without encryption. Set encrypted to true there."


def _devices(props: Mapping[str, Any]) -> Iterator[Any]:
    for mapping in rows(props, "blockDeviceMappings"):
        for disk in rows(mapping, "ebs"):
            yield {**disk, "deviceName": at(mapping, "deviceName")}
    yield from rows(props, "ebsBlockDevices")
    yield from rows(props, "rootBlockDevice")


@stack_rule("buckets-encrypted", "Each bucket has a default encryption of its own.")
def buckets_encrypted(resources: Sequence[Resource], parameters: Parameters) -> Iterator[Violation]:
    """Buckets that nobody configured the encryption of."""
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    for bucket in buckets_without(resources, kind):
        yield Violation(
            f"{bucket.name} has no BucketServerSideEncryptionConfiguration. Add one, with aws:kms and the platform's "
            f"data key, or AES256 for a bucket that takes access logs (components/artifact_store.py shows both).",
            bucket.urn,
        )
