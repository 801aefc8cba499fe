"""IAM policies of the role that a team's members submit jobs with."""

from collections.abc import Sequence

from components.approval_policy import OWN_NAMES, PIPELINE_SUFFIX
from components.iam import Statement, allow, document, unscoped
from components.monitoring.topic_policy import publishing
from components.record_policy import results_kept
from components.training_policy import file_access, tracking_access

JOB_KINDS = ("training-job", "processing-job", "transform-job", "hyper-parameter-tuning-job", "pipeline")
OWN_LOG_GROUPS = ("TrainingJobs", "ProcessingJobs", "TransformJobs")
"""Log groups that all teams' jobs share, below /aws/sagemaker/: members read their own streams."""
SERVING_KINDS = ("model", "endpoint", "endpoint-config", "inference-component")


TEAM_TAG = "groundwork:team"
"""Tag of an IAM role or user, or of a session, that makes it a member of the team that it names."""
TRUST_POLICY_CHARACTERS = 2048
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


def submit_trust(
    *,
    partition: str,
    account_id: str,
    members: Sequence[str],
    tagged: str | None = None,
    pipeline: str | None = None,
) -> str:
    """Who may assume the role: the members named; without any, whoever the IAM policies of the account let.

    tagged: a team's name; whoever in the account carries it in the tag TEAM_TAG is a member too. A list of members
        grows with the team and IAM takes so many characters; a condition on an attribute does not
        (https://docs.aws.amazon.com/IAM/latest/UserGuide/introduction_attribute-based-access-control.html).

    pipeline: name of the role of the team's CI, whose sessions are called after who started the job and `-ci`.

    A session may carry who it is, as its source identity: its own name and nobody else's.
    """
    actions, own_name = ["sts:AssumeRole", "sts:SetSourceIdentity"], {"sts:SourceIdentity": list(OWN_NAMES)}
    account = f"arn:{partition}:iam::{account_id}:root"
    statements: list[Statement] = []
    if members or tagged is None:
        principals = list(members) or [account]
        statements.append(
            {
                "Sid": "Members",
                "Effect": "Allow",
                "Principal": {"AWS": principals},
                "Action": actions,
                "Condition": {"StringEqualsIfExists": own_name},
            }
        )
    if pipeline is not None:
        statements.append(
            {
                "Sid": "Pipelines",
                "Effect": "Allow",
                "Principal": {"AWS": [account]},
                "Action": actions,
                "Condition": {
                    "ArnEquals": {"aws:PrincipalArn": f"arn:{partition}:iam::{account_id}:role/{pipeline}"},
                    "StringLike": {"sts:SourceIdentity": f"*{PIPELINE_SUFFIX}"},
                },
            }
        )
    if tagged is not None:
        statements.append(
            {
                "Sid": "TaggedMembers",
                "Effect": "Allow",
                "Principal": {"AWS": [account]},
                "Action": actions,
                "Condition": {
                    "StringEquals": {f"aws:PrincipalTag/{TEAM_TAG}": tagged},
                    "StringEqualsIfExists": own_name,
                },
            }
        )
    return document(*statements)


