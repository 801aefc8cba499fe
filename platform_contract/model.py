"""The contract's sections as typed, immutable models."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = 1
"""Raised only when a reader of the previous version could no longer understand the document.

Adding a field is not such a change: readers ignore fields that they do not know.
"""

Arn = Annotated[str, Field(pattern=r"^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$")]
S3Uri = Annotated[str, Field(pattern=r"^s3://[a-z0-9.\-]{3,63}(/.*)?$")]
Name = Annotated[str, Field(min_length=1, max_length=63)]


class Section(BaseModel):
    """One document of the contract. Unknown fields are ignored, so that an older reader survives a newer platform."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Platform(Section):
    """Which platform this is and where.

    schema_version: version of the contract that the writer used (SCHEMA_VERSION).
    environment: name of the environment, which is the Pulumi stack's name.
    account_id: 12 digits. A client whose caller belongs to another account must refuse to act.
    alert_topic_arn: SNS topic that teams tell people by; None of a platform that does not let them.
    """

    schema_version: int
    environment: Name
    account_id: Annotated[str, Field(pattern=r"^\d{12}$")]
    region: str
    partition: str
    alert_topic_arn: Arn | None = None


class Network(Section):
    """Where jobs and endpoints attach when they run inside the VPC."""

    vpc_id: str
    private_subnet_ids: tuple[str, ...]
    job_security_group_id: str


class Storage(Section):
    """Buckets by purpose, and the key that encrypts what is written to them."""

    data_bucket: str
    artifact_bucket: str
    log_bucket: str
    kms_key_arn: Arn


class Registry(Section):
    """Container image repositories.

    repositories: repository purpose (`training`, `serving`, …) to repository URL without a tag.
    serving_image: full image URI that an endpoint uses when a job's spec names none.
    build_project: name of the CodeBuild project that makes images; empty where there is none.
    approval_required: whether a model is served only once a person other than its author has approved it.
    readers: accounts that promotions from here go to: they may read registered models and their packages.
    """

    repositories: dict[str, str]
    serving_image: str
    build_project: str = ""
    approval_required: bool = False
    readers: tuple[str, ...] = ()


class Cluster(Section):
    """The Kubernetes cluster.

    node_pools: Kubernetes resource (`nvidia.com/gpu`, `aws.amazon.com/neuron`, `cpu`) to the node pools with it, by
        name, and the most of it that each may ever hold. A pool's nodes have the label `groundwork/pool` with its name.
    """

    name: str
    arn: Arn
    node_pools: dict[str, dict[str, int]] = Field(default_factory=dict)


class Tracking(Section):
    """Experiment tracking.

    uri: what an MLflow client takes as its tracking URI: the ARN of a tracking server managed by SageMaker, or an
        HTTP(S) address.
    artifact_uri: where runs keep their artifacts.
    """

    uri: str
    artifact_uri: S3Uri


class Training(Section):
    """What holds for every managed job.

    max_runtime_seconds: the longest time that a job may ask for.
    use_vpc: whether jobs and endpoints attach to the platform's subnets.
    endpoint_log_days: days that the log of an endpoint is kept.
    """

    max_runtime_seconds: Annotated[int, Field(ge=1)]
    use_vpc: bool
    endpoint_log_days: Annotated[int, Field(ge=1)] = 30


class Team(Section):
    """One ML team's share of the platform.

    namespace: its Kubernetes namespace.
    execution_role_arn: role that its jobs and endpoints run with.
    submit_role_arn: role that its members assume to submit and watch jobs.
    approve_role_arn: role that its approvers assume to approve or reject models; None where it has none.
    data_uri, artifact_uri: the prefixes that belong to it alone; neither ends with a slash.
    queue: name of its queue in its namespace, which its jobs on the cluster wait in; empty where jobs do not wait.
    monthly_budget_usd: dollars that its managed jobs and endpoints may cost in a calendar month (UTC); None: no limit.
    """

    name: Name
    namespace: str
    queue: str = ""
    execution_role_arn: Arn
    submit_role_arn: Arn
    approve_role_arn: Arn | None = None
    data_uri: S3Uri
    artifact_uri: S3Uri
    monthly_budget_usd: Annotated[float, Field(gt=0)] | None = None


class PlatformContract(Section):
    """The whole contract."""

    platform: Platform
    network: Network
    storage: Storage
    registry: Registry
    cluster: Cluster
    tracking: Tracking
    training: Training
    teams: dict[str, Team]
