"""Single values that several sections use, each with a message that says what is allowed."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

LogRetention = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
"""Days that CloudWatch Logs can keep a log group
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html)."""

Days = Annotated[int, Field(ge=1)]


def matching(pattern: str, allowed: str) -> Callable[[str], str]:
    """A check that a text matches the whole pattern; `allowed` says in words what that means."""
    expression = re.compile(pattern)

    def check(text: str) -> str:
        if not expression.fullmatch(text):
            raise ValueError(allowed)
        return text

    return check


Region = Annotated[
    str,
    AfterValidator(matching(r"[a-z]{2,4}(-[a-z]+)+-\d", "an AWS region, such as us-east-1 or eu-central-1")),
]
AccountId = Annotated[
    str, AfterValidator(matching(r"(\d{12})?", 'an AWS account id: 12 digits, in quotes, such as "123456789012"'))
]


def network_range(text: str) -> IPv4Network:
    """The IPv4 range of a CIDR text. Raises ValueError, saying what is allowed."""
    try:
        return IPv4Network(text)
    except ValueError:
        try:
            meant = f", such as {IPv4Network(text, strict=False)}"
        except ValueError:
            meant = ", such as 10.20.0.0/16"
        raise ValueError(f"an IPv4 range by its first address, in CIDR notation{meant}") from None


DOCUMENTATION_RANGES = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
"""Ranges that no machine has (RFC 5737): what a settings file holds until somebody puts their own."""


def _source_range(text: str) -> str:
    network = network_range(text)
    if any(network.subnet_of(IPv4Network(example)) for example in DOCUMENTATION_RANGES):
        raise ValueError(
            "a range that your own people come from: this one is an example that nobody has (RFC 5737). Put the public "
            "address of your office or VPN, or an empty list for an API that only the VPC reaches"
        )
    return str(network)


SourceCidr = Annotated[str, AfterValidator(_source_range)]
Principal = Annotated[
    str,
    AfterValidator(
        matching(
            r"arn:[a-z-]+:iam::\d{12}:(role|user)/[\w+=,.@/-]+|(role|user)/[\w+=,.@/-]+",
            "an IAM role or user: its ARN, or role/NAME or user/NAME for one of the environment's own account",
        )
    ),
]
KubernetesName = Annotated[
    str,
    AfterValidator(
        matching(
            r"[a-z]([a-z0-9-]*[a-z0-9])?",
            "lower-case letters, digits and hyphens, starting with a letter and not ending with a hyphen",
        )
    ),
]
"""A DNS label (RFC 1123) that starts with a letter. Kubernetes, IAM and SageMaker all take it."""

ProfileName = Annotated[
    str,
    AfterValidator(matching(r"[\w.@/-]*", "the name of a profile of the AWS configuration, such as groundwork-dev")),
]


def _tags(tags: dict[str, str]) -> dict[str, str]:
    wrong = [key for key in tags if not re.fullmatch(r"[\w .:/=+@-]{1,128}", key) or key.lower().startswith("aws:")]
    wrong += [key for key, value in tags.items() if not re.fullmatch(r"[\w .:/=+@-]{0,256}", value)]
    if wrong:
        raise ValueError(
            f"AWS tags: letters, digits, spaces and _ . : / = + - @, keys up to 128 characters and not starting with "
            f"aws:, values up to 256; {', '.join(dict.fromkeys(wrong))} is none"
        )
    return tags


Tags = Annotated[dict[str, str], AfterValidator(_tags)]
"""Rules: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html"""
