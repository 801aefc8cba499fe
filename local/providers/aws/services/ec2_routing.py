"""Route tables, their routes and who uses them."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.clients import AwsError
from local.providers.aws.context import Context
from local.providers.aws.services.common import ec2_arn, ec2_tags, page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource

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


TYPES = (ROUTE_TABLE, ROUTE, ROUTE_TABLE_ASSOCIATION)
