"""The VPC, its subnets and its ways out."""

from local.providers.aws.context import Context
from local.providers.aws.services.common import ec2_arn, ec2_tags, page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Wait


def _attribute(name: str, member: str) -> Read:
    return Read("DescribeVpcAttribute", {"VpcId": "$id", "Attribute": name}, f"{member}.Value", into=f"vpc.{name}")


def _set_attribute(name: str, member: str) -> Call:
    return Call("ModifyVpcAttribute", {"VpcId": "$id", member: {"Value": f"${name}"}}, on=(name,), at_create=True)


_TENANCY = (
    "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcTenancy.html: 'You can change the instance "
    "tenancy attribute of a VPC to default only.'"
)


def _becomes_dedicated(old: object, new: object) -> bool:
    """AWS can take the dedicated tenancy back, not give it later."""
    return new == "dedicated"


VPC = Resource(
    type="aws:ec2/vpc:Vpc",
    service="ec2",
    docs=page("vpc"),
    id="answer:Vpc.VpcId",
    properties=(
        Property("cidrBlock", replaces=REPLACES),
        Property("instanceTenancy", default="default", replaces=_TENANCY, replaces_if=_becomes_dedicated),
        Property("enableDnsSupport", default=True, path='"vpc.enableDnsSupport"'),
        Property("enableDnsHostnames", default=False, path='"vpc.enableDnsHostnames"'),
        Property("tags", "map"),
    ),
    create=Call("CreateVpc", {"CidrBlock": "$cidrBlock", "InstanceTenancy": "$instanceTenancy"}),
    reads=(
        Read("DescribeVpcs", {"VpcIds": ["$id"]}, "Vpcs[0]", gone=("InvalidVpcID.NotFound",)),
        _attribute("enableDnsSupport", "EnableDnsSupport"),
        _attribute("enableDnsHostnames", "EnableDnsHostnames"),
        Read(
            "DescribeRouteTables",
            {
                "Filters": [
                    {"Name": "vpc-id", "Values": ["$id"]},
                    {"Name": "association.main", "Values": ["true"]},
                ]
            },
            "RouteTables[0].RouteTableId",
            into="mainRouteTable",
        ),
        Read(
            "DescribeNetworkAcls",
            {"Filters": [{"Name": "vpc-id", "Values": ["$id"]}, {"Name": "default", "Values": ["true"]}]},
            "NetworkAcls[0].NetworkAclId",
            into="networkAcl",
        ),
        Read(
            "DescribeSecurityGroups",
            {"Filters": [{"Name": "vpc-id", "Values": ["$id"]}, {"Name": "group-name", "Values": ["default"]}]},
            "SecurityGroups[0].GroupId",
            into="securityGroup",
        ),
    ),
    updates=(
        _set_attribute("enableDnsSupport", "EnableDnsSupport"),
        _set_attribute("enableDnsHostnames", "EnableDnsHostnames"),
        Call("ModifyVpcTenancy", {"VpcId": "$id", "InstanceTenancy": "$instanceTenancy"}, on=("instanceTenancy",)),
    ),
    delete=(Call("DeleteVpc", {"VpcId": "$id"}, ignore=("InvalidVpcID.NotFound",)),),
    outputs={
        "ownerId": "OwnerId",
        "dhcpOptionsId": "DhcpOptionsId",
        "mainRouteTableId": "mainRouteTable",
        "defaultRouteTableId": "mainRouteTable",
        "defaultNetworkAclId": "networkAcl",
        "defaultSecurityGroupId": "securityGroup",
    },
    derived={"arn": ec2_arn("vpc")},
    stable=("arn", "ownerId", "mainRouteTableId", "defaultRouteTableId", "defaultSecurityGroupId"),
    tagging=ec2_tags("vpc"),
)

SUBNET = Resource(
    type="aws:ec2/subnet:Subnet",
    service="ec2",
    docs=page("subnet"),
    id="answer:Subnet.SubnetId",
    properties=(
        Property("vpcId", required=True, replaces=REPLACES),
        Property("cidrBlock", replaces=REPLACES),
        Property("availabilityZone", replaces=REPLACES, computed=True),
        Property("availabilityZoneId", replaces=REPLACES, computed=True),
        Property("mapPublicIpOnLaunch", default=False),
        Property("assignIpv6AddressOnCreation", default=False),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateSubnet",
        {
            "VpcId": "$vpcId",
            "CidrBlock": "$cidrBlock",
            "AvailabilityZone": "$availabilityZone",
            "AvailabilityZoneId": "$availabilityZoneId",
        },
    ),
    reads=(Read("DescribeSubnets", {"SubnetIds": ["$id"]}, "Subnets[0]", gone=("InvalidSubnetID.NotFound",)),),
    updates=(
        Call(
            "ModifySubnetAttribute",
            {"SubnetId": "$id", "MapPublicIpOnLaunch": {"Value": "$mapPublicIpOnLaunch"}},
            on=("mapPublicIpOnLaunch",),
            at_create=True,
        ),
        Call(
            "ModifySubnetAttribute",
            {"SubnetId": "$id", "AssignIpv6AddressOnCreation": {"Value": "$assignIpv6AddressOnCreation"}},
            on=("assignIpv6AddressOnCreation",),
            at_create=True,
        ),
    ),
    delete=(Call("DeleteSubnet", {"SubnetId": "$id"}, ignore=("InvalidSubnetID.NotFound",)),),
    outputs={"ownerId": "OwnerId", "arn": "SubnetArn"},
    stable=("arn", "ownerId"),
    tagging=ec2_tags("subnet"),
    unique=("vpcId", "cidrBlock"),
)


