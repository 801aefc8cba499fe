"""Route tables, endpoints of AWS services, and flow logs."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.clients import AwsError
from local.providers.aws.context import Context
from local.providers.aws.services.common import ec2_arn, ec2_tags, page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Wait

_NO_TABLE = ("InvalidRouteTableID.NotFound",)

ROUTE_TABLE = Resource(
    type="aws:ec2/routeTable:RouteTable",
    service="ec2",
    docs=page("routetable"),
    id="answer:RouteTable.RouteTableId",
    properties=(Property("vpcId", required=True, replaces=REPLACES), Property("tags", "map")),
    create=Call("CreateRouteTable", {"VpcId": "$vpcId"}),
    reads=(Read("DescribeRouteTables", {"RouteTableIds": ["$id"]}, "RouteTables[0]", gone=_NO_TABLE),),
    delete=(Call("DeleteRouteTable", {"RouteTableId": "$id"}, ignore=_NO_TABLE),),
    outputs={"ownerId": "OwnerId"},
    derived={"arn": ec2_arn("route-table")},
    stable=("arn", "ownerId"),
    tagging=ec2_tags("route-table"),
)

_ROUTE_KEY = {
    "RouteTableId": "$routeTableId",
    "DestinationCidrBlock": "$destinationCidrBlock",
    "DestinationIpv6CidrBlock": "$destinationIpv6CidrBlock",
    "DestinationPrefixListId": "$destinationPrefixListId",
}
_ROUTE_TARGETS = {
    "GatewayId": "$gatewayId",
    "NatGatewayId": "$natGatewayId",
    "EgressOnlyInternetGatewayId": "$egressOnlyGatewayId",
    "NetworkInterfaceId": "$networkInterfaceId",
    "TransitGatewayId": "$transitGatewayId",
    "VpcEndpointId": "$vpcEndpointId",
    "VpcPeeringConnectionId": "$vpcPeeringConnectionId",
}


def _route_from_id(context: Context) -> Mapping[str, Any]:
    table, separator, destination = context.id.partition("_")
    if not separator:
        raise AwsError(f"{context.resource.type}: the id {context.id!r} does not have the form 'rtb-…_destination'.")
    kind = "destinationPrefixListId" if destination.startswith("pl-") else "destinationCidrBlock"
    if ":" in destination:
        kind = "destinationIpv6CidrBlock"
    return {"routeTableId": table, kind: destination}


ROUTE = Resource(
    type="aws:ec2/route:Route",
    service="ec2",
    docs=page("route"),
    id="{routeTableId}_{destinationCidrBlock|destinationIpv6CidrBlock|destinationPrefixListId}",
    import_id=_route_from_id,
    properties=(
        Property("routeTableId", required=True, replaces=REPLACES),
        Property("destinationCidrBlock", replaces=REPLACES),
        Property("destinationIpv6CidrBlock", replaces=REPLACES),
        Property("destinationPrefixListId", replaces=REPLACES),
        Property("gatewayId"),
        Property("natGatewayId"),
        Property("egressOnlyGatewayId", path="EgressOnlyInternetGatewayId"),
        Property("networkInterfaceId", computed=True),
        Property("transitGatewayId"),
        Property("vpcEndpointId"),
        Property("vpcPeeringConnectionId"),
    ),
    create=Call("CreateRoute", {**_ROUTE_KEY, **_ROUTE_TARGETS}),
    reads=(
        Read(
            "DescribeRouteTables",
            {"RouteTableIds": ["$routeTableId"]},
            "RouteTables[0].Routes[?(DestinationCidrBlock != null && DestinationCidrBlock == '$destinationCidrBlock')"
            " || (DestinationIpv6CidrBlock != null && DestinationIpv6CidrBlock == '$destinationIpv6CidrBlock')"
            " || (DestinationPrefixListId != null && DestinationPrefixListId == '$destinationPrefixListId')] | [0]",
            gone=_NO_TABLE,
        ),
    ),
    updates=(
        Call(
            "ReplaceRoute",
            {**_ROUTE_KEY, **_ROUTE_TARGETS},
            on=tuple(reference[1:] for reference in _ROUTE_TARGETS.values()),
        ),
    ),
    delete=(Call("DeleteRoute", _ROUTE_KEY, ignore=("InvalidRoute.NotFound", *_NO_TABLE)),),
    outputs={"origin": "Origin", "state": "State", "instanceId": "InstanceId", "instanceOwnerId": "InstanceOwnerId"},
    stable=(),
    unique=("routeTableId", "destinationCidrBlock", "destinationIpv6CidrBlock", "destinationPrefixListId"),
)


def _association(context: Context) -> dict[str, Any] | None:
    """The association of the subnet or gateway now: replacing one gives it another id on AWS's side."""
    target = str(context.value("subnetId") or context.value("gatewayId"))
    key = "association.subnet-id" if target.startswith("subnet-") else "association.gateway-id"
    tables = context.call("DescribeRouteTables", {"Filters": [{"Name": key, "Values": [target]}]})["RouteTables"]
    return next(
        (
            each
            for table in tables
            for each in table["Associations"]
            if target in (each.get("SubnetId"), each.get("GatewayId"))
        ),
        None,
    )


