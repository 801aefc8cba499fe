"""Functions of the provider (`aws.get_…`)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from local.providers.aws.clients import Aws
from local.providers.aws.context import partition_of

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


INVOKES: Final[Mapping[str, Callable[[Aws, Mapping[str, Any]], dict[str, Any]]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": caller_identity,
    "aws:index/getPartition:getPartition": partition,
    "aws:index/getRegion:getRegion": region,
    "aws:index/getAvailabilityZones:getAvailabilityZones": availability_zones,
}
"""Token → function of the provider."""