def submit_policy(
    *,
    partition: str,
    region: str,
    account_id: str,
    team: str,
    contract_path: str,
    execution_role_arn: str,
    cluster_arn: str,
    data_bucket_arn: str,
    artifact_bucket_arn: str,
    kms_key_arn: str,
    approval_required: bool = False,
    alerts_of: str | None = None,
) -> str:
    """What a member may do: submit, watch and stop jobs and endpoints named `<team>-…`, with the team's role alone.

    alerts_of: prefix of the platform's names; members tell people through its alert topic.

    approval_required: members deploy the models that approvers make; they make none from files of their own.

    Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
    """
    arn = f"arn:{partition}"
    sagemaker = f"{arn}:sagemaker:{region}:{account_id}"
    logs = f"{arn}:logs:{region}:{account_id}:log-group:/aws/sagemaker"
    statements = [
        *file_access(team, data_bucket_arn, artifact_bucket_arn, kms_key_arn),
        results_kept(artifact_bucket_arn, team),
        allow("Jobs", _job_actions(), [f"{sagemaker}:{kind}/{team}-*" for kind in JOB_KINDS]),
        allow(
            "Serving",
            _serving_actions(makes_models=not approval_required),
            [f"{sagemaker}:{kind}/{team}-*" for kind in SERVING_KINDS],
        ),
        unscoped(
            "Lists",
            [
                "sagemaker:ListEndpointConfigs",
                "sagemaker:ListEndpoints",
                "sagemaker:ListModelPackageGroups",
                "sagemaker:ListModels",
                "sagemaker:ListProcessingJobs",
                "sagemaker:ListTrainingJobs",
                "sagemaker:ListTransformJobs",
            ],
            because="SageMaker's List actions know no resources",
        ),
        allow(
            "PassTheTeamsRole",
            ["iam:PassRole"],
            [execution_role_arn],
            {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
        # SageMaker's SDK looks the role up. Not also SimulatePrincipalPolicy: with it the SDK demands that the role may
        # do things to every resource (a list in its iam_policies.py) and refuses to submit; without, it warns.
        allow("LookUpTheTeamsRole", ["iam:GetRole"], [execution_role_arn]),
        # All teams' jobs share a log group: members find the names of its streams, and read their own. An action on a
        # log group asks for its ARN with `:*`, which an empty stream's name satisfies
        # (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html).
        allow(
            "FindLogs",
            ["logs:DescribeLogStreams"],
            [
                *(f"{logs}/{group}{streams}" for group in OWN_LOG_GROUPS for streams in ("", ":*")),
                f"{logs}/Endpoints/{team}-*",
            ],
        ),
        allow(
            "ReadLogs",
            ["logs:FilterLogEvents", "logs:GetLogEvents"],
            [*(f"{logs}/{group}:log-stream:{team}-*" for group in OWN_LOG_GROUPS), f"{logs}/Endpoints/{team}-*"],
        ),
        unscoped(
            "Metrics",
            ["cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:ListMetrics"],
            because="CloudWatch's reads know no resources",
        ),
        # `ml watch` tells what a window of requests was found to be.
        unscoped(
            "OwnMetrics",
            ["cloudwatch:PutMetricData"],
            because="PutMetricData knows no resources; the condition narrows it to the team's own namespace",
            conditions={"StringEquals": {"cloudwatch:namespace": f"groundwork/{team}"}},
        ),
        allow(
            "Contract",
            ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"],
            [f"{arn}:ssm:{region}:{account_id}:parameter{path}" for path in (contract_path, f"{contract_path}/*")],
        ),
        allow("FindCluster", ["eks:DescribeCluster"], [cluster_arn]),
        unscoped(
            "Quotas",
            ["servicequotas:ListServiceQuotas"],
            because="ListServiceQuotas knows no resources",
        ),
    ]
    if alerts_of is not None:
        # `ml watch` tells people which features drifted.
        statements += publishing(partition, region, account_id, alerts_of)
    return document(*statements)


def tracking_policy(tracking_server_arn: str) -> str:
    """What a member does with runs and models on the tracking server or the MLflow app."""
    return document(tracking_access(tracking_server_arn))


def _job_actions() -> list[str]:
    actions = ["sagemaker:AddTags", "sagemaker:ListTags", "sagemaker:ListTrainingJobsForHyperParameterTuningJob"]
    for kind in ("TrainingJob", "ProcessingJob", "TransformJob", "HyperParameterTuningJob"):
        actions += [f"sagemaker:{verb}{kind}" for verb in ("Create", "Describe", "Stop")]
    return actions


def _serving_actions(*, makes_models: bool) -> list[str]:
    actions = ["sagemaker:AddTags", "sagemaker:ListTags"]
    for kind in ("Model", "EndpointConfig", "Endpoint", "InferenceComponent"):
        actions += [f"sagemaker:{verb}{kind}" for verb in ("Create", "Describe", "Delete")]
    if not makes_models:
        # CreateModel has no condition key for the package: a member could make a model of any file. The approver does.
        actions.remove("sagemaker:CreateModel")
    return [
        *actions,
        "sagemaker:UpdateEndpoint",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "sagemaker:UpdateInferenceComponent",
        "sagemaker:InvokeEndpoint",
        "sagemaker:InvokeEndpointAsync",
    ]