def _replace_association(context: Context) -> None:
    found = _association(context)
    if found is None:
        raise AwsError(f"{context.subject}: the subnet or gateway is no longer associated with a route table.")
    context.call(
        "ReplaceRouteTableAssociation",
        {"AssociationId": found["RouteTableAssociationId"], "RouteTableId": context.new["routeTableId"]},
    )


def _remove_association(context: Context) -> None:
    found = _association(context)
    if found is not None:
        context.call("DisassociateRouteTable", {"AssociationId": found["RouteTableAssociationId"]})


def _association_from_id(context: Context) -> Mapping[str, Any]:
    target, separator, table = context.id.partition("/")
    if not separator:
        raise AwsError(f"{context.resource.type}: the id {context.id!r} does not have the form 'subnet-…/rtb-…'.")
    kind = "subnetId" if target.startswith("subnet-") else "gatewayId"
    context.new = {kind: target}
    found = _association(context)
    if found is None or found["RouteTableId"] != table:
        raise AwsError(f"{target} is not associated with {table}.", "InvalidAssociationID.NotFound")
    return {"id": found["RouteTableAssociationId"], kind: target, "routeTableId": table}


ROUTE_TABLE_ASSOCIATION = Resource(
    type="aws:ec2/routeTableAssociation:RouteTableAssociation",
    service="ec2",
    docs=page("routetableassociation"),
    id="answer:AssociationId",
    import_id=_association_from_id,
    properties=(
        Property("routeTableId", required=True),
        Property("subnetId", replaces=REPLACES),
        Property("gatewayId", replaces=REPLACES),
    ),
    create=Call(
        "AssociateRouteTable",
        {"RouteTableId": "$routeTableId", "SubnetId": "$subnetId", "GatewayId": "$gatewayId"},
    ),
    reads=(
        Read(
            "DescribeRouteTables",
            {
                "Filters": [
                    {"?": "$subnetId", "Name": "association.subnet-id", "Values": ["$subnetId"]},
                    {"?": "$gatewayId", "Name": "association.gateway-id", "Values": ["$gatewayId"]},
                ]
            },
            "RouteTables[].Associations[] | [?(SubnetId != null && SubnetId == '$subnetId')"
            " || (GatewayId != null && GatewayId == '$gatewayId')] | [0]",
            gone=("InvalidAssociationID.NotFound",),
        ),
    ),
    updates=(Function(_replace_association, on=("routeTableId",)),),
    delete=(Function(_remove_association),),
    stable=(),
    unique=("subnetId", "gatewayId"),
)


def _changes(context: Context, name: str, member: str) -> dict[str, list[str]]:
    before, after = set(context.old.get(name) or ()), set(context.new.get(name) or ())
    parts = {f"Add{member}": sorted(after - before), f"Remove{member}": sorted(before - after)}
    return {key: ids for key, ids in parts.items() if ids}


def _modify_endpoint(context: Context) -> None:
    params: dict[str, Any] = {"VpcEndpointId": context.id}
    params |= _changes(context, "subnetIds", "SubnetIds")
    params |= _changes(context, "securityGroupIds", "SecurityGroupIds")
    params |= _changes(context, "routeTableIds", "RouteTableIds")
    if "policy" in context.changed:
        policy = context.new.get("policy")
        params |= {"PolicyDocument": policy} if policy else {"ResetPolicy": True}
    if "privateDnsEnabled" in context.changed:
        params["PrivateDnsEnabled"] = context.value("privateDnsEnabled")
    context.call("ModifyVpcEndpoint", params)


