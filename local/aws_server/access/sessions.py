"""AssumeRole: the role's trust policy decides, and the session keeps its source identity and tags.

Sources: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html (source identity: who
sets it needs sts:SetSourceIdentity, and a session of a chain keeps it) and .../id_session-tags.html.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from local.aws_server.access.decision import Wish, context_of, decide, names, parsed
from local.aws_server.iam_policy import Policy, evaluate
from local.aws_server.identity import Identity, identity_of
from local.aws_server.moto_bridge import moto_lock
from local.aws_server.operations import Call, ServiceError, operation


@operation("sts", "AssumeRole")
def assume_role(call: Call) -> dict[str, Any]:
    """Credentials of a role. What this server does in its own name (SageMaker's jobs) is not asked for trust here."""
    identity = identity_of(call.account_id, call.access_key_id)
    source = call.params.get("SourceIdentity") or (identity.source_identity if identity else "")
    own = {tag["Key"]: tag["Value"] for tag in call.params.get("Tags") or ()}
    inherited = {name: identity.session_tags[name] for name in identity.transitive_tags} if identity else {}
    if identity is not None and call.environ is not None:
        _check_trust(call, identity, source, own)
    answer = call.forward()
    transitive = (*inherited, *(call.params.get("TransitiveTagKeys") or ()))
    with call.server.changing("sts"):
        backend = sts_backends[_account_of(call.params["RoleArn"])]["aws"]
        session = backend.get_assumed_role_from_access_key(answer["Credentials"]["AccessKeyId"])
        assert session is not None
        kept: Any = session
        kept.source_identity = source
        kept.session_tags = {**own, **inherited}
        kept.transitive_tags = transitive
    return {**answer, "SourceIdentity": source} if source else answer


def _account_of(arn: str) -> str:
    return arn.split(":")[4]


def _check_trust(call: Call, identity: Identity, source: str, tags: Mapping[str, str]) -> None:
    """Raises AccessDenied unless the trust policy lets the caller do all that it asks for."""
    arn = call.params["RoleArn"]
    if identity.source_identity and source != identity.source_identity:
        raise ServiceError(
            "AccessDenied", f"The source identity of this session is {identity.source_identity} and stays.", 403
        )
    keys: dict[str, Sequence[str]] = {"sts:rolesessionname": [call.params["RoleSessionName"]]}
    if source:
        keys["sts:sourceidentity"] = [source]
    if call.params.get("ExternalId"):
        keys["sts:externalid"] = [call.params["ExternalId"]]
    for name, value in tags.items():
        keys[f"aws:requesttag/{name.lower()}"] = [value]
    if tags:
        keys["aws:tagkeys"] = list(tags)
        keys["sts:transitivetagkeys"] = list(call.params.get("TransitiveTagKeys") or ())
    actions = ["sts:AssumeRole"]
    # Also for one that a session hands on: a role that does not take source identities breaks the chain.
    actions += ["sts:SetSourceIdentity"] if source else []
    actions += ["sts:TagSession"] if tags else []
    document = _trust(call.account_id, arn)
    for action in actions:
        if document is None or not _trusted(document, action, arn, identity, call, keys):
            raise ServiceError(
                "AccessDenied", f"User: {identity.arn} is not authorized to perform: {action} on resource: {arn}", 403
            )


def _trust(account_id: str, arn: str) -> Mapping[str, Any] | None:
    with moto_lock:
        role = next((role for role in iam_backends[account_id]["aws"].roles.values() if role.arn == arn), None)
        document: Any = role.assume_role_policy_document if role is not None else None
    return parsed(document) if isinstance(document, str) else document


def _trusted(
    document: Mapping[str, Any],
    action: str,
    arn: str,
    identity: Identity,
    call: Call,
    keys: Mapping[str, Sequence[str]],
) -> bool:
    """Whether the trust policy names the caller, or leaves it to the account, whose policies then have to allow it."""
    context = {**context_of(identity, call.account_id, call.region), **keys}
    # What a trust policy is about is its own role; it has no Resource.
    given = document.get("Statement", [])
    statements = given if isinstance(given, list) else [given]
    about = [each for each in statements if names(each, identity, call.account_id, account_counts=True)]
    direct = [
        each for each in about if names(each, identity, call.account_id, account_counts=each.get("Effect") == "Deny")
    ]
    wish = Wish(action=action, resource=arn, keys=keys)
    own = decide(wish, call.account_id, call.access_key_id, call.region).decision
    if own == "explicitDeny":
        return False
    if evaluate(action, arn, context, [_policy(direct)]).decision == "allowed":
        return True
    return own == "allowed" and evaluate(action, arn, context, [_policy(about)]).decision == "allowed"


def _policy(statements: Sequence[Mapping[str, Any]]) -> Policy:
    return Policy("trust", "resource", {"Statement": list(statements)})
