"""What all EC2 entries share."""

from local.providers.aws.table import Call, Tagging

_REGISTRY = "https://www.pulumi.com/registry/packages/aws/api-docs"


def page(name: str, service: str = "ec2") -> str:
    """The registry page of a resource type."""
    return f"{_REGISTRY}/{service}/{name}/"


def ec2_arn(kind: str) -> str:
    """Template of the ARN of an EC2 resource that tells its owner."""
    return f"arn:{{partition}}:ec2:{{region}}:{{ownerId}}:{kind}/{{id}}"


def ec2_tags(kind: str, *, path: str = "Tags") -> Tagging:
    """EC2's tagging of one kind of resource."""
    return Tagging(
        member="TagSpecifications",
        style="ec2",
        ec2_type=kind,
        path=path,
        add=Call("CreateTags", {"Resources": ["$id"], "Tags": "$tags"}),
        remove=Call("DeleteTags", {"Resources": ["$id"], "Tags": "$tagKeyPairs"}),
    )
