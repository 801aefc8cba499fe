"""What stops a team's jobs before they pass its monthly budget or their own limit: a function and its schedule."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.iam import written_with
from components.placement import Placement
from components.spend_guard_code import HANDLER, code
from components.spend_guard_policy import guard_policy, guard_trust, schedule_policy, schedule_trust

RUNTIME = "python3.13"
MEMORY_MIB = 256
LONGEST_LOOK_S = 240
"""A look that takes longer has failed; the next one comes."""


@dataclass(frozen=True, kw_only=True)
class SpendGuardArgs:
    """What the guard needs.

    every_minutes: time between two looks (1 to 60). A job is stopped one look before its money is gone.
    contract_path: where in Parameter Store the contract lies, with the teams' limits.
    kms_key_arn: key of the artifact bucket. logs_key_arn: key of the function's log.
    topic_arn: SNS topic that hears when the guard fails or does not look any more.
    log_days: days that its log is kept.
    """

    placement: Placement
    every_minutes: int
    contract_path: str
    artifact_bucket_arn: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    topic_arn: pulumi.Input[str]
    log_days: int


class SpendGuard(pulumi.ComponentResource):
    """A function that looks every few minutes at what teams spend on SageMaker, and stops jobs that would pass a limit.

    It runs outside of every job and laptop. Endpoints are counted and never stopped.
    """

    function_arn: pulumi.Output[str]

    def __init__(self, name: str, args: SpendGuardArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:guardrails:SpendGuard", name, None, opts)
        self._name = name
        self._physical_name = f"{args.placement.prefix}-spend-guard"
        function = self._function(args)
        self.function_arn = function.arn
        self._schedule(args)
        self._alarm(args)
        self.register_outputs({"functionArn": self.function_arn})

    def _function(self, args: SpendGuardArgs) -> aws.lambda_.Function:
        name, child, place = self._name, pulumi.ResourceOptions(parent=self), args.placement
        log = aws.cloudwatch.LogGroup(
            f"{name}-log",
            name=f"/aws/lambda/{self._physical_name}",
            retention_in_days=args.log_days,
            kms_key_id=args.logs_key_arn,
            opts=child,
        )
        role = aws.iam.Role(
            f"{name}-role",
            name=self._physical_name,
            description="Looks at what teams spend, and stops jobs that would pass a limit",
            assume_role_policy=guard_trust(),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name="guard",
            role=role.name,
            policy=written_with(
                guard_policy,
                partition=place.partition,
                region=place.region,
                account_id=place.account_id,
                contract_path=args.contract_path,
                artifact_bucket_arn=args.artifact_bucket_arn,
                kms_key_arn=args.kms_key_arn,
                log_group_arn=log.arn,
            ),
            opts=child,
        )
        return aws.lambda_.Function(
            f"{name}-function",
            name=self._physical_name,
            description="Stops jobs before they pass their team's budget or their own limit",
            role=role.arn,
            runtime=RUNTIME,
            architectures=["arm64"],
            handler=HANDLER,
            code=code(),
            memory_size=MEMORY_MIB,
            timeout=LONGEST_LOOK_S,
            environment=aws.lambda_.FunctionEnvironmentArgs(
                variables={
                    "GROUNDWORK_CONTRACT": args.contract_path,
                    "GROUNDWORK_INTERVAL_S": str(args.every_minutes * 60),
                }
            ),
            logging_config=aws.lambda_.FunctionLoggingConfigArgs(log_format="Text", log_group=log.name),
            # It must come with its rights: the schedule starts it at once.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _schedule(self, args: SpendGuardArgs) -> None:
        name, child = self._name, pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-clock",
            name=f"{self._physical_name}-clock",
            description="Starts the spend guard",
            assume_role_policy=written_with(schedule_trust, account_id=args.placement.account_id),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-clock-policy",
            name="start",
            role=role.name,
            policy=written_with(schedule_policy, function_arn=self.function_arn),
            opts=child,
        )
        unit = "minute" if args.every_minutes == 1 else "minutes"
        aws.scheduler.Schedule(
            f"{name}-schedule",
            name=self._physical_name,
            description="Starts the spend guard",
            schedule_expression=f"rate({args.every_minutes} {unit})",
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=aws.scheduler.ScheduleTargetArgs(
                arn=self.function_arn,
                role_arn=role.arn,
                # A look that could not be started is worth nothing later: the next one is due.
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_event_age_in_seconds=60, maximum_retry_attempts=1
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _alarm(self, args: SpendGuardArgs) -> None:
        """Limits that nobody watches are none: no look for three times the interval is as bad as one that fails."""
        aws.cloudwatch.MetricAlarm(
            f"{self._name}-alarm",
            name=self._physical_name,
            alarm_description="The spend guard fails or does not look any more, so that no limit of a team or a job is "
            "kept from outside. Read the function's log.",
            namespace="AWS/Lambda",
            metric_name="Errors",
            dimensions={"FunctionName": self._physical_name},
            statistic="Sum",
            period=args.every_minutes * 60,
            evaluation_periods=3,
            threshold=1,
            comparison_operator="GreaterThanOrEqualToThreshold",
            treat_missing_data="breaching",
            alarm_actions=[args.topic_arn],
            ok_actions=[args.topic_arn],
            opts=pulumi.ResourceOptions(parent=self),
        )
