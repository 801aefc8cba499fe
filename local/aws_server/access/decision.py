"""Deciding a request by the caller's policies, boundary and session, the resource's policy and the request's context.

The order is the one of
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html for
requests within one account.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.iam.models import iam_backends

from local.aws_server.iam_policy import Decision, Policy, evaluate, parse
from local.aws_server.iam_simulation import policies_of
from local.aws_server.identity import Identity, identity_of
from local.aws_server.moto_bridge import moto_lock
from local.aws_server.operations import ACCOUNT_ID, ServiceError

Keys = Mapping[str, Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One action on one resource, with the condition keys (in lower case) that are of this request and resource alone.

    resource_policy: the resource's own policy document, where it has one.
    """

    action: str
    resource: str
    keys: Keys
    resource_policy: Mapping[str, Any] | None = None


def decide(wish: Wish, account_id: str, access_key_id: str, region: str) -> Decision:
    """What IAM says. The account's root, and this server itself, have no key of an identity and may do everything."""
    identity = identity_of(account_id, access_key_id)
    if identity is None:
        return Decision("allowed")
    policies, boundary = _policies(account_id, identity.principal_arn)
    keys = {**context_of(identity, account_id, region), **wish.keys}
    resource = _for(wish.resource_policy, identity, account_id)
    found = evaluate(wish.action, wish.resource, keys, policies, boundary, resource)
    if found.decision == "allowed" and identity.session_policy:
        session = [Policy("session", "none", parsed(identity.session_policy))]
        limit = evaluate(wish.action, wish.resource, keys, session)
        if limit.decision != "allowed":
            return limit
    return found


def _policies(account_id: str, arn: str) -> tuple[list[Policy], list[Policy] | None]:
    try:
        with moto_lock:
            return policies_of(iam_backends[account_id]["aws"], arn)
    except ServiceError:
        # The session of a role that was deleted meanwhile.
        return [], None


def require(wish: Wish, account_id: str, access_key_id: str, region: str, *, code: str, status: int) -> None:
    """Raises ServiceError, with the words of AWS's own refusals, unless the request is allowed."""
    found = decide(wish, account_id, access_key_id, region)
    if found.decision != "allowed":
        raise refusal(wish, found, account_id, access_key_id, code=code, status=status)


def refusal(
    wish: Wish, found: Decision, account_id: str, access_key_id: str, *, code: str, status: int
) -> ServiceError:
    """The error for a decision that is not `allowed`.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    identity = identity_of(account_id, access_key_id)
    who = identity.arn if identity else f"arn:aws:iam::{account_id}:root"
    if found.decision == "explicitDeny":
        kind = "a resource-based" if found.matched and found.matched[0].kind == "resource" else "an identity-based"
        why = f"with an explicit deny in {kind} policy"
    else:
        why = f"because no identity-based policy allows the {wish.action} action"
    return ServiceError(
        code, f"User: {who} is not authorized to perform: {wish.action} on resource: {wish.resource} {why}", status
    )


def context_of(identity: Identity, account_id: str, region: str) -> dict[str, Sequence[str]]:
    """The global condition keys of a caller.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    moment = datetime.now(UTC)
    keys: dict[str, Sequence[str]] = {
        "aws:principalarn": [identity.principal_arn],
        "aws:principalaccount": [account_id],
        "aws:principaltype": ["AssumedRole" if identity.session_name else "User"],
        "aws:requestedregion": [region],
        # This server stands where TLS ends.
        "aws:securetransport": ["true"],
        "aws:currenttime": [moment.isoformat(timespec="seconds")],
        "aws:epochtime": [str(int(moment.timestamp()))],
        "aws:userid": [
            f"{identity.principal_id}:{identity.session_name}" if identity.session_name else identity.principal_id
        ],
    }
    if not identity.session_name:
        keys["aws:username"] = [identity.principal_arn.rpartition("/")[2]]
    if identity.source_identity:
        keys["aws:sourceidentity"] = [identity.source_identity]
    for name, value in tags_of(identity, account_id).items():
        keys[f"aws:principaltag/{name.lower()}"] = [value]
    return keys


def tags_of(identity: Identity, account_id: str) -> dict[str, str]:
    """The tags of a caller: of its user or role, and those of its session, which take their place."""
    if account_id != ACCOUNT_ID:
        return dict(identity.session_tags)  # its server has sent them all
    iam = iam_backends[account_id]["aws"]
    with moto_lock:
        if identity.session_name:
            role = next((role for role in iam.roles.values() if role.arn == identity.principal_arn), None)
            found = list(role.tags) if role is not None else []
        else:
            found = iam.tagger.list_tags_for_resource(identity.principal_arn)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found} | dict(identity.session_tags)


def _for(document: Mapping[str, Any] | None, identity: Identity, account_id: str) -> list[Policy]:
    """The statements of a resource's policy that are about this caller, as a policy without principals.

    An Allow for the account itself lets the account's own policies decide, and gives nothing by itself.
    """
    if document is None:
        return []
    statements = document.get("Statement", [])
    kept = [
        statement
        for statement in (statements if isinstance(statements, list) else [statements])
        if names(statement, identity, account_id, account_counts=statement.get("Effect") == "Deny")
    ]
    return [Policy("resource", "resource", {"Statement": kept})] if kept else []


def names(statement: Mapping[str, Any], identity: Identity, account_id: str, *, account_counts: bool) -> bool:
    """Whether a statement's Principal or NotPrincipal is about this caller."""
    own = {identity.arn, identity.principal_arn}
    account = {account_id, f"arn:aws:iam::{account_id}:root"}

    def listed(principal: Any) -> bool:
        values = principal if isinstance(principal, str) else principal.get("AWS", [])
        values = [values] if isinstance(values, str) else values
        return any(value == "*" or value in own or (account_counts and value in account) for value in values)

    if "NotPrincipal" in statement:
        return not listed(statement["NotPrincipal"])
    return listed(statement.get("Principal", {}))


@functools.lru_cache(maxsize=256)
def parsed(text: str) -> Mapping[str, Any]:
    """A policy's document; the same text is parsed once."""
    return parse(text)
