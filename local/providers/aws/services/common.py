"""What entries of one service or of all share."""

from local.providers.aws.table import Call, Tagging

_REGISTRY = "https://www.pulumi.com/registry/packages/aws/api-docs"


def page(name: str, service: str = "ec2") -> str:
    """The registry page of a resource type."""
    return f"{_REGISTRY}/{service}/{name}/"


def ec2_arn(kind: str) -> str:
    """Template of the ARN of an EC2 resource that tells its owner."""
    return f"arn:{{partition}}:ec2:{{region}}:{{ownerId}}:{kind}/{{id}}"


def ec2_tags(kind: str, *, at_create: bool = True, of: str = "$id") -> Tagging:
    """EC2's tagging of one kind of resource. of: what EC2 knows it by, where that is not its id here."""
    return Tagging(
        member="TagSpecifications" if at_create else "",
        style="ec2",
        ec2_type=kind,
        path="Tags",
        add=Call("CreateTags", {"Resources": [of], "Tags": "$tags"}),
        remove=Call("DeleteTags", {"Resources": [of], "Tags": "$tagKeyPairs"}),
    )
