"""Cases of the rules about data: encryption, TLS, public access, protection, logs."""

import json
from typing import Any

from policies.model import Resource
from policies.parameters import Parameters
from policies.values import UNKNOWN
from tests.policy.cases import ACCOUNT, KEY, Case, allow, document, resource

BUCKET = resource("aws:s3/bucket:Bucket", "store", bucket="b")
TLS = {
    "Sid": "TlsOnly",
    "Effect": "Deny",
    "Principal": {"AWS": "*"},
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}
ALL_OFF = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
CLUSTER = "aws:eks/cluster:Cluster"
DATABASE = "aws:rds/instance:Instance"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INGRESS = "kubernetes:networking.k8s.io/v1:Ingress"
SERVICE = "kubernetes:core/v1:Service"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
LOSES_DATA = Parameters(protect_stateful=False)


def by_reference(kind: str, **inputs: Any) -> Resource:
    """A resource whose `bucket` is the other one's output, not known yet."""
    refers = {"bucket": frozenset({BUCKET.urn})}
    return Resource(type=kind, name="x", urn="urn:x", raw={"bucket": UNKNOWN, **inputs}, refers_to=refers)


def unprotected(kind: str, **inputs: Any) -> Resource:
    return Resource(type=kind, name="thing", urn="urn:thing", raw=inputs)


def one(kind: str, **inputs: Any) -> list[Resource]:
    return [resource(kind, **inputs)]


def disk(**ebs: Any) -> list[Resource]:
    return one(TEMPLATE, blockDeviceMappings=[{"deviceName": "/dev/xvda", "ebs": ebs}])


def annotated(kind: str, spec: dict[str, Any] | None = None, **notes: str) -> list[Resource]:
    names = {key.replace("__", "/").replace("_", "-"): value for key, value in notes.items()}
    dotted = {key.replace("alb-ingress-kubernetes-io", "alb.ingress.kubernetes.io"): names[key] for key in names}
    return one(kind, metadata={"name": "x", "annotations": dotted}, spec=spec or {})


def https_only(**more: str) -> list[Resource]:
    return annotated(INGRESS, alb_ingress_kubernetes_io__listen_ports=json.dumps([{"HTTPS": 443}]), **more)


def subnet(**inputs: Any) -> list[Resource]:
    return one("aws:ec2/subnet:Subnet", **inputs)


