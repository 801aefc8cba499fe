"""Nothing is reached without TLS."""

from collections.abc import Iterator, Sequence

from policies.iam_documents import statements
from policies.model import Resource, Violation, resource_rule, stack_rule
from policies.parameters import Parameters
from policies.rules.buckets import buckets_without
from policies.values import UNKNOWN, at, decoded, group, rows

PARAMETERS = "aws:rds/parameterGroup:ParameterGroup"
DATABASE = "aws:rds/instance:Instance"
INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"


@stack_rule("buckets-tls-only", "Each bucket refuses requests that do not come over TLS.")
def buckets_tls_only(resources: Sequence[Resource], parameters: Parameters) -> Iterator[Violation]:
    """Buckets without a denial of plain HTTP."""
    for bucket in buckets_without(resources, "aws:s3/bucketPolicy:BucketPolicy", _denies_plain_http):
        yield Violation(
            f"{bucket.name} has no BucketPolicy that denies s3:* where aws:SecureTransport is false. Add that "
            f"statement (components/artifact_store.py: `bucket_policy`).",
            bucket.urn,
        )


def _denies_plain_http(policy: Resource) -> bool:
    if at(policy.props, "policy") is UNKNOWN:
        return True
    return any(
        statement.body.get("Effect") == "Deny"
        and "s3:*" in statement.listed("Action")
        and at(statement.body, "Condition.Bool") == {"aws:SecureTransport": "false"}
        for statement in statements(policy)
    )


@resource_rule(
    "tls-only",
    "Whatever is called from elsewhere is called over TLS.",
    "aws:sns/topicSubscription:TopicSubscription",
    "aws:lb/listener:Listener",
    "aws:codebuild/project:Project",
    PARAMETERS,
    DATABASE,
    INGRESS,
)
def tls_only(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Plain-text ways in or out."""
    props, name = resource.props, resource.name
    if at(props, "protocol") == "http" or str(at(props, "protocol")).upper() == "HTTP":
        redirects = at(props, "defaultActions.redirect.protocol") == "HTTPS"
        if not redirects:
            yield f"{name} speaks plain HTTP. Use HTTPS."
    if at(props, "source.insecureSsl") is True:
        yield f"{name} fetches its source without checking certificates. Leave insecureSsl out."
    if resource.type == PARAMETERS and "postgres" in str(at(props, "family")):
        forced = [row for row in rows(props, "parameters") if at(row, "name") == "rds.force_ssl"]
        if [str(at(row, "value")) for row in forced] != ["1"]:
            yield f"{name} lets clients connect without TLS. Set the parameter rds.force_ssl to 1."
    if resource.type == DATABASE and at(props, "parameterGroupName") is None:
        yield f"{name} has no parameter group, so nothing forces TLS. Give it one with rds.force_ssl = 1."
    if resource.type == INGRESS:
        yield from _ingress(resource)


def _ingress(resource: Resource) -> Iterator[str]:
    """An Application Load Balancer listens on plain HTTP unless it is told a certificate or its ports.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-alb.html (listen-ports, certificate-arn)
    """
    if at(resource.props, "metadata.annotations") is UNKNOWN:
        return
    notes = group(resource.props, "metadata.annotations")
    ports = rows(decoded(notes.get("alb.ingress.kubernetes.io/listen-ports", "")), "")
    listens = {name for row in ports for name in group(row)}
    redirected = "alb.ingress.kubernetes.io/ssl-redirect" in notes
    if listens != {"HTTPS"} and not (redirected and "HTTPS" in listens):
        yield (
            f"{resource.name} listens on plain HTTP. Set the annotation alb.ingress.kubernetes.io/listen-ports to "
            f"'[{{\"HTTPS\": 443}}]', and certificate-arn to a certificate of ACM."
        )
