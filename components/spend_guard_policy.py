"""IAM policies of the spend guard: of the function, and of the schedule that starts it."""

from components.iam import allow, document, trust, unscoped

JOB_KINDS = {"training-job": "TrainingJob", "processing-job": "ProcessingJob", "transform-job": "TransformJob"}
"""Word in ARNs to part of the actions' names."""


def guard_trust() -> str:
    """Lambda assumes the role. A function of another account cannot have it: Lambda takes only roles that whoever
    makes the function may pass, and documents no condition for this policy
    (https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html)."""
    return document(trust(["lambda.amazonaws.com"]))


def schedule_trust(account_id: str) -> str:
    """EventBridge Scheduler assumes the role, for schedules of this account (the confused deputy problem).

    Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    return document(trust(["scheduler.amazonaws.com"], conditions={"StringEquals": {"aws:SourceAccount": account_id}}))


def schedule_policy(function_arn: str) -> str:
    """Start the one function."""
    return document(allow("StartTheGuard", ["lambda:InvokeFunction"], [function_arn]))


def guard_policy(
    *,
    partition: str,
    region: str,
    account_id: str,
    contract_path: str,
    artifact_bucket_arn: str,
    kms_key_arn: str,
    log_group_arn: str,
) -> str:
    """Look at every job and endpoint, stop jobs and write on them why; read the contract; write what was seen.

    It may stop every job of the account and region, as it cannot know the names of jobs that will be; it starts and
    deletes nothing. Of the buckets' objects it reads its own memory alone.
    Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
    """
    arn = f"arn:{partition}"
    sagemaker = f"{arn}:sagemaker:{region}:{account_id}"
    jobs = [f"{sagemaker}:{kind}/*" for kind in JOB_KINDS]
    parameter = f"{arn}:ssm:{region}:{account_id}:parameter{contract_path}"
    return document(
        unscoped(
            "Lists",
            [f"sagemaker:List{name}s" for name in (*JOB_KINDS.values(), "Endpoint")],
            because="SageMaker's List actions know no resources",
        ),
        allow(
            "LookAtJobs",
            [f"sagemaker:{verb}{name}" for name in JOB_KINDS.values() for verb in ("Describe", "Stop")]
            + ["sagemaker:AddTags", "sagemaker:ListTags"],
            jobs,
        ),
        allow(
            "LookAtEndpoints",
            ["sagemaker:DescribeEndpoint", "sagemaker:DescribeEndpointConfig", "sagemaker:DescribeModel"],
            [f"{sagemaker}:{kind}/*" for kind in ("endpoint", "endpoint-config", "model")],
        ),
        allow("Contract", ["ssm:GetParameters", "ssm:GetParametersByPath"], [parameter, f"{parameter}/*"]),
        allow("OwnMemory", ["s3:GetObject", "s3:PutObject"], [f"{artifact_bucket_arn}/spend-guard/*"]),
        # Without the right to list, S3 answers 403 for the first look of a month, and not that nothing is there yet.
        allow(
            "FindOwnMemory",
            ["s3:ListBucket"],
            [artifact_bucket_arn],
            {"StringLike": {"s3:prefix": ["spend-guard/*"]}},
        ),
        allow(
            "TellTeams",
            ["s3:PutObject"],
            [f"{artifact_bucket_arn}/teams/*/spend/*", f"{artifact_bucket_arn}/teams/*/ledger/events/*"],
        ),
        allow("Encryption", ["kms:Decrypt", "kms:GenerateDataKey"], [kms_key_arn]),
        allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"]),
    )
