"""An endpoint's log group: made before SageMaker makes it, because SageMaker's has no end and no tags."""

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment, is_denied
from ml.identity import resource_tags
from ml.progress import say
from platform_contract import PlatformContract

LOG_GROUP = "/aws/sagemaker/Endpoints/{}"
"""https://docs.aws.amazon.com/sagemaker/latest/dg/logging-cloudwatch.html"""


def keep_for_a_while(environment: Environment, contract: PlatformContract, endpoint: str, team: str) -> None:
    """Give the log of an endpoint its tags and its end. Who may not is told, and deploys all the same."""
    logs = environment.clients.client("logs")
    group, days = LOG_GROUP.format(endpoint), contract.training.endpoint_log_days
    try:
        try:
            tags = {tag["Key"]: tag["Value"] for tag in resource_tags(contract, team)}
            logs.create_log_group(logGroupName=group, tags=tags)
        except ClientError as error:
            if error_details(error).code != "ResourceAlreadyExistsException":
                raise
        logs.put_retention_policy(logGroupName=group, retentionInDays=days)
    except ClientError as error:
        if not is_denied(error):
            raise
        say(f"The log of {endpoint} keeps every line for ever: its retention of {days} days was refused.")
