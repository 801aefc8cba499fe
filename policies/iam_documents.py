"""The IAM policy documents that resources carry, and their statements."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from policies.model import Resource
from policies.values import rows

Kind = Literal["identity", "trust", "resource", "key"]
DOCUMENTS: Mapping[str, tuple[tuple[str, Kind], ...]] = {
    "aws:codebuild/resourcePolicy:ResourcePolicy": (("policy", "resource"),),
    "aws:cloudwatch/logResourcePolicy:LogResourcePolicy": (("policyDocument", "resource"),),
    "aws:ecr/registryPolicy:RegistryPolicy": (("policy", "resource"),),
    "aws:ecr/repositoryCreationTemplate:RepositoryCreationTemplate": (("repositoryPolicy", "resource"),),
    "aws:ecr/repositoryPolicy:RepositoryPolicy": (("policy", "resource"),),
    "aws:iam/groupPolicy:GroupPolicy": (("policy", "identity"),),
    "aws:iam/policy:Policy": (("policy", "identity"),),
    "aws:iam/role:Role": (("assumeRolePolicy", "trust"), ("inlinePolicies.policy", "identity")),
    "aws:iam/rolePolicy:RolePolicy": (("policy", "identity"),),
    "aws:iam/userPolicy:UserPolicy": (("policy", "identity"),),
    "aws:kms/key:Key": (("policy", "key"),),
    "aws:s3/bucketPolicy:BucketPolicy": (("policy", "resource"),),
    "aws:sagemaker/modelPackageGroupPolicy:ModelPackageGroupPolicy": (("resourcePolicy", "resource"),),
    "aws:secretsmanager/secretPolicy:SecretPolicy": (("policy", "resource"),),
    "aws:sns/topic:Topic": (("policy", "resource"),),
    "aws:sns/topicPolicy:TopicPolicy": (("policy", "resource"),),
    "aws:sqs/queuePolicy:QueuePolicy": (("policy", "resource"),),
}
"""Resource type to the properties that hold a document, and what kind of document it is.

An endpoint's policy (`aws:ec2/vpcEndpoint`) is none of these: it grants nothing, it narrows.
"""


@dataclass(frozen=True)
class Statement:
    """One statement.

    sid: its id, or its number where it has none.
    body: the statement itself.
    """

    sid: str
    kind: Kind
    body: Mapping[str, Any]

    @property
    def allows(self) -> bool:
        """Whether it grants something: a denial may be as wide as it likes."""
        return self.body.get("Effect") == "Allow"

    def listed(self, element: str) -> list[str]:
        """The values of Action, Resource and the like, always as a list."""
        return [str(value) for value in as_list(self.body.get(element, []))]


def statements(resource: Resource) -> Iterator[Statement]:
    """Every statement of every document of a resource that is known and is JSON."""
    for path, kind in DOCUMENTS.get(resource.type, ()):
        head, _, rest = path.partition(".")
        values = rows(resource.props, head)
        for value in [found for item in values for found in rows(item, rest)] if rest else values:
            document = _parsed(value)
            for number, body in enumerate(as_list(document.get("Statement", []))):
                if isinstance(body, dict):
                    named = cast(dict[str, Any], body)
                    yield Statement(str(named.get("Sid") or number), kind, named)


def principals(statement: Statement) -> Iterator[tuple[str, str]]:
    """Kind and value of everybody whom a statement is about; a bare `*` is of the kind `*`."""
    given = statement.body.get("Principal")
    if isinstance(given, str):
        yield "*", given
    elif isinstance(given, dict):
        for kind, values in cast(dict[str, Any], given).items():
            for value in as_list(values):
                yield kind, str(value)


def as_list(value: Any) -> list[Any]:
    """IAM takes one value or a list of them in most places."""
    return cast(list[Any], value) if isinstance(value, list) else [value]


def _parsed(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return cast(dict[str, Any], value) if isinstance(value, dict) else {}
