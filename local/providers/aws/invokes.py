"""Functions of the provider (`aws.get_…`)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from local.providers.aws.clients import Aws, AwsError
from local.providers.aws.context import partition_of
from local.providers.aws.fitting import plain
from local.providers.aws.tags import parsed

_DNS_SUFFIX = {"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com"}
_REVERSE_DNS = {"aws": "com.amazonaws", "aws-cn": "cn.com.amazonaws", "aws-us-gov": "com.amazonaws"}


def caller_identity(aws: Aws, _: Mapping[str, Any]) -> dict[str, Any]:
    """https://www.pulumi.com/registry/packages/aws/api-docs/getcalleridentity/"""
    who = aws.identity()
    return {"id": who["Account"], "accountId": who["Account"], "arn": who["Arn"], "userId": who["UserId"]}


def partition(aws: Aws, _: Mapping[str, Any]) -> dict[str, Any]:
    """https://www.pulumi.com/registry/packages/aws/api-docs/getpartition/"""
    name = partition_of(aws.region)
    return {
        "id": name,
        "partition": name,
        "dnsSuffix": _DNS_SUFFIX[name],
        "reverseDnsPrefix": _REVERSE_DNS[name],
    }


def region(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    """https://www.pulumi.com/registry/packages/aws/api-docs/getregion/"""
    name = args.get("region") or args.get("name") or aws.region
    return {"id": name, "name": name, "region": name, "endpoint": f"ec2.{name}.amazonaws.com", "description": name}


def availability_zones(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    """https://www.pulumi.com/registry/packages/aws/api-docs/getavailabilityzones/"""
    filters = [{"Name": each["name"], "Values": each["values"]} for each in args.get("filters") or []]
    if args.get("state"):
        filters.append({"Name": "state", "Values": [args["state"]]})
    answer = aws.call(
        "ec2", "DescribeAvailabilityZones", {"Filters": filters} if filters else {}, region=args.get("region")
    )
    left_out = {*(args.get("excludeNames") or ()), *(args.get("excludeZoneIds") or ())}
    zones = [zone for zone in answer["AvailabilityZones"] if not left_out & {zone.get("ZoneName"), zone.get("ZoneId")}]
    zones.sort(key=lambda zone: zone["ZoneName"])
    return {
        **args,
        "id": args.get("region") or aws.region,
        "region": args.get("region") or aws.region,
        "names": [zone["ZoneName"] for zone in zones],
        "zoneIds": [zone.get("ZoneId", "") for zone in zones],
        "groupNames": sorted({zone.get("GroupName") or aws.region for zone in zones}),
    }


def vpc(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    """https://www.pulumi.com/registry/packages/aws/api-docs/ec2/getvpc/ (by `id` alone)"""
    given = {"VpcIds": [_by_id("getVpc", args)]}
    found = aws.call("ec2", "DescribeVpcs", given, region=args.get("region"))["Vpcs"][0]
    switches = {"enableDnsSupport": "EnableDnsSupport", "enableDnsHostnames": "EnableDnsHostnames"}
    told: dict[str, Any] = {}
    for attribute, member in switches.items():
        asked = {"VpcId": found["VpcId"], "Attribute": attribute}
        told[attribute] = aws.call("ec2", "DescribeVpcAttribute", asked, region=args.get("region"))[member]["Value"]
    return {
        **told,
        "id": found["VpcId"],
        "region": args.get("region") or aws.region,
        "arn": f"{_ec2_arn(aws, args)}:vpc/{found['VpcId']}",
        "cidrBlock": found["CidrBlock"],
        "default": bool(found.get("IsDefault")),
        "dhcpOptionsId": found.get("DhcpOptionsId", ""),
        "instanceTenancy": found.get("InstanceTenancy", "default"),
        "ownerId": found.get("OwnerId") or aws.account_id,
        "state": found.get("State", ""),
        "tags": parsed(found.get("Tags")),
    }


def subnet(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    """https://www.pulumi.com/registry/packages/aws/api-docs/ec2/getsubnet/ (by `id` alone)"""
    given = {"SubnetIds": [_by_id("getSubnet", args)]}
    found = aws.call("ec2", "DescribeSubnets", given, region=args.get("region"))["Subnets"][0]
    return {
        "id": found["SubnetId"],
        "region": args.get("region") or aws.region,
        "arn": f"{_ec2_arn(aws, args)}:subnet/{found['SubnetId']}",
        "availabilityZone": found["AvailabilityZone"],
        "availabilityZoneId": found.get("AvailabilityZoneId", ""),
        "availableIpAddressCount": found["AvailableIpAddressCount"],
        "cidrBlock": found["CidrBlock"],
        "defaultForAz": bool(found.get("DefaultForAz")),
        "mapPublicIpOnLaunch": bool(found.get("MapPublicIpOnLaunch")),
        "ownerId": found.get("OwnerId") or aws.account_id,
        "state": found.get("State", ""),
        "tags": parsed(found.get("Tags")),
        "vpcId": found["VpcId"],
    }


def cluster(aws: Aws, args: Mapping[str, Any]) -> dict[str, Any]:
    """https://www.pulumi.com/registry/packages/aws/api-docs/eks/getcluster/"""
    found = aws.call("eks", "DescribeCluster", {"name": args["name"]}, region=args.get("region"))["cluster"]
    network, access, compute = (
        found.get(member) or {} for member in ("resourcesVpcConfig", "accessConfig", "computeConfig")
    )
    return {
        "id": found["name"],
        "name": found["name"],
        "region": args.get("region") or aws.region,
        "arn": found["arn"],
        "endpoint": found.get("endpoint", ""),
        "certificateAuthorities": [{"data": (found.get("certificateAuthority") or {}).get("data", "")}],
        "createdAt": plain(found.get("createdAt")),
        "platformVersion": found.get("platformVersion", ""),
        "roleArn": found["roleArn"],
        "status": found["status"],
        "version": found.get("version", ""),
        "deletionProtection": bool(found.get("deletionProtection")),
        "tags": found.get("tags") or {},
        "accessConfigs": [
            {
                "authenticationMode": access.get("authenticationMode", "CONFIG_MAP"),
                "bootstrapClusterCreatorAdminPermissions": bool(access.get("bootstrapClusterCreatorAdminPermissions")),
            }
        ],
        "computeConfigs": [
            {
                "enabled": bool(compute.get("enabled")),
                "nodePools": compute.get("nodePools") or [],
                "nodeRoleArn": compute.get("nodeRoleArn") or "",
            }
        ],
        "vpcConfig": {
            "clusterSecurityGroupId": network.get("clusterSecurityGroupId", ""),
            "endpointPrivateAccess": bool(network.get("endpointPrivateAccess")),
            "endpointPublicAccess": bool(network.get("endpointPublicAccess")),
            "publicAccessCidrs": network.get("publicAccessCidrs") or [],
            "securityGroupIds": network.get("securityGroupIds") or [],
            "subnetIds": network.get("subnetIds") or [],
            "vpcId": network.get("vpcId", ""),
        },
    }


def _by_id(function: str, args: Mapping[str, Any]) -> str:
    others = sorted(name for name, value in args.items() if value is not None and name not in ("id", "region"))
    if others or not args.get("id"):
        raise AwsError(f"{function}: the local AWS provider finds it by its id alone, not by {', '.join(others)}.")
    return str(args["id"])


def _ec2_arn(aws: Aws, args: Mapping[str, Any]) -> str:
    place = args.get("region") or aws.region
    return f"arn:{partition_of(place)}:ec2:{place}:{aws.account_id}"


INVOKES: Final[Mapping[str, Callable[[Aws, Mapping[str, Any]], dict[str, Any]]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
    "aws:index/getPartition:getPartition": partition,
    "aws:index/getRegion:getRegion": region,
    "aws:index/getAvailabilityZones:getAvailabilityZones": availability_zones,
    "aws:ec2/getVpc:getVpc": vpc,
    "aws:ec2/getSubnet:getSubnet": subnet,
    "aws:eks/getCluster:getCluster": cluster,
}
"""Token → function of the provider."""
