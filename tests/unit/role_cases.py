"""The roles of an environment: who assumes each, what it may do and must not.

docs/roles.md says the same in words. The environment is the one that Pulumi.prod.yaml sets, with its teams research and
ranking.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.unit.recording import ACCOUNT
from tests.unit.roles import Role

PREFIX = "groundwork-prod"
DATA, ARTIFACTS = f"arn:aws:s3:::{PREFIX}-data-{ACCOUNT}", f"arn:aws:s3:::{PREFIX}-artifacts-{ACCOUNT}"
SAGEMAKER = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
LOGS = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group"
ALARMS = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:{PREFIX}-alerts"
TOPIC_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/alerts"
ALARM_VERBS = ("PutMetricAlarm", "TagResource", "DescribeAlarms", "DescribeAlarmHistory", "DeleteAlarms")
ROLES = f"arn:aws:iam::{ACCOUNT}:role"
PARAMETERS = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter"
WORKSPACE = f"arn:aws:aps:us-east-1:{ACCOUNT}:workspace/ws-prometheus"
OUR_GROUP = f"arn:aws:autoscaling:us-east-1:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/eks-pool"
IMAGES = f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/groundwork/prod"
BUILDER = f"arn:aws:codebuild:us-east-1:{ACCOUNT}:project/{PREFIX}-images"
TEAM = "research"
"""Names of roles carry their team; what is said of one team's role is asked of this team's."""


@dataclass(frozen=True)
class Request:
    """One request that a role's policies are asked about."""

    action: str
    resource: str = "*"
    context: Mapping[str, str] = field(default_factory=dict[str, str])

    def asked(self, role: Role) -> bool:
        """Whether the role's policies allow it."""
        return role.may(self.action, self.resource, self.context)

    def __str__(self) -> str:
        return f"{self.action} {self.resource}"


@dataclass(frozen=True, kw_only=True)
class RoleCase:
    """One row of the table.

    title: as docs/roles.md calls the role.
    pattern: logical name.
    assumed_by: services and principals of its trust policy.
    """

    title: str
    pattern: str
    assumed_by: Sequence[str]
    may: Sequence[Request] = ()
    must_not: Sequence[Request] = ()

    def names_in(self, roles: Mapping[str, Role]) -> list[str]:
        """Logical names of the recorded roles that this row is about, one team's of each."""
        return [name for name in roles if re.fullmatch(self.pattern, name) and (TEAM in name or "ranking" not in name)]

    def __str__(self) -> str:
        return self.title


OWN_FILES = [
    Request("s3:GetObject", f"{DATA}/teams/{TEAM}/x"),
    Request("s3:GetObject", f"{DATA}/shared/x"),
    Request("s3:PutObject", f"{ARTIFACTS}/teams/{TEAM}/x"),
    Request("s3:ListBucket", DATA, {"s3:prefix": f"teams/{TEAM}/x"}),
]
RECORD = f"{ARTIFACTS}/teams/{TEAM}/audit/1.json"
SCALABLE = f"arn:aws:application-autoscaling:us-east-1:{ACCOUNT}:scalable-target/0ab1"
SCALING_VERBS = (
    *("RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction"),
    *("DeleteScalingPolicy", "DeleteScheduledAction", "DeregisterScalableTarget"),
)
OUR_TARGET, OUR_NEW_TARGET = {"aws:ResourceTag/groundwork:team": TEAM}, {"aws:RequestTag/groundwork:team": TEAM}
THEIR_TARGET = {"aws:ResourceTag/groundwork:team": "ranking"}
ENTRY = f"{ARTIFACTS}/teams/{TEAM}/ledger/endpoint/{TEAM}-1/1/opened.json"
CHANGED_RECORDS = [
    *(Request("s3:PutObject", one) for one in (RECORD, ENTRY)),
    *(Request("s3:PutObject", one, {"s3:if-match": "an-etag"}) for one in (RECORD, ENTRY)),
    *(Request("s3:DeleteObject", one) for one in (RECORD, ENTRY)),
    *(Request("s3:DeleteObjectVersion", one) for one in (RECORD, ENTRY)),
]
ONCE = {"s3:if-none-match": "*"}
"""The condition key of a write that replaces nothing."""
OTHERS_FILES = [
    Request("s3:GetObject", f"{DATA}/teams/ranking/x"),
    Request("s3:PutObject", f"{ARTIFACTS}/teams/ranking/x"),
    Request("s3:PutObject", f"{DATA}/shared/x"),
    Request("s3:ListBucket", DATA, {"s3:prefix": "teams/ranking/"}),
    Request("s3:ListBucket", DATA),
]


