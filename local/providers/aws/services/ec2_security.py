"""Security groups and their rules."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.clients import AwsError
from local.providers.aws.context import Context
from local.providers.aws.services.common import ec2_arn, ec2_tags, page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Step

_NO_GROUP = ("InvalidGroup.NotFound",)
_ALL_PROTOCOLS = "-1"
_SOURCES = {
    "cidrBlocks": ("IpRanges", "CidrIp"),
    "ipv6CidrBlocks": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListIds": ("PrefixListIds", "PrefixListId"),
    "securityGroups": ("UserIdGroupPairs", "GroupId"),
}


def permissions(rules: list[Mapping[str, Any]] | None, group_id: str) -> list[dict[str, Any]]:
    """Inline rules as EC2's IpPermissions."""
    result: list[dict[str, Any]] = []
    for rule in rules or []:
        described = {"Description": rule["description"]} if rule.get("description") else {}
        permission: dict[str, Any] = {"IpProtocol": str(rule["protocol"])}
        if permission["IpProtocol"] != _ALL_PROTOCOLS:
            permission |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
        for name, (member, key) in _SOURCES.items():
            values = list(rule.get(name) or [])
            if name == "securityGroups" and rule.get("self"):
                values.append(group_id)
            if values:
                permission[member] = [{key: value, **described} for value in values]
        result.append(permission)
    return result


def inline_rules(granted: list[Mapping[str, Any]] | None, group_id: str) -> list[dict[str, Any]]:
    """EC2's IpPermissions as inline rules: one a protocol, port range and description."""
    rules: dict[tuple[Any, ...], dict[str, Any]] = {}
    for permission in granted or []:
        protocol = str(permission["IpProtocol"])
        ports = (0, 0) if protocol == _ALL_PROTOCOLS else (permission.get("FromPort"), permission.get("ToPort"))
        for name, (member, key) in _SOURCES.items():
            for source in permission.get(member) or []:
                description = source.get("Description") or ""
                start, end = ports
                rule = rules.setdefault(
                    (protocol, ports, description), {"protocol": protocol, "fromPort": start, "toPort": end}
                )
                if description:
                    rule["description"] = description
                if source.get(key) == group_id:
                    rule["self"] = True
                else:
                    rule.setdefault(name, []).append(source.get(key))
    return list(rules.values())


def _apply_rules(context: Context) -> None:
    """Make the group's inline rules those of the inputs."""
    group = context.call("DescribeSecurityGroups", {"GroupIds": [context.id]})["SecurityGroups"][0]
    for name, member, direction in (
        ("ingress", "IpPermissions", "Ingress"),
        ("egress", "IpPermissionsEgress", "Egress"),
    ):
        if context.old and name not in context.changed:
            continue
        current = group.get(member) or []
        if current:
            context.call(f"RevokeSecurityGroup{direction}", {"GroupId": context.id, "IpPermissions": current})
        wanted = permissions(context.new.get(name), context.id)
        if wanted:
            context.call(f"AuthorizeSecurityGroup{direction}", {"GroupId": context.id, "IpPermissions": wanted})


def _revoke_if_asked(context: Context) -> None:
    if context.value("revokeRulesOnDelete"):
        context.new = {}
        _apply_rules(context)


