"""What this server records and checks, and behind which nothing runs; `groundwork local types` prints the list.

What is missing here either really does something (SageMaker jobs and endpoints, objects in S3, an EKS cluster's
Kubernetes API, tokens and access entries, MLflow tracking servers, the IAM policy simulator) or is moto's, which
keeps what it is told and checks little of it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recorded:
    """A resource type that is only recorded.

    checks: what a request must satisfy besides the service model. without: what AWS would do and nothing here does.
    """

    service: str
    resource: str
    checks: str
    without: str


RECORDED: tuple[Recorded, ...] = (
    Recorded(
        "eks",
        "add-on",
        "name, configuration values are an object, roles of its pod identities",
        "nothing is installed on the cluster",
    ),
    Recorded(
        "eks",
        "pod identity association",
        "role, its trust policy, one a service account",
        "pods get no credentials",
    ),
    Recorded(
        "eks",
        "cluster: Auto Mode's compute, storage and load balancing",
        "the three switches agree, node pools, roles, subnets in two zones",
        "no node is started, no volume or load balancer made",
    ),
    Recorded(
        "eks",
        "cluster: logging, encryption, versions, upgrade policy, zonal shift, endpoint access",
        "only one kind of change at a time, versions one by one, deletion protection",
        "the API server has one version, one address and no audit log",
    ),
    Recorded(
        "eks",
        "access policies for AWS's own controllers (AmazonEKSAutoNodePolicy and the like)",
        "the name",
        "they allow nothing: those controllers do not run here",
    ),
    Recorded("kms", "rotation period of a key", "90 to 2560 days", "key material is not rotated"),
    Recorded("logs", "class and KMS key of a log group", "the key exists", "events are not encrypted"),
)