def _move_internet_gateway(context: Context) -> None:
    before, after = context.old.get("vpcId"), context.new.get("vpcId")
    if before:
        context.call("DetachInternetGateway", {"InternetGatewayId": context.id, "VpcId": before})
    if after:
        context.call("AttachInternetGateway", {"InternetGatewayId": context.id, "VpcId": after})


INTERNET_GATEWAY = Resource(
    type="aws:ec2/internetGateway:InternetGateway",
    service="ec2",
    docs=page("internetgateway"),
    id="answer:InternetGateway.InternetGatewayId",
    properties=(Property("vpcId", computed=True, path="Attachments[0].VpcId"), Property("tags", "map")),
    create=Call("CreateInternetGateway"),
    reads=(
        Read(
            "DescribeInternetGateways",
            {"InternetGatewayIds": ["$id"]},
            "InternetGateways[0]",
            gone=("InvalidInternetGatewayID.NotFound",),
        ),
    ),
    updates=(Function(_move_internet_gateway, on=("vpcId",), at_create=True),),
    delete=(
        Call(
            "DetachInternetGateway",
            {"InternetGatewayId": "$id", "VpcId": "$vpcId"},
            if_set="vpcId",
            ignore=("Gateway.NotAttached", "InvalidInternetGatewayID.NotFound"),
        ),
        Call("DeleteInternetGateway", {"InternetGatewayId": "$id"}, ignore=("InvalidInternetGatewayID.NotFound",)),
    ),
    outputs={"ownerId": "OwnerId"},
    derived={"arn": ec2_arn("internet-gateway")},
    stable=("arn", "ownerId"),
    tagging=ec2_tags("internet-gateway"),
    unique=("vpcId",),
)

EIP = Resource(
    type="aws:ec2/eip:Eip",
    service="ec2",
    docs=page("eip"),
    id="answer:AllocationId",
    properties=(
        Property("domain", replaces=REPLACES, computed=True),
        Property("tags", "map"),
    ),
    create=Call("AllocateAddress", {"Domain": "$domain"}),
    reads=(
        Read(
            "DescribeAddresses",
            {"AllocationIds": ["$id"]},
            "Addresses[0]",
            gone=("InvalidAllocationID.NotFound", "InvalidAddress.NotFound"),
        ),
    ),
    delete=(Call("ReleaseAddress", {"AllocationId": "$id"}, ignore=("InvalidAllocationID.NotFound",)),),
    outputs={
        "allocationId": "AllocationId",
        "associationId": "AssociationId",
        "publicIp": "PublicIp",
        "privateIp": "PrivateIpAddress",
        "networkBorderGroup": "NetworkBorderGroup",
        "publicIpv4Pool": "PublicIpv4Pool",
    },
    derived={"arn": "arn:{partition}:ec2:{region}:{account}:elastic-ip/{id}"},
    stable=("arn", "allocationId", "publicIp"),
    tagging=ec2_tags("elastic-ip"),
)

NAT_GATEWAY = Resource(
    type="aws:ec2/natGateway:NatGateway",
    service="ec2",
    docs=page("natgateway"),
    id="answer:NatGateway.NatGatewayId",
    properties=(
        Property("subnetId", replaces=REPLACES),
        Property("allocationId", replaces=REPLACES, path="NatGatewayAddresses[0].AllocationId"),
        Property("connectivityType", default="public", replaces=REPLACES),
        Property("privateIp", replaces=REPLACES, computed=True, path="NatGatewayAddresses[0].PrivateIp"),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateNatGateway",
        {
            "SubnetId": "$subnetId",
            "AllocationId": "$allocationId",
            "ConnectivityType": "$connectivityType",
            "PrivateIpAddress": "$privateIp",
        },
    ),
    reads=(
        Read(
            "DescribeNatGateways",
            {"NatGatewayIds": ["$id"]},
            "NatGateways[?State!='deleted'] | [0]",
            gone=("NatGatewayNotFound",),
        ),
    ),
    delete=(Call("DeleteNatGateway", {"NatGatewayId": "$id"}, ignore=("NatGatewayNotFound",)),),
    outputs={
        "publicIp": "NatGatewayAddresses[0].PublicIp",
        "networkInterfaceId": "NatGatewayAddresses[0].NetworkInterfaceId",
        "associationId": "NatGatewayAddresses[0].AssociationId",
    },
    stable=("publicIp", "networkInterfaceId"),
    tagging=ec2_tags("natgateway"),
    created=Wait("State", ("available",), ("failed", "deleted"), "FailureMessage", 900),
    deleted_timeout_s=1800,
    unique=("allocationId",),
)

TYPES = (VPC, SUBNET, INTERNET_GATEWAY, EIP, NAT_GATEWAY)