def _tell_rules(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    actual["ingress"] = inline_rules(document.get("IpPermissions"), context.id)
    actual["egress"] = inline_rules(document.get("IpPermissionsEgress"), context.id)


_RULE = (
    Property("protocol", required=True),
    Property("fromPort", required=True),
    Property("toPort", required=True),
    Property("cidrBlocks", "set"),
    Property("ipv6CidrBlocks", "set"),
    Property("prefixListIds", "set"),
    Property("securityGroups", "set"),
    Property("self", default=False),
    Property("description"),
)
_INLINE = (
    Property("ingress", "blockset", computed=True, fields=_RULE),
    Property("egress", "blockset", computed=True, fields=_RULE),
)
_READ = Read("DescribeSecurityGroups", {"GroupIds": ["$id"]}, "SecurityGroups[0]", gone=_NO_GROUP)

SECURITY_GROUP = Resource(
    type="aws:ec2/securityGroup:SecurityGroup",
    service="ec2",
    docs=page("securitygroup"),
    id="answer:GroupId",
    properties=(
        Property("name", replaces=REPLACES, autoname=255, path="GroupName"),
        Property("description", default="Managed by Pulumi", replaces=REPLACES),
        Property("vpcId", computed=True, replaces=REPLACES),
        *_INLINE,
        Property("revokeRulesOnDelete", default=False, path=""),
        Property("tags", "map"),
    ),
    create=Call("CreateSecurityGroup", {"GroupName": "$name", "Description": "$description", "VpcId": "$vpcId"}),
    # AWS gives a new group a rule that lets everything out; the provider takes it away
    # (https://www.pulumi.com/registry/packages/aws/api-docs/ec2/securitygroup/, the note on egress).
    after_create=(Function(_apply_rules),),
    reads=(_READ,),
    updates=(Function(_apply_rules, on=("ingress", "egress")),),
    delete=(Function(_revoke_if_asked), Call("DeleteSecurityGroup", {"GroupId": "$id"}, ignore=_NO_GROUP)),
    outputs={"ownerId": "OwnerId"},
    derived={"arn": ec2_arn("security-group")},
    shape=_tell_rules,
    stable=("arn", "ownerId"),
    tagging=ec2_tags("security-group"),
    unique=("name", "vpcId"),
)


def _adopt_default_group(context: Context) -> dict[str, Any]:
    filters = [{"Name": "group-name", "Values": ["default"]}]
    if context.new.get("vpcId"):
        filters.append({"Name": "vpc-id", "Values": [context.new["vpcId"]]})
    groups = context.call("DescribeSecurityGroups", {"Filters": filters})["SecurityGroups"]
    if not groups:
        raise AwsError(f"{context.subject}: the VPC has no default security group.")
    return groups[0]


DEFAULT_SECURITY_GROUP = Resource(
    type="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    service="ec2",
    docs=page("defaultsecuritygroup"),
    id="answer:GroupId",
    properties=(
        Property("vpcId", computed=True, replaces=REPLACES),
        *_INLINE,
        Property("revokeRulesOnDelete", default=False, path=""),
        Property("tags", "map"),
    ),
    create=Function(_adopt_default_group),
    after_create=(Function(_apply_rules),),
    reads=(_READ,),
    updates=(Function(_apply_rules, on=("ingress", "egress")),),
    outputs={"name": "GroupName", "description": "Description", "ownerId": "OwnerId"},
    derived={"arn": ec2_arn("security-group")},
    shape=_tell_rules,
    stable=("arn", "ownerId", "name"),
    tagging=ec2_tags("security-group", at_create=False),
)


def _rule_permission() -> dict[str, Any]:
    described = {"Description": "$description"}
    return {
        "IpProtocol": "$ipProtocol",
        "FromPort": "$fromPort",
        "ToPort": "$toPort",
        "IpRanges": [{"?": "$cidrIpv4", "CidrIp": "$cidrIpv4", **described}],
        "Ipv6Ranges": [{"?": "$cidrIpv6", "CidrIpv6": "$cidrIpv6", **described}],
        "PrefixListIds": [{"?": "$prefixListId", "PrefixListId": "$prefixListId", **described}],
        "UserIdGroupPairs": [{"?": "$referencedSecurityGroupId", "GroupId": "$referencedSecurityGroupId", **described}],
    }


def _modify_rule(context: Context) -> None:
    # For all protocols there are no ports; EC2 writes that as -1.
    no_port = -1 if str(context.value("ipProtocol")) == _ALL_PROTOCOLS else None
    members = {
        "IpProtocol": context.value("ipProtocol"),
        "FromPort": context.new.get("fromPort", no_port),
        "ToPort": context.new.get("toPort", no_port),
        "CidrIpv4": context.new.get("cidrIpv4"),
        "CidrIpv6": context.new.get("cidrIpv6"),
        "PrefixListId": context.new.get("prefixListId"),
        "ReferencedGroupId": context.new.get("referencedSecurityGroupId"),
        "Description": context.new.get("description", ""),
    }
    rule = {name: value for name, value in members.items() if value is not None}
    context.call(
        "ModifySecurityGroupRules",
        {
            "GroupId": context.value("securityGroupId"),
            "SecurityGroupRules": [{"SecurityGroupRuleId": context.id, "SecurityGroupRule": rule}],
        },
    )


def _forget_absent_ports(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    if str(document.get("IpProtocol")) == _ALL_PROTOCOLS:
        for name in ("fromPort", "toPort"):
            actual[name] = context.new.get(name)


def _rule(direction: str) -> Resource:
    remove: Step = Call(
        f"RevokeSecurityGroup{direction}",
        {"GroupId": "$securityGroupId", "SecurityGroupRuleIds": ["$id"]},
        ignore=("InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound", *_NO_GROUP),
    )
    changing = (
        "ipProtocol",
        "fromPort",
        "toPort",
        "cidrIpv4",
        "cidrIpv6",
        "prefixListId",
        "referencedSecurityGroupId",
        "description",
    )
    return Resource(
        type=f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule",
        service="ec2",
        docs=page(f"securitygroup{direction.lower()}rule", "vpc"),
        id="answer:SecurityGroupRules[0].SecurityGroupRuleId",
        properties=(
            Property("securityGroupId", required=True, replaces=REPLACES, path="GroupId"),
            Property("ipProtocol", required=True),
            Property("fromPort"),
            Property("toPort"),
            Property("cidrIpv4"),
            Property("cidrIpv6"),
            Property("prefixListId"),
            Property("referencedSecurityGroupId", path="ReferencedGroupInfo.GroupId"),
            Property("description"),
            Property("tags", "map"),
        ),
        create=Call(
            f"AuthorizeSecurityGroup{direction}",
            {"GroupId": "$securityGroupId", "IpPermissions": [_rule_permission()]},
        ),
        reads=(
            Read(
                "DescribeSecurityGroupRules",
                {"SecurityGroupRuleIds": ["$id"]},
                "SecurityGroupRules[0]",
                gone=("InvalidSecurityGroupRuleId.NotFound",),
            ),
        ),
        updates=(Function(_modify_rule, on=changing),),
        delete=(remove,),
        outputs={"securityGroupRuleId": "SecurityGroupRuleId"},
        derived={"arn": "arn:{partition}:ec2:{region}:{account}:security-group-rule/{id}"},
        shape=_forget_absent_ports,
        stable=("arn", "securityGroupRuleId"),
        tagging=ec2_tags("security-group-rule"),
    )


INGRESS_RULE, EGRESS_RULE = _rule("Ingress"), _rule("Egress")

TYPES = (SECURITY_GROUP, DEFAULT_SECURITY_GROUP, INGRESS_RULE, EGRESS_RULE)
