"""Settings of teams, training and tracking."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.approval_policy import approve_trust
from components.ci_team_role import team_role_name
from components.team_policy import TEAM_TAG, TRUST_POLICY_CHARACTERS, submit_trust
from infra.sections.queues import Image, TeamQueueSettings
from infra.sections.section import Problem, Section, check
from infra.sections.values import KubernetesName, LogRetention, Principal, matching

LONGEST_JOB_SECONDS = 28 * 24 * 3600
"""SageMaker's own limit: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html"""
LONGEST_ENVIRONMENT = 20
"""Characters of a stack's name; infra/settings.py holds it to them."""
Uri = Annotated[str, AfterValidator(matching(r"https?://[^\s/]+(/\S*)?", "an http:// or https:// address"))]
Count = Annotated[int, Field(ge=0)]
PLATFORM_NAMESPACES = ("grafana", "kueue-system", "monitoring", "tracking")
SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
HostName = Annotated[
    str,
    AfterValidator(
        matching(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", "a host name, such as mlflow.ml.example.com")
    ),
]
CertificateArn = Annotated[
    str,
    AfterValidator(
        matching(
            r"arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/[\w-]+",
            "the ARN of a certificate of AWS Certificate Manager",
        )
    ),
]


class QuotaSettings(Section):
    """The most that a team's pods ask for at a time. neuron_devices: Trainium and Inferentia chips."""

    cpus: Count = 32
    memory_gib: Count = 128
    gpus: Count = 0
    neuron_devices: Count = 0
    pods: Count = 100


class TeamSettings(Section):
    """An ML team.

    name: also its namespace and the first part of its jobs' names.
    members: IAM roles and users that may submit jobs; without any, the account's own IAM policies decide.
    approvers: IAM roles and users that may approve its models, each in its own name and none of its own.
    member_tag: whoever carries the team's name in the IAM tag `groundwork:team` may submit jobs, too.
    quota: the most that its pods ask for at a time.
    queue: what of the pools is its own, and what it borrows and lends.
    """

    name: KubernetesName
    members: tuple[Principal, ...] = ()
    approvers: tuple[Principal, ...] = ()
    member_tag: bool = False
    quota: QuotaSettings = QuotaSettings()
    queue: TeamQueueSettings = TeamQueueSettings()

    @check("name")
    def the_namespace_is_free(self) -> Iterator[Problem]:
        """Names that Kubernetes keeps for itself."""
        if self.name in SYSTEM_NAMESPACES or self.name.startswith("kube-"):
            yield Problem(key="name", value=self.name, message="Kubernetes keeps this name for itself")
        if self.name in PLATFORM_NAMESPACES:
            yield Problem(key="name", value=self.name, message="the platform has a namespace of this name")
        if self.name.startswith("index-"):
            message = "the platform contract calls its list of teams so"
            yield Problem(key="name", value=self.name, message=message)

    @check("name", "members", "member_tag")
    def the_members_fit_into_a_policy(self) -> Iterator[Problem]:
        """More members than the trust policy of the team's role holds, with the arithmetic."""
        named = [m if m.startswith("arn:") else f"arn:aws:iam::{'0' * 12}:{m}" for m in self.members]
        tagged = self.name if self.member_tag else None
        # The longest environment's name that there can be: which one this is, a team does not know.
        trust = submit_trust(
            partition="aws",
            account_id="0" * 12,
            members=named,
            tagged=tagged,
            pipeline=team_role_name("e" * LONGEST_ENVIRONMENT, self.name),
        )
        size = len(trust.replace(" ", ""))
        if size > TRUST_POLICY_CHARACTERS:
            yield Problem(
                key="members",
                value=f"{len(self.members)} members",
                message=f"their role's trust policy has {size} characters, and IAM takes {TRUST_POLICY_CHARACTERS}; "
                f"set `memberTag: true` and give members the tag {TEAM_TAG}={self.name} instead of naming them",
            )

    @check("approvers")
    def the_approvers_fit_into_a_policy(self) -> Iterator[Problem]:
        """More approvers than the trust policy of the approver role holds."""
        named = [one if one.startswith("arn:") else f"arn:aws:iam::{'0' * 12}:{one}" for one in self.approvers]
        size = len(approve_trust(partition="aws", account_id="0" * 12, approvers=named).replace(" ", ""))
        if size > TRUST_POLICY_CHARACTERS:
            yield Problem(
                key="approvers",
                value=f"{len(self.approvers)} approvers",
                message=f"their role's trust policy has {size} characters, and IAM takes {TRUST_POLICY_CHARACTERS}; "
                "name a role that they share instead",
            )


class TrainingSettings(Section):
    """What holds for every managed job.

    max_runtime_seconds: the longest time that a job may ask for.
    use_vpc: whether jobs and endpoints attach to the platform's subnets.
    endpoint_log_days: days that the log of an endpoint is kept.
    """

    max_runtime_seconds: Annotated[int, Field(ge=60, le=LONGEST_JOB_SECONDS)] = 24 * 3600
    use_vpc: bool = True
    endpoint_log_days: LogRetention = 30


class DatabaseSettings(Section):
    """The PostgreSQL database of a tracking server on the cluster.

    instance_class: of RDS.
    version: major version of PostgreSQL.
    storage_gib, max_storage_gib: what it starts with and grows to.
    multi_az: whether a second instance in another zone takes over.
    backup_days: how far back it can be restored to any moment.
    log_days: days that its log is kept.
    """

    instance_class: Annotated[
        str, AfterValidator(matching(r"db\.[a-z0-9-]+\.[a-z0-9]+", "an instance class of RDS, such as db.t4g.small"))
    ] = "db.t4g.small"
    version: Literal["15", "16", "17"] = "17"
    storage_gib: Annotated[int, Field(ge=20, le=65_536)] = 20
    max_storage_gib: Annotated[int, Field(ge=20, le=65_536)] = 100
    multi_az: bool = False
    backup_days: Annotated[int, Field(ge=1, le=35)] = 7
    log_days: LogRetention = 30

    @check("storage_gib", "max_storage_gib")
    def it_can_grow(self) -> Iterator[Problem]:
        """An end below the beginning. RDS asks for a tenth of room to grow
        (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html)."""
        least = -(-self.storage_gib * 11 // 10)
        if self.max_storage_gib < least:
            message = f"allowed is {least} or more, a tenth above storageGib ({self.storage_gib})"
            yield Problem(key="maxStorageGib", value=self.max_storage_gib, message=message)


class TrackingSettings(Section):
    """Experiment tracking.

    kind: `server` for a tracking server that SageMaker manages, `app` for its serverless MLflow app, `cluster` for one
        on the cluster, `existing` for one that is there already.
    uri: address of the existing one.
    size: of the managed server.
    image: on the cluster, with mlflow, psycopg2 and boto3.
    host: name that clients of the one on the cluster use.
    certificate_arn: certificate for that name.
    database: of the one on the cluster.
    """

    kind: Literal["server", "app", "cluster", "existing"] = "server"
    uri: Uri | None = None
    size: Literal["Small", "Medium", "Large"] = "Small"
    image: Image | None = None
    host: HostName | None = None
    certificate_arn: CertificateArn | None = None
    database: DatabaseSettings = DatabaseSettings()

    @check("kind", "uri")
    def an_existing_server_has_an_address(self) -> Iterator[Problem]:
        """An address where there is one to give, and only there."""
        if (self.kind == "existing") != (self.uri is not None):
            yield Problem(
                key="uri",
                value=self.uri,
                message="an address goes together with `kind: existing`, neither without the other",
            )

    @check("kind", "image", "host", "certificate_arn")
    def one_on_the_cluster_says_what_and_where(self) -> Iterator[Problem]:
        """What is asked for where it runs on the cluster, and there alone."""
        given = {"image": self.image, "host": self.host, "certificateArn": self.certificate_arn}
        for key, value in given.items():
            if (self.kind == "cluster") != (value is not None):
                message = "it goes together with `kind: cluster`, neither without the other"
                yield Problem(key=key, value=value, message=message)
