"""How machines are launched: launch templates and placement groups."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import ec2_tags, page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource

_NO_TEMPLATE = ("InvalidLaunchTemplateId.NotFound", "InvalidLaunchTemplateName.NotFoundException")
_DATA = "version.LaunchTemplateData"
_PLAIN = {
    "imageId": "ImageId",
    "instanceType": "InstanceType",
    "userData": "UserData",
    "vpcSecurityGroupIds": "SecurityGroupIds",
    "blockDeviceMappings": "BlockDeviceMappings",
    "metadataOptions": "MetadataOptions",
    "monitoring": "Monitoring",
    "placement": "Placement",
    "capacityReservationSpecification": "CapacityReservationSpecification",
    "instanceMarketOptions": "InstanceMarketOptions",
}
"""Properties that EC2 takes as they are, by their members."""


def _data(context: Context) -> dict[str, Any]:
    """A template's content as EC2 takes it."""
    data = {member: context.value(name) for name, member in _PLAIN.items()}
    data["NetworkInterfaces"] = [
        {"Groups" if key == "securityGroups" else key: value for key, value in each.items()}
        for each in context.value("networkInterfaces") or []
    ]
    data["TagSpecifications"] = [
        {
            "ResourceType": each["resourceType"],
            "Tags": [{"Key": key, "Value": value} for key, value in (each.get("tags") or {}).items()],
        }
        for each in context.value("tagSpecifications") or []
    ]
    return {member: value for member, value in data.items() if value}


def _create_template(context: Context) -> dict[str, Any]:
    params = {"LaunchTemplateName": "$name", "VersionDescription": "$description", "LaunchTemplateData": _data(context)}
    return context.create(Call("CreateLaunchTemplate", params))


def _new_version(context: Context) -> None:
    answer = context.call(
        "CreateLaunchTemplateVersion",
        {
            "LaunchTemplateId": context.id,
            "VersionDescription": context.value("description") or "",
            "LaunchTemplateData": _data(context),
        },
    )
    if context.value("updateDefaultVersion"):
        number = answer["LaunchTemplateVersion"]["VersionNumber"]
        context.call("ModifyLaunchTemplate", {"LaunchTemplateId": context.id, "DefaultVersion": number})


def _tell_tags(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    """EC2 lists the tags of what is launched as pairs."""
    told = ((document.get("version") or {}).get("LaunchTemplateData") or {}).get("TagSpecifications") or []
    actual["tagSpecifications"] = [
        {"resourceType": each["ResourceType"], "tags": {tag["Key"]: tag["Value"] for tag in each.get("Tags") or []}}
        for each in told
    ] or None


LAUNCH_TEMPLATE = Resource(
    type="aws:ec2/launchTemplate:LaunchTemplate",
    service="ec2",
    docs=page("launchtemplate"),
    id="answer:LaunchTemplate.LaunchTemplateId",
    properties=(
        Property("name", replaces=REPLACES, autoname=125, path="LaunchTemplateName"),
        Property("description", path="version.VersionDescription"),
        Property("updateDefaultVersion", default=False, path=""),
        Property("imageId", path=f"{_DATA}.ImageId"),
        Property("instanceType", path=f"{_DATA}.InstanceType"),
        Property("userData", path=f"{_DATA}.UserData"),
        Property("vpcSecurityGroupIds", "set", path=f"{_DATA}.SecurityGroupIds"),
        Property(
            "blockDeviceMappings",
            "blocks",
            path=f"{_DATA}.BlockDeviceMappings",
            fields=(
                Property("deviceName"),
                Property(
                    "ebs",
                    "block",
                    fields=(
                        Property("encrypted"),
                        Property("volumeType"),
                        Property("volumeSize"),
                        Property("deleteOnTermination"),
                    ),
                ),
            ),
        ),
        Property(
            "metadataOptions",
            "block",
            path=f"{_DATA}.MetadataOptions",
            fields=(Property("httpEndpoint"), Property("httpTokens"), Property("httpPutResponseHopLimit")),
        ),
        Property("monitoring", "block", path=f"{_DATA}.Monitoring", fields=(Property("enabled", default=False),)),
        Property("placement", "block", path=f"{_DATA}.Placement", fields=(Property("groupName"),)),
        Property(
            "networkInterfaces",
            "blocks",
            path=f"{_DATA}.NetworkInterfaces",
            fields=(
                Property("networkCardIndex", default=0),
                Property("deviceIndex", default=0),
                Property("interfaceType"),
                Property("associatePublicIpAddress", default="false"),
                Property("deleteOnTermination", default="false"),
                Property("securityGroups", "set", path="Groups"),
            ),
        ),
        Property(
            "capacityReservationSpecification",
            "block",
            path=f"{_DATA}.CapacityReservationSpecification",
            fields=(Property("capacityReservationTarget", "block", fields=(Property("capacityReservationId"),)),),
        ),
        Property(
            "instanceMarketOptions", "block", path=f"{_DATA}.InstanceMarketOptions", fields=(Property("marketType"),)
        ),
        Property("tagSpecifications", "blocks", fields=(Property("resourceType"), Property("tags", "map"))),
        Property("tags", "map"),
    ),
    create=Function(_create_template),
    reads=(
        Read("DescribeLaunchTemplates", {"LaunchTemplateIds": ["$id"]}, "LaunchTemplates[0]", gone=_NO_TEMPLATE),
        Read(
            "DescribeLaunchTemplateVersions",
            {"LaunchTemplateId": "$id", "Versions": ["$document.LatestVersionNumber"]},
            "LaunchTemplateVersions[0]",
            into="version",
            gone=_NO_TEMPLATE,
        ),
    ),
    updates=(Function(_new_version, on=("description", *_PLAIN, "networkInterfaces", "tagSpecifications")),),
    delete=(Call("DeleteLaunchTemplate", {"LaunchTemplateId": "$id"}, ignore=_NO_TEMPLATE),),
    outputs={"defaultVersion": "DefaultVersionNumber", "latestVersion": "LatestVersionNumber"},
    derived={"arn": "arn:{partition}:ec2:{region}:{account}:launch-template/{id}"},
    shape=_tell_tags,
    tagging=ec2_tags("launch-template"),
    unique=("name",),
)

_NO_GROUP = ("InvalidPlacementGroup.Unknown",)

PLACEMENT_GROUP = Resource(
    type="aws:ec2/placementGroup:PlacementGroup",
    service="ec2",
    docs=page("placementgroup"),
    id="{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=255, path="GroupName"),
        Property("strategy", required=True, replaces=REPLACES),
        Property("partitionCount", computed=True, replaces=REPLACES),
        Property("spreadLevel", computed=True, replaces=REPLACES),
        Property("tags", "map"),
    ),
    create=Call(
        "CreatePlacementGroup",
        {
            "GroupName": "$name",
            "Strategy": "$strategy",
            "PartitionCount": "$partitionCount",
            "SpreadLevel": "$spreadLevel",
        },
    ),
    reads=(Read("DescribePlacementGroups", {"GroupNames": ["$id"]}, "PlacementGroups[0]", gone=_NO_GROUP),),
    delete=(Call("DeletePlacementGroup", {"GroupName": "$id"}, ignore=_NO_GROUP),),
    outputs={"placementGroupId": "GroupId", "arn": "GroupArn"},
    stable=("arn", "placementGroupId"),
    tagging=ec2_tags("placement-group", of="$placementGroupId"),
    unique=("name",),
)

TYPES = (LAUNCH_TEMPLATE, PLACEMENT_GROUP)
