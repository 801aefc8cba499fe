"""Rule-group namespaces: refused twice, and refused where they are no rules."""

from typing import Any

from local.aws_server.amp.common import amp_operation, conflict, invalid, workspace_of, yaml_of
from local.aws_server.operations import Call, ServiceError


def _check(blob: bytes) -> None:
    """The form of a rule file; expressions are for a Prometheus to judge."""
    groups = yaml_of(blob, "rule groups").get("groups")
    if not isinstance(groups, list) or not groups:
        raise invalid("error parsing rule groups: `groups` must be a list with an entry or more.")
    names: set[str] = set()
    for group in groups:
        name, rules = (group.get("name"), group.get("rules")) if isinstance(group, dict) else (None, None)
        if not name or not isinstance(rules, list):
            raise invalid("error parsing rule groups: every group has a name and a list of rules.")
        if name in names:
            raise invalid(f"error parsing rule groups: the group {name} is there twice.")
        names.add(name)
        for rule in rules:
            if not isinstance(rule, dict) or not rule.get("expr") or ("alert" in rule) == ("record" in rule):
                raise invalid(
                    f"error parsing rule groups: a rule of {name} is neither an alert nor a record with an expr."
                )


@amp_operation("CreateRuleGroupsNamespace")
def create_rule_groups_namespace(call: Call) -> dict[str, Any]:
    params = call.params
    workspace_of(call, params["workspaceId"])
    _check(params["data"])
    where = {"workspaceId": params["workspaceId"], "name": params["name"]}
    try:
        call.server.call("amp", "DescribeRuleGroupsNamespace", where, region=call.region)
    except ServiceError as error:
        if error.code != "ResourceNotFoundException":
            raise
    else:
        raise conflict(f"The rule groups namespace {params['name']} exists already.")
    return call.forward({**params, "tags": params.get("tags") or {}})


@amp_operation("PutRuleGroupsNamespace")
def put_rule_groups_namespace(call: Call) -> dict[str, Any]:
    _check(call.params["data"])
    return call.forward()


@amp_operation("DeleteRuleGroupsNamespace")
def delete_rule_groups_namespace(call: Call) -> dict[str, Any]:
    where = {"workspaceId": call.params["workspaceId"], "name": call.params["name"]}
    call.server.call("amp", "DescribeRuleGroupsNamespace", where, region=call.region)
    return call.forward()
