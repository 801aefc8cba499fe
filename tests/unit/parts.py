"""What component tests share: a placement and an AWS provider, the way that the program passes them."""

import pulumi
import pulumi_aws as aws

from components.placement import Placement
from tests.unit.recording import ACCOUNT

PLACEMENT = Placement(prefix="groundwork-dev", environment="dev", region="us-east-1", account_id=ACCOUNT)
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k"


def with_aws() -> pulumi.ResourceOptions:
    """Options that hand an explicit AWS provider to a component."""
    return pulumi.ResourceOptions(providers={"aws": aws.Provider("aws", region="us-east-1")})
