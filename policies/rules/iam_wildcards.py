"""IAM policy statements name what they allow."""

from collections.abc import Iterator

from policies.exceptions import is_excepted, unscopable
from policies.iam_documents import DOCUMENTS, Statement, as_list, principals, statements
from policies.model import Resource, resource_rule
from policies.parameters import Parameters
from policies.values import group

UNSCOPED = "Unscoped"
"""How the Sid of a statement on every resource ends (components/iam.py: `unscoped`)."""
SUBJECTS = (":sub", ":namespace_id", ":project_path")
"""How the keys end that say whose job a token of a forge is."""
REFERENCE = "https://docs.aws.amazon.com/service-authorization/latest/reference/"


@resource_rule(
    "iam-no-wildcards",
    "A policy statement allows named actions on named resources.",
    *DOCUMENTS,
)
def no_wildcards(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Wildcard actions, everything but something, and all resources without a named exception."""
    for statement in statements(resource):
        if not statement.allows or is_excepted(resource.type, resource.name, statement.sid):
            continue
        where = f"Statement {statement.sid!r} of {resource.name}"
        for element in ("NotAction", "NotResource", "NotPrincipal"):
            if element in statement.body:
                yield f"{where} allows all but what {element} names. Name what it allows instead."
        for action in statement.listed("Action"):
            if "*" in action or "?" in action:
                yield f"{where} allows the action {action!r}. Name each action that is needed ({REFERENCE})."
        if statement.kind in ("identity", "resource"):
            yield from _resources(where, statement)


def _resources(where: str, statement: Statement) -> Iterator[str]:
    wide = [name for name in statement.listed("Resource") if is_everything(name)]
    if not wide:
        return
    narrowable = [action for action in statement.listed("Action") if not unscopable(action)]
    if narrowable:
        yield (
            f"{where} allows {', '.join(narrowable)} on {wide[0]!r}. Name the resources; an action for which AWS knows "
            f"none goes into UNSCOPABLE in policies/exceptions.py ({REFERENCE})."
        )
    elif not statement.sid.endswith(UNSCOPED):
        yield f"{where} is about {wide[0]!r}. Write it with components.iam.unscoped, which asks for the reason."


def is_everything(arn: str) -> bool:
    """Whether a resource of a statement is all there is: `*`, or an ARN without any part of a name."""
    return arn == "*" or arn.split(":", 5)[-1].strip("*/") == ""


@resource_rule(
    "iam-trust",
    "A role is assumed by named principals alone, and by a forge's jobs only with a named subject.",
    "aws:iam/role:Role",
)
def named_principals(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Roles that anybody may assume."""
    for statement in statements(resource):
        if statement.kind != "trust" or not statement.allows:
            continue
        for kind, value in principals(statement):
            if value == "*":
                yield f"{resource.name} may be assumed by everybody. Name the accounts, roles or services that may."
            elif kind == "Federated" and not _subject_is_named(statement):
                yield (
                    f"{resource.name} may be assumed by every token of {value}. Add a condition on its `:sub` key that "
                    f"names a repository, and on `:aud`."
                )


def _subject_is_named(statement: Statement) -> bool:
    found: list[str] = []
    for operator, keys in group(statement.body, "Condition").items():
        if operator.removeprefix("ForAnyValue:") in ("StringEquals", "StringLike"):
            for key, values in group(keys).items():
                if key.endswith(SUBJECTS):
                    found += [str(value) for value in as_list(values)]
    # `repo:*` and the like name nobody.
    return bool(found) and all(value.split(":", 1)[-1][:1] not in ("*", "") for value in found)
