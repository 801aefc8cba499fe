"""EC2: deleted endpoints and NAT gateways go, with what they held; interfaces keep their subnet and their groups; two
operations obey all of their members.

AWS shows a deleted NAT gateway for an hour; here it is gone at once, so that an empty account looks empty.
"""

import json
from typing import Any

from moto.core.base_backend import BaseBackend

from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.persistence import tracking

_TARGETS = ("CidrIpv4", "CidrIpv6", "PrefixListId", "ReferencedGroupId")


def _backend(call: Call) -> Any:
    from moto.ec2.models import ec2_backends  # takes a second, so not before it is needed

    return ec2_backends[call.account_id][call.region]


def _keep_rule_descriptions(backend: BaseBackend) -> None:
    """moto only keeps the description of a rule for addresses, not of one for a security group or a prefix list."""
    if type(backend).__module__ != "moto.ec2.models":
        return
    from moto.ec2.models.security_groups import SecurityGroupRule

    if SecurityGroupRule.__init__.__name__ == "initialize_with_description":
        return
    original = SecurityGroupRule.__init__

    def initialize_with_description(rule: Any, *arguments: Any, **options: Any) -> None:
        original(rule, *arguments, **options)
        prefix_list = options.get("prefix_list_id") or (arguments[7] if len(arguments) > 7 else None)
        if prefix_list and prefix_list.get("Description"):
            rule.ip_range = {"Description": prefix_list["Description"]}

    def description(rule: Any) -> str | None:
        return rule.ip_range.get("Description") or rule.source_group.get("Description")

    SecurityGroupRule.__init__ = initialize_with_description  # type: ignore[method-assign]
    SecurityGroupRule.description = property(description)  # type: ignore[assignment]


tracking.on_new_backend(_keep_rule_descriptions)


@operation("ec2", "ModifyVpcEndpoint")
def modify_vpc_endpoint(call: Call) -> dict[str, Any]:
    answer = call.forward()
    with call.server.changing("ec2"):
        endpoint = _backend(call).vpc_end_points[call.params["VpcEndpointId"]]
        if call.params.get("PrivateDnsEnabled") is not None:
            endpoint.private_dns_enabled = call.params["PrivateDnsEnabled"]
        if call.params.get("ResetPolicy"):
            endpoint.policy_document = json.dumps(type(endpoint).DEFAULT_POLICY)
    return answer


@operation("ec2", "DeleteVpcEndpoints")
def delete_vpc_endpoints(call: Call) -> dict[str, Any]:
    answer = call.forward()
    with call.server.changing("ec2"):
        endpoints = _backend(call).vpc_end_points
        missing = [name for name in call.params.get("VpcEndpointIds", ()) if endpoints.pop(name, None) is None]
    return answer | {
        "Unsuccessful": [
            {
                "ResourceId": name,
                "Error": {
                    "Code": "InvalidVpcEndpoint.NotFound",
                    "Message": f"The Vpc Endpoint Id '{name}' does not exist",
                },
            }
            for name in missing
        ]
    }


@operation("ec2", "DeleteNatGateway")
def delete_nat_gateway(call: Call) -> dict[str, Any]:
    name = call.params["NatGatewayId"]
    with call.server.changing("ec2"):
        backend = _backend(call)
        gateway = backend.nat_gateways.pop(name, None)
        if gateway is None:
            raise ServiceError("NatGatewayNotFound", f"The Nat Gateway {name} was not found")
        interface = gateway._eni.id  # moto has no other name for it
        for address in backend.addresses:
            if address.eni is not None and address.eni.id == interface:
                address.eni = address.instance = address.association_id = None
        backend.enis.pop(interface, None)
    return {"NatGatewayId": name}


@operation("ec2", "DeleteSubnet")
def delete_subnet(call: Call) -> dict[str, Any]:
    """moto deletes one that is in use
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSubnet.html)."""
    name = call.params["SubnetId"]
    if any(interface.subnet.id == name for interface in _interfaces(call)):
        raise ServiceError("DependencyViolation", f"The subnet '{name}' has dependencies and cannot be deleted.")
    return call.forward()


@operation("ec2", "DeleteSecurityGroup")
def delete_security_group(call: Call) -> dict[str, Any]:
    """moto deletes one that is in use
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html)."""
    name = call.params.get("GroupId")
    if name and any(name == group.id for interface in _interfaces(call) for group in interface.group_set):
        raise ServiceError("DependencyViolation", f"resource {name} has a dependent object")
    return call.forward()


def _interfaces(call: Call) -> list[Any]:
    """All that are in use, or could be: moto keeps those of machines that have ended."""
    with call.server.changing("ec2"):
        found = list(_backend(call).enis.values())
    return [each for each in found if each.instance is None or each.instance.state != "terminated"]


@operation("ec2", "ModifySecurityGroupRules")
def modify_security_group_rules(call: Call) -> dict[str, Any]:
    with call.server.changing("ec2"):
        backend = _backend(call)
        group = backend.get_security_group_from_id(call.params["GroupId"])
        if group is None:
            raise ServiceError("InvalidGroup.NotFound", f"The security group '{call.params['GroupId']}' does not exist")
        for change in call.params["SecurityGroupRules"]:
            rule = group.get_rule(change["SecurityGroupRuleId"])
            if rule is None:
                raise ServiceError(
                    "InvalidSecurityGroupRuleId.NotFound",
                    f"The security group rule ID '{change['SecurityGroupRuleId']}' does not exist",
                )
            _modify(rule, change.get("SecurityGroupRule", {}))
    return {"Return": True}


def _modify(rule: Any, wanted: dict[str, Any]) -> None:
    targets = [name for name in _TARGETS if wanted.get(name)]
    if len(targets) != 1:
        raise ServiceError(
            "InvalidParameterCombination" if targets else "MissingParameter",
            "The request must contain exactly one of: cidrIpv4, cidrIpv6, prefixListId, or referencedGroupId",
        )
    if wanted.get("IpProtocol") is None:
        raise ServiceError("InvalidParameterValue", "VPC security group rules must specify protocols explicitly.")
    target, value = targets[0], wanted[targets[0]]
    rule.ip_protocol = wanted["IpProtocol"]
    everything = rule.ip_protocol == "-1"
    rule.from_port, rule.to_port = (None if everything else wanted.get(name) for name in ("FromPort", "ToPort"))
    described = {"Description": wanted["Description"]} if wanted.get("Description") else {}
    rule.ip_range, rule.source_group, rule.prefix_list_id = {}, {}, None
    if target == "ReferencedGroupId":
        rule.source_group = {"GroupId": value, **described}
    elif target == "PrefixListId":
        rule.prefix_list_id = value
        rule.ip_range = described
    else:
        rule.ip_range = {"CidrIp" if target == "CidrIpv4" else "CidrIpv6": value, **described}