A_BUILD = {
    "codebuild:source.location": f"{PREFIX}-artifacts-{ACCOUNT}/teams/{TEAM}/images/x.zip",
    "codebuild:environment.environmentVariables.name": "IMAGE_TAG",
    "codebuild:environment.environmentVariables/IMAGE_REPOSITORY.value": "training",
}
"""What `ml images build training` asks for, as IAM sees it."""
OTHER_BUILDS = [
    {},
    A_BUILD | {"codebuild:source.location": f"{PREFIX}-artifacts-{ACCOUNT}/teams/ranking/images/x.zip"},
    A_BUILD | {"codebuild:environment.environmentVariables/IMAGE_REPOSITORY.value": "serving"},
    A_BUILD | {"codebuild:environment.environmentVariables.name": "FAIL_ON"},
    A_BUILD | {"codebuild:source.buildspec": "true"},
    A_BUILD | {"codebuild:serviceRole": f"{ROLES}/admin"},
    A_BUILD | {"codebuild:environment.image": "somebody/else:1"},
]
"""Builds that would make the builder's role do something else."""


PACKAGE = f"{SAGEMAKER}:model-package/{TEAM}-loans/3"
AUTHOR = "sagemaker:CustomerMetadataProperties/groundwork-author"
PROPOSED_BY = "sagemaker:CurrentCustomerMetadataProperties/groundwork-author"
STATUS = "sagemaker:ModelApprovalStatus"


def proposal(author: str, status: str = "PendingManualApproval", by: str = "ada") -> Request:
    """A package that `by` makes in the name of `author`."""
    context = {"aws:SourceIdentity": by} if by else {}
    return Request("sagemaker:CreateModelPackage", PACKAGE, {**context, AUTHOR: author, STATUS: status})


def decision(author: str, status: str = "Approved", by: str = "bob", **more: str) -> Request:
    """A package of `author` that `by` decides about."""
    context = {"aws:SourceIdentity": by} if by else {}
    about = {PROPOSED_BY: author} if author else {}
    return Request("sagemaker:UpdateModelPackage", PACKAGE, {**context, **about, STATUS: status, **more})


