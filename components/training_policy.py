"""IAM policies of the role that a team's jobs and endpoints run with."""

from collections.abc import Sequence

from components.iam import Statement, allow, deny, document, trust, unscoped
from components.mlflow_actions import CLIENT_ACTIONS
from components.record_policy import RECORD_FOLDERS, approved_models_kept, record_objects, records_kept
from components.team_prefix import SHARED_PREFIX, team_prefix
from components.tracking_policy import ARTIFACT_PREFIX

READ_OBJECTS = ("s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging")
WRITE_OBJECTS = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
PULL_IMAGES = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
AWS_IMAGES = (
    "djl-*",
    "huggingface-*",
    "mxnet-*",
    "pytorch-*",
    "sagemaker-*",
    "tensorflow-*",
    "xgboost",
)
"""Repositories of AWS's own framework images. Their accounts differ by region and framework, so the account is open.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths/sagemaker-algo-docker-registry-paths.html
"""


def execution_trust(account_id: str) -> str:
    """SageMaker and the cluster's pods assume the role, on behalf of this account alone (the confused deputy problem).

    Source for pods: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-role.html
    """
    of_this_account = {"StringEquals": {"aws:SourceAccount": account_id}}
    return document(
        trust(["sagemaker.amazonaws.com"], conditions=of_this_account),
        trust(
            ["pods.eks.amazonaws.com"],
            sid="Pods",
            actions=["sts:AssumeRole", "sts:TagSession"],
            conditions=of_this_account,
        ),
    )


def execution_policy(
    *,
    partition: str,
    region: str,
    account_id: str,
    team: str,
    data_bucket_arn: str,
    artifact_bucket_arn: str,
    kms_key_arn: str,
    repository_arns: Sequence[str],
    tracking_server_arn: str | None,
    use_vpc: bool,
) -> str:
    """What a team's jobs may do: their own prefixes, shared data, logs, metrics, images and experiment tracking.

    A job writes no ledger entry and no audit line: its code is whatever somebody trains.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html
    """
    arn = f"arn:{partition}"
    log_groups = f"{arn}:logs:{region}:{account_id}:log-group:/aws/sagemaker/"
    statements = [
        *file_access(team, data_bucket_arn, artifact_bucket_arn, kms_key_arn),
        deny("NoRecordsOfItsOwn", ["s3:PutObject"], record_objects(artifact_bucket_arn, team)),
        approved_models_kept(artifact_bucket_arn, team),
        allow(
            "Logs",
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [f"{log_groups}*"],
        ),
        unscoped(
            "Metrics",
            ["cloudwatch:PutMetricData"],
            because="PutMetricData knows no resources; the condition narrows it to SageMaker's namespaces",
            conditions={"StringLike": {"cloudwatch:namespace": ["/aws/sagemaker/*", f"groundwork/{team}"]}},
        ),
        # SageMaker looks at the alarms of a rollout with the role of the endpoint
        # (https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails-configuration.html).
        allow(
            "RolloutAlarms",
            ["cloudwatch:DescribeAlarms"],
            [f"{arn}:cloudwatch:{region}:{account_id}:alarm:{team}-*"],
        ),
        unscoped(
            "RegistryLogin",
            ["ecr:GetAuthorizationToken"],
            because="GetAuthorizationToken knows no resources",
        ),
        allow(
            "Images",
            PULL_IMAGES,
            [*repository_arns, *(f"{arn}:ecr:{region}:*:repository/{name}" for name in AWS_IMAGES)],
        ),
    ]
    if tracking_server_arn is not None:
        statements.append(tracking_access(tracking_server_arn))
    if use_vpc:
        statements += _network_access(arn, region, account_id)
    return document(*statements)


def file_access(team: str, data_bucket_arn: str, artifact_bucket_arn: str, kms_key_arn: str) -> list[Statement]:
    """A team's own prefixes of both buckets, the runs' artifacts, and shared data to read; nothing of another team.

    Ledger entries and audit lines are read, and written once (`records_kept`). Runs' artifacts lie under one prefix for
    all teams, because the tracking server knows one alone.
    """
    own, buckets = team_prefix(team), [data_bucket_arn, artifact_bucket_arn]
    listed = [own, f"{own}/*", SHARED_PREFIX, f"{SHARED_PREFIX}/*", ARTIFACT_PREFIX, f"{ARTIFACT_PREFIX}/*"]
    runs = f"{artifact_bucket_arn}/{ARTIFACT_PREFIX}/*"
    return [
        allow("ListOwnFiles", ["s3:ListBucket"], buckets, {"StringLike": {"s3:prefix": listed}}),
        allow("FindBuckets", ["s3:GetBucketLocation"], buckets),
        # What was overwritten or deleted in spite of all is seen in the versions.
        allow(
            "SeeWhetherRecordsChanged",
            ["s3:ListBucketVersions"],
            [artifact_bucket_arn],
            {"StringLike": {"s3:prefix": [f"{own}/{folder}/*" for folder in RECORD_FOLDERS]}},
        ),
        allow("OwnFiles", [*READ_OBJECTS, *WRITE_OBJECTS], [f"{bucket}/{own}/*" for bucket in buckets] + [runs]),
        allow("SharedData", READ_OBJECTS, [f"{data_bucket_arn}/{SHARED_PREFIX}/*"]),
        *records_kept(record_objects(artifact_bucket_arn, team)),
        # Encrypt is what SageMaker asks of the role for a key in OutputDataConfig, GenerateDataKey what S3 asks.
        allow("Encryption", ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"], [kms_key_arn]),
        # SageMaker encrypts volumes by a grant that it makes in the name of the job's role
        # (https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html) and, for an endpoint, of who creates or
        # updates it (https://docs.aws.amazon.com/sagemaker/latest/dg/api-permissions-reference.html). Nobody makes one
        # for anything but an AWS service.
        allow("VolumeEncryption", ["kms:CreateGrant"], [kms_key_arn], {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
    ]


def tracking_access(tracking_server_arn: str) -> Statement:
    """Record runs and models on the tracking server or the MLflow app.

    What a client of an app needs besides is in AWS's own policies AmazonSageMakerJobFullAccess and
    AmazonSageMakerModelCustomizationCoreAccess.
    """
    is_app = ":mlflow-app/" in tracking_server_arn
    actions = ("sagemaker:CallMlflowAppApi", *CLIENT_ACTIONS) if is_app else CLIENT_ACTIONS
    return allow("Tracking", actions, [tracking_server_arn])


def _network_access(arn: str, region: str, account_id: str) -> list[Statement]:
    """What SageMaker needs to put a job's network interfaces into a VPC.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html (CreateTrainingJob with a VPC)
    """
    ours = f"{arn}:ec2:{region}:{account_id}"
    return [
        allow(
            "NetworkInterfaces",
            [
                "ec2:CreateNetworkInterface",
                "ec2:CreateNetworkInterfacePermission",
                "ec2:DeleteNetworkInterface",
                "ec2:DeleteNetworkInterfacePermission",
            ],
            [f"{ours}:network-interface/*", f"{ours}:subnet/*", f"{ours}:security-group/*"],
        ),
        unscoped(
            "Network",
            [
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            because="EC2's Describe actions know no resources",
        ),
    ]