CASES = [
    Case("buckets-encrypted", "by name", [BUCKET, resource(ENCRYPTION, bucket="b")]),
    Case("buckets-encrypted", "by reference", [BUCKET, by_reference(ENCRYPTION)]),
    Case("buckets-encrypted", "nothing", [BUCKET], "BucketServerSideEncryptionConfiguration"),
    Case("buckets-encrypted", "another bucket's", [BUCKET, resource(ENCRYPTION, bucket="c")], "store has no"),
    Case("buckets-private", "a block", [BUCKET, by_reference(BLOCK)]),
    Case("buckets-private", "nothing", [BUCKET], "BucketPublicAccessBlock"),
    Case("buckets-tls-only", "a denial", [BUCKET, by_reference(POLICY, policy=document(TLS))]),
    Case("buckets-tls-only", "a policy that is not known yet", [BUCKET, by_reference(POLICY, policy=UNKNOWN)]),
    Case("buckets-tls-only", "nothing", [BUCKET], "aws:SecureTransport"),
    Case(
        "buckets-tls-only",
        "a policy of something else",
        [BUCKET, by_reference(POLICY, policy=document())],
        "aws:SecureTransport",
    ),
    Case("encrypted-at-rest", "a log group with a key", one(LOG_GROUP, kmsKeyId=KEY)),
    Case("encrypted-at-rest", "a key that is not known yet", one(LOG_GROUP, kmsKeyId=UNKNOWN)),
    Case("encrypted-at-rest", "a log group without", one(LOG_GROUP), "kmsKeyId"),
    Case("encrypted-at-rest", "a database", one(DATABASE, storageEncrypted=True)),
    Case("encrypted-at-rest", "a plain database", one(DATABASE, storageEncrypted=False), "storageEncrypted"),
    Case("encrypted-at-rest", "a plain cluster", one(CLUSTER), "a KMS key for secrets"),
    Case("encrypted-at-rest", "a key that rotates", one("aws:kms/key:Key", enableKeyRotation=True)),
    Case("encrypted-at-rest", "a key that does not", one("aws:kms/key:Key"), "rotated"),
    Case("encrypted-at-rest", "a topic without a key", one("aws:sns/topic:Topic"), "kmsMasterKeyId"),
    Case("encrypted-at-rest", "a workspace without a key", one("aws:amp/workspace:Workspace"), "kmsKeyArn"),
    Case("encrypted-at-rest", "a trail without a key", one("aws:cloudtrail/trail:Trail"), "kmsKeyId"),
    Case(
        "encrypted-at-rest",
        "a repository",
        one("aws:ecr/repository:Repository", encryptionConfigurations=[{"encryptionType": "KMS"}]),
    ),
    Case("encrypted-at-rest", "a repository without", one("aws:ecr/repository:Repository"), "KMS"),
    Case("encrypted-at-rest", "a queue", one("aws:sqs/queue:Queue", sqsManagedSseEnabled=True)),
    Case("encrypted-at-rest", "a plain queue", one("aws:sqs/queue:Queue"), "sqsManagedSseEnabled"),
    Case("encrypted-at-rest", "a machine's disk", disk(encrypted="true")),
    Case("encrypted-at-rest", "a machine's plain disk", disk(volumeSize=100), "/dev/xvda"),
    Case("tls-only", "a subscription", one("aws:sns/topicSubscription:TopicSubscription", protocol="https")),
    Case(
        "tls-only", "a plain subscription", one("aws:sns/topicSubscription:TopicSubscription", protocol="http"), "HTTPS"
    ),
    Case(
        "tls-only",
        "a forced database",
        one(
            "aws:rds/parameterGroup:ParameterGroup",
            family="postgres17",
            parameters=[{"name": "rds.force_ssl", "value": "1"}],
        ),
    ),
    Case(
        "tls-only",
        "a database that asks nobody",
        one("aws:rds/parameterGroup:ParameterGroup", family="postgres17"),
        "rds.force_ssl",
    ),
    Case("tls-only", "a database without parameters", one(DATABASE), "parameter group"),
    Case("tls-only", "an ingress", https_only()),
    Case("tls-only", "a plain ingress", annotated(INGRESS), "listen-ports"),
    Case("no-public-access", "a block with all four", one(BLOCK, **ALL_OFF)),
    Case(
        "no-public-access", "a block with three", one(BLOCK, **ALL_OFF | {"blockPublicAcls": False}), "blockPublicAcls"
    ),
    Case("no-public-access", "a private API", one(CLUSTER, vpcConfig={"endpointPublicAccess": False})),
    Case(
        "no-public-access",
        "an API for an office",
        one(CLUSTER, vpcConfig={"endpointPublicAccess": True, "publicAccessCidrs": ["198.18.7.0/24"]}),
    ),
    Case(
        "no-public-access",
        "an API for everybody",
        one(CLUSTER, vpcConfig={"endpointPublicAccess": True, "publicAccessCidrs": ["0.0.0.0/0"]}),
        "publicAccessCidrs",
    ),
    Case(
        "no-public-access",
        "an API without ranges",
        one(CLUSTER, vpcConfig={"endpointPublicAccess": True}),
        "publicAccessCidrs",
    ),
    Case("no-public-access", "a rule for the VPC", one(RULE, cidrIpv4="10.0.0.0/16")),
    Case("no-public-access", "a rule for everybody", one(RULE, cidrIpv4="0.0.0.0/0"), "0.0.0.0/0"),
    Case("no-public-access", "a rule for everybody by IPv6", one(RULE, cidrIpv6="::/0"), "::/0"),
    Case(
        "no-public-access",
        "a group with a rule in it",
        one("aws:ec2/securityGroup:SecurityGroup", ingress=[{"cidrBlocks": ["0.0.0.0/0"]}]),
        "0.0.0.0/0",
    ),
    Case(
        "no-public-access",
        "an old rule outward",
        one("aws:ec2/securityGroupRule:SecurityGroupRule", type="egress", cidrBlocks=["0.0.0.0/0"]),
    ),
    Case(
        "no-public-access",
        "an old rule inward",
        one("aws:ec2/securityGroupRule:SecurityGroupRule", type="ingress", cidrBlocks=["0.0.0.0/0"]),
        "0.0.0.0/0",
    ),
    Case("no-public-access", "a database", one(DATABASE, publiclyAccessible=False)),
    Case("no-public-access", "a public database", one(DATABASE, publiclyAccessible=True), "publiclyAccessible"),
    Case("no-public-access", "a subnet", subnet(mapPublicIpOnLaunch=False)),
    Case(
        "no-public-access", "a subnet that hands out addresses", subnet(mapPublicIpOnLaunch=True), "mapPublicIpOnLaunch"
    ),
    Case("no-public-access", "a service in the cluster", annotated(SERVICE, {"type": "ClusterIP"})),
    Case("no-public-access", "a load balancer", annotated(SERVICE, {"type": "LoadBalancer"}), "internal"),
    Case("no-public-access", "an internal ingress", https_only(alb_ingress_kubernetes_io__scheme="internal")),
    Case(
        "no-public-access",
        "an ingress for everybody",
        https_only(alb_ingress_kubernetes_io__scheme="internet-facing"),
        "internal",
    ),
    Case("no-public-access", "a public repository", one("aws:ecrpublic/repository:Repository"), "aws.ecr.Repository"),
    Case(
        "no-public-policy",
        "one account",
        one(
            "aws:sns/topicPolicy:TopicPolicy",
            policy=document(allow("A", "sns:Publish", "t", Principal={"AWS": ACCOUNT})),
        ),
    ),
    Case(
        "no-public-policy",
        "everybody of an organization",
        one(
            POLICY,
            policy=document(
                allow(
                    "A", "s3:GetObject", "b", Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
                )
            ),
        ),
    ),
    Case("no-public-policy", "a denial for everybody", one(POLICY, policy=document(TLS))),
    Case(
        "no-public-policy",
        "everybody",
        one(POLICY, policy=document(allow("A", "s3:GetObject", "b", Principal="*"))),
        "everybody",
    ),
    Case(
        "no-public-policy",
        "everybody over TLS",
        one(
            POLICY,
            policy=document(
                allow(
                    "A",
                    "s3:GetObject",
                    "b",
                    Principal={"AWS": "*"},
                    Condition={"Bool": {"aws:SecureTransport": "true"}},
                )
            ),
        ),
        "everybody",
    ),
    Case("machine-metadata", "tokens", one(TEMPLATE, metadataOptions={"httpTokens": "required"})),
    Case("machine-metadata", "AWS's default", one(TEMPLATE), "IMDSv1"),
    Case(
        "machine-metadata",
        "tokens for those who like",
        one(TEMPLATE, metadataOptions={"httpTokens": "optional"}),
        "required",
    ),
    Case("stateful-protected", "a protected bucket", one("aws:s3/bucket:Bucket", forceDestroy=False)),
    Case(
        "stateful-protected",
        "a bucket that may go",
        [unprotected("aws:s3/bucket:Bucket")],
        "groundwork:protection.protect",
    ),
    Case(
        "stateful-protected",
        "where the environment may lose its data",
        [unprotected("aws:s3/bucket:Bucket", forceDestroy=True)],
        parameters=LOSES_DATA,
    ),
    Case(
        "stateful-protected", "a bucket that is emptied", one("aws:s3/bucket:Bucket", forceDestroy=True), "forceDestroy"
    ),
    Case("stateful-protected", "a cache", [Resource(type="aws:s3/bucket:Bucket", name="ci-cache")]),
    Case("stateful-protected", "a cluster", one(CLUSTER, deletionProtection=True)),
    Case("stateful-protected", "a cluster that EKS would delete", one(CLUSTER), "deletionProtection"),
    Case("stateful-protected", "a database", one(DATABASE, deletionProtection=True, skipFinalSnapshot=False)),
    Case(
        "stateful-protected",
        "a database without a last snapshot",
        one(DATABASE, deletionProtection=True, skipFinalSnapshot=True),
        "skipFinalSnapshot",
    ),
    Case("log-retention", "two weeks", one(LOG_GROUP, retentionInDays=14)),
    Case("log-retention", "AWS's default", one(LOG_GROUP), "retentionInDays"),
    Case("log-retention", "for good", one(LOG_GROUP, retentionInDays=0), "retentionInDays"),
    Case(
        "log-groups-declared",
        "a cluster with its group",
        [resource(CLUSTER, name="c", enabledClusterLogTypes=["api"]), resource(LOG_GROUP, name="/aws/eks/c/cluster")],
    ),
    Case("log-groups-declared", "a cluster that logs nothing", [resource(CLUSTER, name="c")]),
    Case(
        "log-groups-declared",
        "a cluster without its group",
        [resource(CLUSTER, name="c", enabledClusterLogTypes=["api"])],
        "/aws/eks/c/cluster",
    ),
]