VPC_ENDPOINT = Resource(
    type="aws:ec2/vpcEndpoint:VpcEndpoint",
    service="ec2",
    docs=page("vpcendpoint"),
    id="answer:VpcEndpoint.VpcEndpointId",
    properties=(
        Property("vpcId", required=True, replaces=REPLACES),
        Property("serviceName", computed=True, replaces=REPLACES),
        Property("vpcEndpointType", default="Gateway", replaces=REPLACES),
        Property("policy", "json", computed=True, path="PolicyDocument"),
        Property("privateDnsEnabled", computed=True),
        Property("routeTableIds", "set", computed=True),
        Property("subnetIds", "set", computed=True),
        Property("securityGroupIds", "set", computed=True, path="Groups[].GroupId"),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateVpcEndpoint",
        {
            "VpcId": "$vpcId",
            "ServiceName": "$serviceName",
            "VpcEndpointType": "$vpcEndpointType",
            "PolicyDocument": "$policy",
            "PrivateDnsEnabled": "$privateDnsEnabled",
            "RouteTableIds": "$routeTableIds",
            "SubnetIds": "$subnetIds",
            "SecurityGroupIds": "$securityGroupIds",
        },
    ),
    reads=(
        Read(
            "DescribeVpcEndpoints",
            {"VpcEndpointIds": ["$id"]},
            "VpcEndpoints[?State!='deleted'] | [0]",
            gone=("InvalidVpcEndpointId.NotFound",),
        ),
    ),
    updates=(
        Function(
            _modify_endpoint,
            on=("policy", "privateDnsEnabled", "routeTableIds", "subnetIds", "securityGroupIds"),
        ),
    ),
    delete=(Call("DeleteVpcEndpoints", {"VpcEndpointIds": ["$id"]}, ignore=("InvalidVpcEndpointId.NotFound",)),),
    outputs={
        "ownerId": "OwnerId",
        "state": "State",
        "networkInterfaceIds": "NetworkInterfaceIds",
        "dnsEntries": "DnsEntries[].{dnsName: DnsName, hostedZoneId: HostedZoneId}",
        "requesterManaged": "RequesterManaged",
    },
    derived={"arn": "arn:{partition}:ec2:{region}:{account}:vpc-endpoint/{id}"},
    stable=("arn",),
    tagging=ec2_tags("vpc-endpoint"),
    created=Wait("State", ("available", "Available", "pendingAcceptance"), ("failed", "rejected"), timeout_s=600),
    deleted_timeout_s=600,
)

_FLOW_LOG_OWNERS = {"vpc-": ("vpcId", "VPC"), "subnet-": ("subnetId", "Subnet"), "eni-": ("eniId", "NetworkInterface")}


def _create_flow_log(context: Context) -> dict[str, Any]:
    resource_type, resource_id = next(
        ((kind, context.new[name]) for name, kind in _FLOW_LOG_OWNERS.values() if context.new.get(name)), ("", "")
    )
    answer = context.create(
        Call(
            "CreateFlowLogs",
            {
                "ResourceIds": [resource_id],
                "ResourceType": resource_type,
                "TrafficType": "$trafficType",
                "LogDestinationType": "$logDestinationType",
                "LogDestination": "$logDestination",
                "LogFormat": "$logFormat",
                "DeliverLogsPermissionArn": "$iamRoleArn",
                "MaxAggregationInterval": "$maxAggregationInterval",
            },
        )
    )
    for failure in answer.get("Unsuccessful") or ():
        error = failure.get("Error", {})
        raise AwsError(f"ec2:CreateFlowLogs for {context.subject}: {error.get('Code')}: {error.get('Message')}")
    return answer


def _name_flow_log_owner(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    owner = str(document.get("ResourceId") or "")
    for prefix, (name, _) in _FLOW_LOG_OWNERS.items():
        actual[name] = owner if owner.startswith(prefix) else None


def _has_one_owner(inputs: Mapping[str, Any]) -> str | None:
    owners = [name for name, _ in _FLOW_LOG_OWNERS.values()]
    if sum(1 for name in owners if inputs.get(name) is not None) != 1:
        return f"aws:ec2/flowLog:FlowLog: exactly one of {', '.join(owners)} must be set."
    return None


FLOW_LOG = Resource(
    type="aws:ec2/flowLog:FlowLog",
    service="ec2",
    docs=page("flowlog"),
    id="answer:FlowLogIds[0]",
    properties=(
        *(Property(name, replaces=REPLACES) for name, _ in _FLOW_LOG_OWNERS.values()),
        Property("trafficType", replaces=REPLACES),
        Property("logDestinationType", default="cloud-watch-logs", replaces=REPLACES),
        Property("logDestination", computed=True, replaces=REPLACES),
        Property("logFormat", computed=True, replaces=REPLACES),
        Property("iamRoleArn", replaces=REPLACES, path="DeliverLogsPermissionArn"),
        Property("maxAggregationInterval", default=600, replaces=REPLACES),
        Property("tags", "map"),
    ),
    create=Function(_create_flow_log),
    reads=(Read("DescribeFlowLogs", {"FlowLogIds": ["$id"]}, "FlowLogs[0]", gone=("InvalidFlowLogId.NotFound",)),),
    delete=(Call("DeleteFlowLogs", {"FlowLogIds": ["$id"]}, ignore=("InvalidFlowLogId.NotFound",)),),
    derived={"arn": "arn:{partition}:ec2:{region}:{account}:vpc-flow-log/{id}"},
    shape=_name_flow_log_owner,
    check=_has_one_owner,
    tagging=ec2_tags("vpc-flow-log"),
    unique=("vpcId", "subnetId", "eniId", "logDestination"),
)

TYPES = (ROUTE_TABLE, ROUTE, ROUTE_TABLE_ASSOCIATION, VPC_ENDPOINT, FLOW_LOG)
