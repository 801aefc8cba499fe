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
    Recorded("ec2", "placement group", "name, what goes with which strategy", "nothing is placed"),
    Recorded(
        "eks",
        "managed node group, and its Auto Scaling group with its tags and its size",
        "role, subnets of the cluster's VPC, launch template and its version, sizes, capacity blocks, taints",
        "no machine is started and no node joins",
    ),
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
    Recorded(
        "codebuild",
        "project, webhook",
        "role, cache bucket, VPC, GPU sizes, a credential for the forge, an EVENT filter",
        "no build of a forge's repository runs (those of sources in S3 do), and no forge is told of a webhook",
    ),
    Recorded(
        "codebuild",
        "source credential",
        "the connection is confirmed, the secret exists",
        "the token is neither kept nor used",
    ),
    Recorded(
        "codeconnections",
        "connection",
        "a provider or a host; PENDING until confirmed (docs/ci.md)",
        "no forge is connected",
    ),
    Recorded("iam", "identity provider", "address, audiences", "no token of a forge is accepted"),
    Recorded(
        "ecr",
        "scanning configuration of the registry",
        "the service model",
        "scans look up locked Python packages in a file of advisories (docs/images.md)",
    ),
    Recorded(
        "grafana",
        "workspace, its SAML configuration and its permissions",
        "role, version and that it only rises, name, configuration is an object, SAML where users sign in by it",
        "no Grafana answers at the workspace's address",
    ),
    Recorded("kms", "rotation period of a key", "90 to 2560 days", "key material is not rotated"),
    Recorded(
        "amp",
        "workspace, its configuration and logging",
        "the key and the log group exist, days of retention",
        "nothing is kept: `groundwork local monitoring` runs a Prometheus with its rules",
    ),
    Recorded(
        "amp",
        "rule-group namespace, Alertmanager definition",
        "their form, one definition a workspace, SNS receivers alone and topics that exist",
        "no rule is evaluated and no alert is sent",
    ),
    Recorded(
        "amp",
        "scraper",
        "form and interval, private endpoint, subnets in two zones of the cluster's VPC, the workspace",
        "nothing is scraped, and no access entry made",
    ),
    Recorded(
        "cloudwatch",
        "composite alarm",
        "the rule, the alarms that it names, and that none of them is deleted before it",
        "its state is looked up when somebody asks; no action is taken",
    ),
    Recorded("sns", "e-mail subscription, key of a topic", "the key exists", "no mail is sent, no message encrypted"),
    Recorded("logs", "class and KMS key of a log group", "the key exists", "events are not encrypted"),
    Recorded(
        "budgets",
        "budget with its notifications and subscribers",
        "an amount, filters and metrics together, five notifications, who may subscribe, duplicates",
        "nothing is spent, so nobody is notified",
    ),
    Recorded(
        "ce",
        "cost anomaly monitor and subscription",
        "what goes with which kind of monitor, one monitor of all services, which frequency goes to whom",
        "no anomaly is found",
    ),
    Recorded(
        "cloudtrail",
        "trail",
        "bucket and key, and that their policies let CloudTrail write, duplicates",
        "no event is logged",
    ),
    Recorded(
        "scheduler",
        "schedule with `cron(…)`, or with another target than a function",
        "the expression's form, the role and its trust policy",
        "nothing is started",
    ),
    Recorded(
        "ecr",
        "pull-through cache rule",
        "prefix, upstream, the secret and its name, 50 rules",
        "no image is fetched from another registry",
    ),
    Recorded(
        "rds",
        "database instance, subnet group, parameter group",
        "groups exist and are not in use when deleted, subnets in two zones, key, last snapshot, deletion protection",
        "no database runs",
    ),
)
