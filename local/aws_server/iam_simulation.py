"""IAM's policy simulator: SimulatePrincipalPolicy and SimulateCustomPolicy, by evaluating the policies truly."""

from collections.abc import Sequence
from typing import Any

from moto.iam.models import AWSManagedPolicy, IAMBackend, iam_backends

from local.aws_server.iam_policy import Context, Policy, evaluate, parse
from local.aws_server.moto_bridge import moto_lock
from local.aws_server.operations import Call, ServiceError, operation


@operation("iam", "SimulatePrincipalPolicy")
def simulate_principal_policy(call: Call) -> dict[str, Any]:
    """Decides with the policies that the user, group or role has now, and those given in addition."""
    source = call.params["PolicySourceArn"]
    with moto_lock:
        policies, boundary = policies_of(iam_backends[call.account_id]["aws"], source)
    extra = _given(call, "PolicyInputList", "PolicyInputList")
    limits = _given(call, "PermissionsBoundaryPolicyInputList", "PermissionsBoundary")
    caller = call.params.get("CallerArn") or source
    return _simulate(call, [*policies, *extra], limits or boundary, _context(call, caller))


@operation("iam", "SimulateCustomPolicy")
def simulate_custom_policy(call: Call) -> dict[str, Any]:
    """Decides with the given policies alone."""
    policies = _given(call, "PolicyInputList", "PolicyInputList")
    limits = _given(call, "PermissionsBoundaryPolicyInputList", "PermissionsBoundary")
    return _simulate(call, policies, limits or None, _context(call, call.params.get("CallerArn") or ""))


def policies_of(iam: IAMBackend, arn: str) -> tuple[list[Policy], list[Policy] | None]:
    """The policies that a principal has (its own, attached ones, its groups') and its permissions boundary's.

    Raises ServiceError (NoSuchEntity) where there is no such principal.
    """
    kind, _, path = arn.partition(":iam::")[2].partition(":")[2].partition("/")
    name = path.rpartition("/")[2]
    holders: list[tuple[str, Any]]
    if kind == "role" and (role := next((r for r in iam.roles.values() if r.name == name), None)):
        holders = [("role", role)]
    elif kind == "user" and name in iam.users:
        groups = [("group", group) for group in iam.groups.values() if name in {user.name for user in group.users}]
        holders = [("user", iam.users[name]), *groups]
    elif kind == "group" and name in iam.groups:
        holders = [("group", iam.groups[name])]
    else:
        raise ServiceError("NoSuchEntity", f"The entity {arn} cannot be found.", status=404)
    found: list[Policy] = []
    for source, holder in holders:
        found += [Policy(policy_name, source, _document(text)) for policy_name, text in holder.policies.items()]
        found += [_managed(policy) for policy in holder.managed_policies.values()]
    limit = getattr(holders[0][1], "permissions_boundary_arn", None) or getattr(
        holders[0][1], "permissions_boundary", None
    )
    if isinstance(limit, dict):
        limit = limit.get("PermissionsBoundaryArn")
    if not limit:
        return found, None
    return found, [_managed(iam.managed_policies[limit])] if limit in iam.managed_policies else []


def _document(text: Any) -> Any:
    return parse(text) if isinstance(text, str) else text


def _managed(policy: Any) -> Policy:
    version = next(version for version in policy.versions if version.is_default)
    kind = "aws-managed" if isinstance(policy, AWSManagedPolicy) else "user-managed"
    return Policy(policy.name, kind, _document(version.document))


def _given(call: Call, member: str, name: str) -> list[Policy]:
    found: list[Policy] = []
    for number, text in enumerate(call.params.get(member) or (), start=1):
        try:
            found.append(Policy(f"{name}.{number}", "none", parse(text)))
        except ValueError as error:
            raise ServiceError("InvalidInput", f"{member}.{number} is not a policy document: {error}") from error
    return found


def _context(call: Call, caller: str) -> Context:
    name = caller.rpartition("/")[2]
    entries: dict[str, Sequence[str]] = {
        "aws:principalaccount": [call.account_id],
        "aws:principalarn": [caller],
        "aws:requestedregion": [call.region],
        "aws:securetransport": ["true"],
    }
    if ":user/" in caller:
        entries["aws:username"] = [name]
    for entry in call.params.get("ContextEntries") or ():
        entries[entry["ContextKeyName"].lower()] = list(entry.get("ContextKeyValues") or ())
    return entries


def _simulate(call: Call, policies: list[Policy], boundary: list[Policy] | None, context: Context) -> dict[str, Any]:
    resource_policies = []
    if text := call.params.get("ResourcePolicy"):
        resource_policies = [Policy("ResourcePolicy", "resource", parse(text))]
    results: list[dict[str, Any]] = []
    for action in call.params["ActionNames"]:
        if ":" not in action:
            raise ServiceError("InvalidInput", f"Invalid action: {action!r} is not `service:Action`.")
        for resource in call.params.get("ResourceArns") or ["*"]:
            found = evaluate(action, resource, context, policies, boundary, resource_policies)
            results.append(
                {
                    "EvalActionName": action,
                    "EvalResourceName": resource,
                    "EvalDecision": found.decision,
                    "MatchedStatements": [
                        {"SourcePolicyId": policy.name, "SourcePolicyType": policy.kind} for policy in found.matched
                    ],
                    "MissingContextValues": sorted(found.missing_context),
                }
            )
    start, size = int(call.params.get("Marker") or 0), call.params.get("MaxItems") or 100
    answer: dict[str, Any] = {
        "EvaluationResults": results[start : start + size],
        "IsTruncated": start + size < len(results),
    }
    return answer | ({"Marker": str(start + size)} if answer["IsTruncated"] else {})