CASES = [
    RoleCase(
        title="cluster",
        pattern=r"cluster-roles-cluster",
        assumed_by=["eks.amazonaws.com"],
        may=[Request("ec2:DescribeInstances")],
        must_not=[Request("s3:GetObject", f"{DATA}/x"), Request("sagemaker:CreateTrainingJob")],
    ),
    RoleCase(
        title="nodes",
        pattern=r"cluster-roles-nodes",
        assumed_by=["ec2.amazonaws.com"],
        may=[Request("ecr:GetAuthorizationToken"), Request("ecr:BatchGetImage", "r")],
        must_not=[
            Request("ecr:PutImage", "r"),
            Request("s3:GetObject", f"{DATA}/x"),
            Request("ec2:TerminateInstances", "i"),
            Request("sts:AssumeRole", f"{ROLES}/{PREFIX}-{TEAM}-execution"),
        ],
    ),
    RoleCase(
        title="managed nodes",
        pattern=r"managed-nodes-nodes",
        assumed_by=["ec2.amazonaws.com"],
        may=[Request("ecr:BatchGetImage", "r"), Request("eks:DescribeCluster", "c")],
        must_not=[
            Request("s3:GetObject", f"{DATA}/x"),
            Request("ec2:TerminateInstances", "i"),
            Request("ecr:PutImage", "r"),
        ],
    ),
    RoleCase(
        title="managed nodes' network",
        pattern=r"managed-nodes-network",
        assumed_by=["pods.eks.amazonaws.com"],
        may=[Request("ec2:AssignPrivateIpAddresses", f"arn:aws:ec2:us-east-1:{ACCOUNT}:network-interface/eni-1")],
        must_not=[Request("ec2:RunInstances", "i"), Request("s3:GetObject", f"{DATA}/x")],
    ),
    RoleCase(
        title="cluster autoscaler",
        pattern=r"autoscaler-role",
        assumed_by=["pods.eks.amazonaws.com"],
        may=[
            Request("autoscaling:DescribeAutoScalingGroups"),
            Request(
                "autoscaling:SetDesiredCapacity",
                OUR_GROUP,
                {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{PREFIX}": "owned"},
            ),
        ],
        must_not=[
            Request("autoscaling:SetDesiredCapacity", OUR_GROUP),
            Request("autoscaling:DeleteAutoScalingGroup", OUR_GROUP),
            Request("ec2:RunInstances", "i"),
        ],
    ),
    RoleCase(
        title="Grafana",
        pattern=r"grafana-role",
        assumed_by=["pods.eks.amazonaws.com"],
        may=[
            Request("aps:QueryMetrics", WORKSPACE),
            Request("cloudwatch:GetMetricData", "*", {"aws:RequestedRegion": "us-east-1"}),
        ],
        must_not=[
            Request("aps:RemoteWrite", WORKSPACE),
            Request("aps:QueryMetrics", f"{WORKSPACE}-other"),
            Request("cloudwatch:PutMetricData"),
            Request("cloudwatch:GetMetricData", "*", {"aws:RequestedRegion": "eu-west-1"}),
            Request("logs:GetLogEvents", f"{LOGS}:/aws/sagemaker/TrainingJobs:log-stream:x"),
        ],
    ),
    RoleCase(
        title="image builder",
        pattern=r"images-role",
        assumed_by=["codebuild.amazonaws.com"],
        may=[
            Request("s3:GetObject", f"{ARTIFACTS}/teams/{TEAM}/images/x.zip"),
            Request("ecr:PutImage", f"{IMAGES}/candidates"),
            Request("ecr:PutImage", f"{IMAGES}/serving"),
            Request("ecr:GetAuthorizationToken"),
            Request("logs:PutLogEvents", f"{LOGS}:/groundwork/prod/images:log-stream:x"),
        ],
        must_not=[
            Request("s3:GetObject", f"{ARTIFACTS}/teams/{TEAM}/jobs/x/output/model.tar.gz"),
            Request("s3:GetObject", f"{DATA}/teams/{TEAM}/x"),
            Request("s3:PutObject", f"{ARTIFACTS}/teams/{TEAM}/images/x.zip"),
            Request("ecr:PutImage", f"{IMAGES}-other/serving"),
            Request("ecr:BatchDeleteImage", f"{IMAGES}/serving"),
            Request("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/{TEAM}-1"),
            Request("codebuild:StartBuild", BUILDER),
        ],
    ),
    RoleCase(
        title="flow logs",
        pattern=r"network-flow-logs-writer",
        assumed_by=["vpc-flow-logs.amazonaws.com"],
        must_not=[
            Request("logs:PutLogEvents", f"{LOGS}:/aws/eks/{PREFIX}/cluster:log-stream:x"),
            Request("logs:DeleteLogGroup", f"{LOGS}:/groundwork/prod/vpc-flow-logs"),
        ],
    ),
    RoleCase(
        title="spend guard",
        pattern=r"spend-guard-role",
        assumed_by=["lambda.amazonaws.com"],
        may=[
            Request("sagemaker:ListTrainingJobs"),
            *(
                Request(f"sagemaker:{verb}TrainingJob", f"{SAGEMAKER}:training-job/any")
                for verb in ("Describe", "Stop")
            ),
            Request("sagemaker:StopProcessingJob", f"{SAGEMAKER}:processing-job/any"),
            Request("sagemaker:AddTags", f"{SAGEMAKER}:training-job/any"),
            Request("ssm:GetParametersByPath", f"{PARAMETERS}/groundwork/prod/contract/teams"),
            Request("s3:PutObject", f"{ARTIFACTS}/spend-guard/2026-11.json"),
            Request("s3:PutObject", f"{ARTIFACTS}/teams/{TEAM}/spend/2026-11.json"),
            Request("s3:PutObject", f"{ARTIFACTS}/teams/{TEAM}/ledger/events/training-job/x/1.json"),
            Request("logs:PutLogEvents", f"{LOGS}:/aws/lambda/{PREFIX}-spend-guard:log-stream:x"),
        ],
        must_not=[
            Request("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/any"),
            Request("sagemaker:DeleteEndpoint", f"{SAGEMAKER}:endpoint/any"),
            Request("sagemaker:AddTags", f"{SAGEMAKER}:endpoint/any"),
            Request("s3:GetObject", f"{DATA}/teams/{TEAM}/x"),
            Request("s3:GetObject", f"{ARTIFACTS}/teams/{TEAM}/x"),
            Request("s3:PutObject", f"{ARTIFACTS}/teams/{TEAM}/jobs/x/output/model.tar.gz"),
            Request("s3:PutObject", f"{ARTIFACTS}/teams/{TEAM}/ledger/training-job/x/1/opened.json"),
            Request("ssm:PutParameter", f"{PARAMETERS}/groundwork/prod/contract/teams/{TEAM}"),
            Request("lambda:UpdateFunctionCode", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{PREFIX}-spend-guard"),
        ],
    ),
    RoleCase(
        title="spend guard's clock",
        pattern=r"spend-guard-clock",
        assumed_by=["scheduler.amazonaws.com"],
        may=[Request("lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{PREFIX}-spend-guard")],
        must_not=[
            Request("lambda:InvokeFunction", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:other"),
            Request("sagemaker:StopTrainingJob", f"{SAGEMAKER}:training-job/any"),
        ],
    ),
    RoleCase(
        title="tracking server",
        pattern=r"tracking-server-role",
        assumed_by=["sagemaker.amazonaws.com"],
        may=[Request("s3:PutObject", f"{ARTIFACTS}/mlflow/x")],
        must_not=[
            Request("s3:GetObject", f"{DATA}/teams/{TEAM}/x"),
            Request("s3:GetObject", f"{ARTIFACTS}/teams/{TEAM}/x"),
        ],
    ),
    RoleCase(
        title="team's execution",
        pattern=r"training-[a-z-]+",
        assumed_by=["sagemaker.amazonaws.com", "pods.eks.amazonaws.com"],
        may=[
            *OWN_FILES,
            Request("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": f"groundwork/{TEAM}"}),
            Request("cloudwatch:DescribeAlarms", f"{ALARMS}:{TEAM}-1/errors"),
            Request("logs:PutLogEvents", f"{LOGS}:/aws/sagemaker/TrainingJobs:log-stream:x"),
            Request("ecr:GetAuthorizationToken"),
        ],
        must_not=[
            *OTHERS_FILES,
            *CHANGED_RECORDS,
            *(Request("s3:PutObject", one, ONCE) for one in (RECORD, ENTRY)),
            Request("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "groundwork/ranking"}),
            Request("iam:PassRole", f"{ROLES}/{PREFIX}-{TEAM}-execution"),
            Request("ssm:GetParameter", f"{PARAMETERS}/groundwork/prod/contract/platform"),
            Request("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/{TEAM}-1"),
        ],
    ),
    RoleCase(
        title="team's submit",
        pattern=r"team-[a-z-]+-submit",
        assumed_by=[f"arn:aws:iam::{ACCOUNT}:root"],
        may=[
            *OWN_FILES,
            *(Request("s3:PutObject", one, ONCE) for one in (RECORD, ENTRY)),
            *(Request("s3:GetObject", one) for one in (RECORD, ENTRY)),
            Request("s3:ListBucketVersions", ARTIFACTS, {"s3:prefix": f"teams/{TEAM}/audit/"}),
            Request("sagemaker:ListProcessingJobs"),
            Request("sagemaker:ListTransformJobs"),
            *(
                Request(f"sagemaker:{verb}TransformJob", f"{SAGEMAKER}:transform-job/{TEAM}-1")
                for verb in ("Create", "Describe", "Stop")
            ),
            Request("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/{TEAM}-1"),
            Request("sagemaker:InvokeEndpoint", f"{SAGEMAKER}:endpoint/{TEAM}-1"),
            *(
                Request(f"sagemaker:{verb}InferenceComponent", f"{SAGEMAKER}:inference-component/{TEAM}-1")
                for verb in ("Create", "Describe", "Update", "Delete")
            ),
            *(Request(f"application-autoscaling:{verb}", SCALABLE, OUR_TARGET) for verb in SCALING_VERBS),
            Request("application-autoscaling:RegisterScalableTarget", SCALABLE, OUR_NEW_TARGET),
            Request("application-autoscaling:TagResource", SCALABLE, OUR_NEW_TARGET),
            Request("cloudwatch:PutMetricAlarm", f"{ALARMS}:TargetTracking-endpoint/{TEAM}-1/variant/main-AlarmHigh-1"),
            Request("sagemaker:InvokeEndpointAsync", f"{SAGEMAKER}:endpoint/{TEAM}-1"),
            proposal("ada"),
            Request("sagemaker:CreateModelPackageGroup", f"{SAGEMAKER}:model-package-group/{TEAM}-loans"),
            Request("sagemaker:DescribeModelPackage", PACKAGE),
            Request("ecr:DescribeImages", f"{IMAGES}/serving"),
            Request("codebuild:StartBuild", BUILDER, A_BUILD),
            Request("codebuild:BatchGetBuilds", BUILDER),
            Request("logs:GetLogEvents", f"{LOGS}:/groundwork/prod/images:log-stream:x"),
            Request("logs:PutRetentionPolicy", f"{LOGS}:/aws/sagemaker/Endpoints/{TEAM}-1"),
            *(Request(f"cloudwatch:{verb}", f"{ALARMS}:{TEAM}-1/errors") for verb in ALARM_VERBS),
            Request("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": f"groundwork/{TEAM}"}),
            Request("sns:Publish", TOPIC),
            Request("kms:GenerateDataKey", TOPIC_KEY, {"kms:ResourceAliases": f"alias/{PREFIX}-alerts"}),
            Request("logs:TagResource", f"{LOGS}:/aws/sagemaker/Endpoints/{TEAM}-1"),
            Request("ssm:GetParametersByPath", f"{PARAMETERS}/groundwork/prod/contract/teams"),
            Request(
                "iam:PassRole",
                f"{ROLES}/{PREFIX}-{TEAM}-execution",
                {"iam:PassedToService": "sagemaker.amazonaws.com"},
            ),
            Request("logs:GetLogEvents", f"{LOGS}:/aws/sagemaker/ProcessingJobs:log-stream:{TEAM}-1"),
            Request("logs:GetLogEvents", f"{LOGS}:/aws/sagemaker/TransformJobs:log-stream:{TEAM}-1"),
        ],
        must_not=[
            *OTHERS_FILES,
            *CHANGED_RECORDS,
            Request("s3:GetObject", f"{ARTIFACTS}/teams/ranking/audit/1.json"),
            Request("s3:PutObject", f"{ARTIFACTS}/teams/ranking/audit/1.json", ONCE),
            Request("s3:ListBucketVersions", ARTIFACTS, {"s3:prefix": "teams/ranking/audit/"}),
            Request("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/ranking-1"),
            Request("sagemaker:CreateTransformJob", f"{SAGEMAKER}:transform-job/ranking-1"),
            Request("sagemaker:DeleteEndpoint", f"{SAGEMAKER}:endpoint/ranking-1"),
            Request("sagemaker:UpdateInferenceComponent", f"{SAGEMAKER}:inference-component/ranking-1"),
            *(Request(f"application-autoscaling:{verb}", SCALABLE) for verb in SCALING_VERBS),
            *(Request(f"application-autoscaling:{verb}", SCALABLE, THEIR_TARGET) for verb in SCALING_VERBS),
            Request("application-autoscaling:RegisterScalableTarget", SCALABLE, THEIR_TARGET | OUR_NEW_TARGET),
            Request("application-autoscaling:TagResource", SCALABLE, THEIR_TARGET | OUR_NEW_TARGET),
            proposal("bob"),
            proposal("ada", by=""),
            proposal("ada", status="Approved"),
            decision("ada"),
            Request("sagemaker:CreateModel", f"{SAGEMAKER}:model/{TEAM}-1"),
            Request("s3:PutObject", f"{ARTIFACTS}/teams/{TEAM}/approved/loans/x/model.tar.gz"),
            Request("ecr:PutImage", f"{IMAGES}/training"),
            Request("logs:PutRetentionPolicy", f"{LOGS}:/aws/sagemaker/Endpoints/ranking-1"),
            *(Request(f"cloudwatch:{verb}", f"{ALARMS}:ranking-1/errors") for verb in ALARM_VERBS),
            Request("cloudwatch:SetAlarmState", f"{ALARMS}:{TEAM}-1/errors"),
            Request("cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "groundwork/ranking"}),
            Request("sns:Publish", f"{TOPIC}-of-others"),
            Request("sns:Subscribe", TOPIC),
            Request("kms:GenerateDataKey", TOPIC_KEY, {"kms:ResourceAliases": f"alias/{PREFIX}-tracking"}),
            Request("logs:TagResource", f"{LOGS}:/aws/sagemaker/Endpoints/ranking-1"),
            Request("logs:TagResource", f"{LOGS}:/aws/eks/{PREFIX}/cluster"),
            *(Request("codebuild:StartBuild", BUILDER, context) for context in OTHER_BUILDS),
            Request("iam:PassRole", f"{ROLES}/{PREFIX}-{TEAM}-execution", {"iam:PassedToService": "ec2.amazonaws.com"}),
            Request(
                "iam:PassRole",
                f"{ROLES}/{PREFIX}-ranking-execution",
                {"iam:PassedToService": "sagemaker.amazonaws.com"},
            ),
            Request("ssm:PutParameter", f"{PARAMETERS}/groundwork/prod/contract/platform"),
            Request("logs:GetLogEvents", f"{LOGS}:/aws/sagemaker/TrainingJobs:log-stream:ranking-1"),
            Request("logs:GetLogEvents", f"{LOGS}:/aws/sagemaker/ProcessingJobs:log-stream:ranking-1"),
            Request("s3:PutObject", f"{ARTIFACTS}/teams/{TEAM}/validations/{TEAM}-1-data/result.json"),
            Request("s3:DeleteObject", f"{ARTIFACTS}/teams/{TEAM}/validations/passed/x.json"),
        ],
    ),
    RoleCase(
        title="team's approve",
        pattern=r"approvals-[a-z-]+-role",
        assumed_by=[f"{ROLES}/ml-approvers"],
        may=[
            decision("ada"),
            decision("ada", status="Rejected"),
            Request("sagemaker:DescribeModelPackage", PACKAGE),
            Request("sagemaker:DescribeProcessingJob", f"{SAGEMAKER}:processing-job/{TEAM}-gates-1"),
            Request("sagemaker:CreateModel", f"{SAGEMAKER}:model/{TEAM}-1"),
            Request("s3:GetObject", f"{ARTIFACTS}/teams/{TEAM}/registry/loans/3/card.html"),
            Request("s3:PutObject", f"{ARTIFACTS}/teams/{TEAM}/approved/loans/x/model.tar.gz"),
            *(Request("s3:PutObject", one, ONCE) for one in (RECORD, ENTRY)),
        ],
        must_not=[
            decision("bob"),
            decision("bob-ci"),
            decision("ada", by=""),
            decision(""),
            decision("ada", status="PendingManualApproval"),
            decision("ada", **{AUTHOR: "carol"}),
            decision("ada", **{"sagemaker:CustomerMetadataPropertiesToRemove": "groundwork-author"}),
            proposal("bob", by="bob"),
            *CHANGED_RECORDS,
            Request("s3:GetObject", f"{ARTIFACTS}/teams/ranking/registry/loans/3/card.html"),
            Request("s3:PutObject", f"{ARTIFACTS}/teams/{TEAM}/jobs/x/output/model.tar.gz"),
            Request("s3:GetObject", f"{DATA}/teams/{TEAM}/x"),
            Request("sagemaker:CreateTrainingJob", f"{SAGEMAKER}:training-job/{TEAM}-1"),
            Request("sagemaker:CreateEndpoint", f"{SAGEMAKER}:endpoint/{TEAM}-1"),
            Request(
                "sagemaker:UpdateModelPackage", f"{SAGEMAKER}:model-package/ranking-loans/3", decision("ada").context
            ),
        ],
    ),
]
