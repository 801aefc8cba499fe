"""Nothing is open to the internet."""

from collections.abc import Iterator, Sequence
from typing import Any

from policies.iam_documents import DOCUMENTS, Statement, principals, statements
from policies.model import Resource, Violation, resource_rule, stack_rule
from policies.parameters import Parameters
from policies.rules.buckets import buckets_without
from policies.values import MISSING, UNKNOWN, at, group, rows

EVERYWHERE = ("0.0.0.0/0", "::/0")
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
SWITCHES = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
CLUSTER = "aws:eks/cluster:Cluster"
SERVICE = "kubernetes:core/v1:Service"
INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"
INGRESS_CLASS = "kubernetes:eks.amazonaws.com/v1:IngressClassParams"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OLD_RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
GROUPS = ("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
MUST_NOT_BE: dict[str, tuple[str, Any, str]] = {
    "aws:rds/instance:Instance": ("publiclyAccessible", True, "leave publiclyAccessible out"),
    "aws:rds/clusterInstance:ClusterInstance": ("publiclyAccessible", True, "leave publiclyAccessible out"),
    "aws:ec2/subnet:Subnet": ("mapPublicIpOnLaunch", True, "leave mapPublicIpOnLaunch out: gateways bring their own"),
    "aws:ec2/instance:Instance": ("associatePublicIpAddress", True, "reach it through Systems Manager"),
    "aws:ec2/launchTemplate:LaunchTemplate": (
        "networkInterfaces.associatePublicIpAddress",
        "true",
        "leave associatePublicIpAddress out",
    ),
    "aws:lambda/functionUrl:FunctionUrl": ("authorizationType", "NONE", "set authorizationType to AWS_IAM"),
    "aws:sagemaker/notebookInstance:NotebookInstance": (
        "directInternetAccess",
        "Enabled",
        "set directInternetAccess to Disabled and give it a subnet",
    ),
}
"""Resource type to the property and value that open it, and what to do instead."""
NARROWING = ("sourceaccount", "sourcearn", "sourceorgid", "principalorgid", "principalaccount", "calleraccount")
MACHINES = ("aws:ec2/instance:Instance", "aws:ec2/launchTemplate:LaunchTemplate")


@resource_rule(
    "no-public-access",
    "Nothing is open to the internet: no bucket, API, database, machine, load balancer or security group.",
    BLOCK,
    CLUSTER,
    SERVICE,
    INGRESS,
    INGRESS_CLASS,
    RULE,
    OLD_RULE,
    *GROUPS,
    *MUST_NOT_BE,
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:ecrpublic/repository:Repository",
)
def no_public_access(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Single properties that open something."""
    props, name = resource.props, resource.name
    if resource.type in MUST_NOT_BE:
        path, wrong, mend = MUST_NOT_BE[resource.type]
        if at(props, path) == wrong or (wrong == "true" and at(props, path) is True):
            yield f"{name} has {path} = {wrong}. To mend it, {mend}."
    if resource.type == BLOCK:
        off = [switch for switch in SWITCHES if at(props, switch) not in (True, UNKNOWN)]
        if off:
            yield f"{name} leaves {', '.join(off)} off. Set all four to true."
    elif resource.type == CLUSTER:
        yield from _cluster(resource)
    elif resource.type in (RULE, OLD_RULE, *GROUPS):
        open_to = [cidr for cidr in _sources(resource) if cidr in EVERYWHERE]
        if open_to:
            yield f"{name} lets {open_to[0]} in. Name the ranges or security groups that call it."
    elif resource.type == "aws:lb/loadBalancer:LoadBalancer" and at(props, "internal") not in (True, UNKNOWN):
        yield f"{name} is a load balancer on the internet. Set internal to true."
    elif resource.type == "aws:ecrpublic/repository:Repository":
        yield f"{name} is a public repository. Use aws.ecr.Repository."
    else:
        yield from _kubernetes(resource)


def _cluster(resource: Resource) -> Iterator[str]:
    if at(resource.props, "vpcConfig.endpointPublicAccess") in (False, UNKNOWN):
        return
    ranges = at(resource.props, "vpcConfig.publicAccessCidrs")
    if ranges is not UNKNOWN and (not ranges or any(cidr in EVERYWHERE for cidr in rows(ranges, ""))):
        yield (
            f"The API server of {resource.name} is open to the internet. Set groundwork:cluster.publicAccessCidrs to "
            f"the ranges of your own people, or leave it empty for an API that only the VPC reaches."
        )


def _sources(resource: Resource) -> list[Any]:
    """The ranges that a security group or a rule of one lets in."""
    props = resource.props
    if resource.type == RULE:
        return [at(props, "cidrIpv4"), at(props, "cidrIpv6")]
    if resource.type == OLD_RULE:
        blocks = [*rows(props, "cidrBlocks"), *rows(props, "ipv6CidrBlocks")]
        return blocks if at(props, "type") == "ingress" else []
    return [
        cidr for rule in rows(props, "ingress") for cidr in [*rows(rule, "cidrBlocks"), *rows(rule, "ipv6CidrBlocks")]
    ]


def _kubernetes(resource: Resource) -> Iterator[str]:
    notes = group(resource.props, "metadata.annotations")
    if resource.type == SERVICE and at(resource.props, "spec.type") == "LoadBalancer":
        if notes.get("service.beta.kubernetes.io/aws-load-balancer-scheme") != "internal":
            yield (
                f"{resource.name} is a load balancer on the internet. Set its annotation "
                f"service.beta.kubernetes.io/aws-load-balancer-scheme to internal."
            )
    elif "internet-facing" in (
        notes.get("alb.ingress.kubernetes.io/scheme"),
        at(resource.props, "spec.scheme") if resource.type == INGRESS_CLASS else None,
    ):
        yield f"{resource.name} is a load balancer on the internet. Set its scheme to internal."


@resource_rule(
    "no-public-policy",
    "No policy of a resource lets everybody in.",
    *DOCUMENTS,
)
def no_public_policy(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Resource policies that allow everybody, or a service on behalf of anybody, without a condition on who."""
    for statement in statements(resource):
        if statement.kind == "trust" or not statement.allows:
            continue
        if any(value == "*" for _, value in principals(statement)) and not _is_narrowed(statement):
            yield (
                f"Statement {statement.sid!r} of {resource.name} allows everybody. Name the principals, or add a "
                f"condition on aws:SourceAccount or aws:PrincipalOrgID."
            )


def _is_narrowed(statement: Statement) -> bool:
    conditions = group(statement.body, "Condition")
    keys = [key.split(":")[-1].lower() for operator in conditions.values() for key in group(operator)]
    return any(key in NARROWING for key in keys)


@stack_rule("buckets-private", "Each bucket blocks public access.")
def buckets_private(resources: Sequence[Resource], parameters: Parameters) -> Iterator[Violation]:
    """Buckets without a block of their own."""
    for bucket in buckets_without(resources, BLOCK):
        yield Violation(f"{bucket.name} has no BucketPublicAccessBlock. Add one with all four set to true.", bucket.urn)


@resource_rule(
    "machine-metadata",
    "Machines give their role's credentials to nobody who cannot ask for a token (IMDSv2).",
    *MACHINES,
)
def machine_metadata(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Machines that still answer the first version of the metadata service."""
    found = at(resource.props, "metadataOptions.httpTokens")
    if found in (MISSING, "optional"):
        yield f"{resource.name} answers IMDSv1. Set metadataOptions.httpTokens to required."
