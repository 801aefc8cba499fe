"""The AWS provider, explicit: the default one is switched off, so that nothing lands in whatever account is at hand."""

import pulumi
import pulumi_aws as aws

from components.tagging import platform_tags
from infra.settings import Settings


def profile_of(environment: str, settings: Settings) -> str:
    """The AWS profile of an environment."""
    return settings.profile or f"groundwork-{environment}"


def aws_provider(environment: str, settings: Settings) -> aws.Provider:
    """A provider for the environment's profile and region, which refuses every account but the one set."""
    return aws.Provider(
        "aws",
        region=settings.region,
        profile=profile_of(environment, settings),
        allowed_account_ids=[settings.account_id] if settings.account_id else None,
        default_tags=aws.ProviderDefaultTagsArgs(tags=platform_tags(environment, settings.tags)),
    )


def caller(provider: aws.Provider) -> pulumi.Output[aws.GetCallerIdentityResult]:
    """Who the provider acts as, and in which account."""
    return aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(provider=provider))
