"""Where SageMaker writes the logs of managed jobs: groups that every environment of an account shares."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.keys import own_logs_key
from components.placement import Placement

JOB_LOG_GROUPS = ("TrainingJobs", "ProcessingJobs", "TransformJobs")
"""After `/aws/sagemaker/` (https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html)."""


@dataclass(frozen=True, kw_only=True)
class JobLogsArgs:
    """What the groups need.

    days: that logs are kept.
    deletion_window_days: days that the deleted key can still be saved (7 to 30).
    """

    placement: Placement
    days: int
    deletion_window_days: int = 30


class JobLogs(pulumi.ComponentResource):
    """The log groups of jobs, encrypted and with an end.

    SageMaker makes each of them with the first job of its kind, and then keeps every line for ever. So they are made
    before, or imported where they are there already.
    """

    def __init__(self, name: str, args: JobLogsArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:monitoring:JobLogs", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        key = own_logs_key(
            f"{name}-key", args.placement, "job-logs", "logs of SageMaker's jobs", args.deletion_window_days, child
        )
        for group in JOB_LOG_GROUPS:
            aws.cloudwatch.LogGroup(
                f"{name}-{group}",
                name=f"/aws/sagemaker/{group}",
                retention_in_days=args.days,
                kms_key_id=key.arn,
                opts=child,
            )
        self.register_outputs({})
