"""Looks at the platform before a job is sent: the caller, the role, the quota, the image, the team's budget.

Each check asks AWS once. What the caller may not ask is reported as not known, with the reason: a plan never says that
something is in order which it has not seen.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment, is_denied
from ml.plan.cost import Cost
from ml.plan.finding import Finding, Level
from ml.plan.quotas import find_quota
from ml.spec import JobSpec
from platform_contract import PlatformContract, Team
from prices import dollars


def check_account(environment: Environment, contract: PlatformContract) -> Finding:
    """Who calls, and that the contract is of the caller's account."""
    answer = environment.clients.client("sts").get_caller_identity()
    expected, account = contract.platform.account_id, answer["Account"]
    if account != expected:
        text = f"the contract is of {expected}, the caller {answer['Arn']} belongs to {account}"
        return Finding("account", Level.ERROR, text)
    return Finding("account", Level.OK, f"{account}, as {answer['Arn']}")


def check_role(environment: Environment, team: Team) -> Finding:
    """That the role which the job runs with is there, and that SageMaker may assume it."""
    name = team.execution_role_arn.rpartition("/")[2]
    try:
        role = environment.clients.client("iam").get_role(RoleName=name)["Role"]
    except ClientError as error:
        if is_denied(error):
            return Finding("role", Level.UNKNOWN, f"{team.execution_role_arn}: {_refusal(error)}")
        if error_details(error).code == "NoSuchEntity":
            return Finding(
                "role", Level.ERROR, f"{team.execution_role_arn} is not there: has the platform been brought up?"
            )
        raise
    if not _sagemaker_may_assume(role["AssumeRolePolicyDocument"]):
        text = f"{team.execution_role_arn}: its trust policy does not let sagemaker.amazonaws.com assume it"
        return Finding("role", Level.ERROR, text)
    return Finding("role", Level.OK, team.execution_role_arn)


def _sagemaker_may_assume(document: Any) -> bool:
    """botocore hands the document over parsed; other ways it comes as text."""
    policy = json.loads(unquote(document)) if isinstance(document, str) else document
    for statement in policy.get("Statement", []):
        principal: Any = statement.get("Principal", {})
        # An account or everybody may be a text; services are a member.
        services: Any = [] if isinstance(principal, str) else principal.get("Service", [])
        named = [services] if isinstance(services, str) else services
        if statement.get("Effect") == "Allow" and "sagemaker.amazonaws.com" in named:
            return True
    return False


def check_quota(environment: Environment, spec: JobSpec) -> Finding:
    """That the account may run so many machines of the type at once. What runs already is not counted."""
    usage = "spot training job usage" if spec.spot else "training job usage"
    name = f"{spec.instance.type} for {usage}"
    try:
        quota = find_quota(environment, "sagemaker", name)
    except ClientError as error:
        if not is_denied(error):
            raise
        return Finding("quota", Level.UNKNOWN, f"{name}: {_refusal(error)}")
    if quota is None:
        return Finding("quota", Level.UNKNOWN, f"Service Quotas knows no {name!r}")
    most, code = quota
    if most < spec.instance.count:
        text = (
            f"{name}: {most:g}, and the job asks for {spec.instance.count}. Ask for more: "
            f"aws service-quotas request-service-quota-increase --service-code sagemaker --quota-code {code} "
            f"--desired-value {spec.instance.count}"
        )
        return Finding("quota", Level.ERROR, text)
    return Finding("quota", Level.OK, f"{name}: {most:g}, of which {spec.instance.count} are asked for")


def check_image(environment: Environment, contract: PlatformContract, image: str) -> Finding:
    """That the platform's own registry has the image. AWS's own and other registries are not asked."""
    repository, _, reference = image.partition("@") if "@" in image else image.rpartition(":")
    if repository not in contract.registry.repositories.values():
        return Finding("image", Level.UNKNOWN, f"{image}: not of the platform's registry, so nobody has looked")
    wanted = {"imageDigest": reference} if "@" in image else {"imageTag": reference}
    name = repository.partition("/")[2]
    try:
        found = environment.clients.client("ecr").describe_images(repositoryName=name, imageIds=[wanted])
    except ClientError as error:
        if is_denied(error):
            return Finding("image", Level.UNKNOWN, f"{image}: {_refusal(error)}")
        if error_details(error).code in {"ImageNotFoundException", "RepositoryNotFoundException"}:
            purpose = next(one for one, url in contract.registry.repositories.items() if url == repository)
            command = f"ml images build {purpose} --env {environment.name}"
            return Finding("image", Level.WARNING, f"{image} is not in the registry; the platform's own: {command}")
        raise
    digest = next((one.get("imageDigest", "") for one in found["imageDetails"]), "")
    return Finding("image", Level.OK, f"{image} ({digest})" if digest else image)


def check_budget(environment: Environment, team: Team, cost: Cost) -> Finding | None:
    """What is left of the team's month, as the spend guard last saw it; None for a team without a limit."""
    if team.monthly_budget_usd is None:
        return None
    limit = Decimal(str(team.monthly_budget_usd))
    month = f"{datetime.now(UTC):%Y-%m}"
    said = f"{dollars(limit)} USD for {month}"
    seen = _last_seen(environment, team, month)
    if seen is None:
        return Finding("budget", Level.UNKNOWN, f"{said}; what is spent of it has not been looked at this month")
    spent = Decimal(str(seen["spent_usd"]))
    left = limit - spent
    text = f"{said}; {dollars(spent)} spent at {seen['at']}"
    if left <= 0:
        return Finding("budget", Level.ERROR, f"{text}: nothing is left, and the platform stops what runs")
    if cost.most_usd is not None and cost.most_usd > left:
        text += f"; the {dollars(cost.most_usd)} that the job may cost are more than the {dollars(left)} left"
        return Finding("budget", Level.WARNING, f"{text}: it is stopped when they are gone")
    return Finding("budget", Level.OK, text)


def _last_seen(environment: Environment, team: Team, month: str) -> dict[str, Any] | None:
    bucket, _, prefix = team.artifact_uri.removeprefix("s3://").partition("/")
    try:
        answer = environment.clients.client("s3").get_object(Bucket=bucket, Key=f"{prefix}/spend/{month}.json")
    except ClientError as error:
        if error_details(error).code in {"NoSuchKey", "404", "AccessDenied", "403"}:
            return None
        raise
    return json.loads(answer["Body"].read())


def _refusal(error: ClientError) -> str:
    return f"not checked, the caller may not ask ({error.operation_name}: {error_details(error).message})"
