"""Managed node groups, and the tags of the Auto Scaling groups that EKS makes for them."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.lifecycle import settled
from local.providers.aws.services.common import page
from local.providers.aws.services.eks import EKS_TAGS, GONE
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Wait

_GROUP = {"clusterName": "$clusterName", "nodegroupName": "$nodeGroupName"}
_ACTIVE = Wait("status", ("ACTIVE",), ("CREATE_FAILED", "DEGRADED"), "health.issues[0].message", 3600)


def _taint_key(taint: Mapping[str, Any]) -> tuple[Any, Any]:
    return taint["key"], taint["effect"]


def _update_config(context: Context) -> None:
    """Labels and taints are told as differences, the rest as it shall be."""
    params: dict[str, Any] = {name: context.value(value[1:]) for name, value in _GROUP.items()}
    if "labels" in context.changed:
        before, after = context.old.get("labels") or {}, context.new.get("labels") or {}
        removed = [key for key in before if key not in after]
        params["labels"] = {"addOrUpdateLabels": dict(after), "removeLabels": removed}
    if "taints" in context.changed:
        before, after = context.old.get("taints") or [], context.new.get("taints") or []
        kept = {_taint_key(taint) for taint in after}
        gone = [dict(taint) for taint in before if _taint_key(taint) not in kept]
        params["taints"] = {"addOrUpdateTaints": [dict(taint) for taint in after], "removeTaints": gone}
    for name in ("scalingConfig", "updateConfig", "nodeRepairConfig"):
        if name in context.changed and context.new.get(name) is not None:
            params[name] = context.new[name]
    context.call("UpdateNodegroupConfig", params)
    settled(context, _ACTIVE)


def _update_version(context: Context) -> None:
    params: dict[str, Any] = {name: context.value(value[1:]) for name, value in _GROUP.items()}
    params["force"] = bool(context.value("forceUpdateVersion"))
    for name in ("version", "releaseVersion"):
        if name in context.changed and context.new.get(name) is not None:
            params[name] = context.new[name]
    if "launchTemplate" in context.changed and context.new.get("launchTemplate"):
        template = context.new["launchTemplate"]
        # AWS takes the template's id or its name, and not both.
        known = "id" if template.get("id") else "name"
        params["launchTemplate"] = {known: template[known], "version": template["version"]}
    context.call("UpdateNodegroupVersion", params)
    settled(context, _ACTIVE)


NODE_GROUP = Resource(
    type="aws:eks/nodeGroup:NodeGroup",
    service="eks",
    docs=page("nodegroup", "eks"),
    id="{clusterName}:{nodeGroupName}",
    properties=(
        Property("clusterName", required=True, replaces=REPLACES),
        Property("nodeGroupName", replaces=REPLACES, autoname=63, path="nodegroupName"),
        Property("nodeRoleArn", required=True, replaces=REPLACES, path="nodeRole"),
        Property("subnetIds", "set", required=True, replaces=REPLACES, path="subnets"),
        Property("amiType", computed=True, replaces=REPLACES),
        Property("capacityType", computed=True, replaces=REPLACES),
        Property("diskSize", computed=True, replaces=REPLACES),
        Property("instanceTypes", "set", computed=True, replaces=REPLACES),
        Property(
            "scalingConfig",
            "block",
            required=True,
            fields=(
                Property("minSize", required=True),
                Property("maxSize", required=True),
                Property("desiredSize", required=True),
            ),
        ),
        Property("updateConfig", "block", computed=True, fields=(Property("maxUnavailable", computed=True),)),
        Property("nodeRepairConfig", "block", computed=True, fields=(Property("enabled", default=False),)),
        Property(
            "launchTemplate",
            "block",
            fields=(
                Property("id", computed=True, replaces=REPLACES),
                Property("name", computed=True, replaces=REPLACES),
                Property("version", required=True),
            ),
        ),
        Property("labels", "map"),
        Property(
            "taints",
            "blockset",
            fields=(Property("key", required=True), Property("value"), Property("effect", required=True)),
        ),
        Property("version", computed=True),
        Property("releaseVersion", computed=True),
        Property("forceUpdateVersion", path=""),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateNodegroup",
        {
            **_GROUP,
            "nodeRole": "$nodeRoleArn",
            "subnets": "$subnetIds",
            "amiType": "$amiType",
            "capacityType": "$capacityType",
            "diskSize": "$diskSize",
            "instanceTypes": "$instanceTypes",
            "scalingConfig": "$scalingConfig",
            "updateConfig": "$updateConfig",
            "nodeRepairConfig": "$nodeRepairConfig",
            "launchTemplate": "$launchTemplate",
            "labels": "$labels",
            "taints": "$taints",
            "version": "$version",
            "releaseVersion": "$releaseVersion",
        },
    ),
    reads=(Read("DescribeNodegroup", _GROUP, "nodegroup", gone=GONE),),
    updates=(
        Function(_update_version, on=("version", "releaseVersion", "launchTemplate")),
        Function(_update_config, on=("labels", "taints", "scalingConfig", "updateConfig", "nodeRepairConfig")),
    ),
    delete=(Call("DeleteNodegroup", _GROUP, ignore=GONE),),
    outputs={
        "arn": "nodegroupArn",
        "status": "status",
        "resources": "[{autoscalingGroups: resources.autoScalingGroups[].{name: name}}]",
    },
    stable=("arn", "resources"),
    tagging=EKS_TAGS,
    created=_ACTIVE,
    updated=_ACTIVE,
    deleted_timeout_s=3600,
    unique=("clusterName", "nodeGroupName"),
)


def _tag(context: Context) -> dict[str, Any]:
    """The one tag, as EC2 Auto Scaling takes it."""
    tag = context.value("tag")
    group = context.value("autoscalingGroupName")
    return {
        "ResourceId": group,
        "ResourceType": "auto-scaling-group",
        "Key": tag["key"],
        "Value": tag.get("value") or "",
        "PropagateAtLaunch": bool(tag.get("propagateAtLaunch")),
    }


def _write_tag(context: Context) -> dict[str, Any]:
    context.call("CreateOrUpdateTags", {"Tags": [_tag(context)]})
    return {}


def _remove_tag(context: Context) -> None:
    known = {name: value for name, value in _tag(context).items() if name in ("ResourceId", "ResourceType", "Key")}
    # The group may be gone, and its tags with it.
    filters = [{"Name": "auto-scaling-group", "Values": [known["ResourceId"]]}]
    found = context.call("DescribeTags", {"Filters": filters})["Tags"]
    if any(each["Key"] == known["Key"] for each in found):
        context.call("DeleteTags", {"Tags": [known]})


def _tag_from_id(context: Context) -> Mapping[str, Any]:
    group, _, key = context.id.partition(",")
    return {"autoscalingGroupName": group, "tag": {"key": key}}


AUTOSCALING_TAG = Resource(
    type="aws:autoscaling/tag:Tag",
    service="autoscaling",
    docs=page("tag", "autoscaling"),
    id="{autoscalingGroupName},{tag.key}",
    import_id=_tag_from_id,
    properties=(
        Property("autoscalingGroupName", required=True, replaces=REPLACES, path="ResourceId"),
        Property(
            "tag",
            "block",
            required=True,
            path="@",
            fields=(
                Property("key", required=True, replaces=REPLACES),
                Property("value", required=True),
                Property("propagateAtLaunch", required=True),
            ),
        ),
    ),
    create=Function(_write_tag),
    reads=(
        Read(
            "DescribeTags",
            {"Filters": [{"Name": "auto-scaling-group", "Values": ["$autoscalingGroupName"]}]},
            "Tags[?Key == '$tag.key'] | [0]",
        ),
    ),
    updates=(Function(_write_tag, on=("tag",)),),
    delete=(Function(_remove_tag),),
    stable=(),
    unique=("autoscalingGroupName", "tag"),
)

TYPES = (NODE_GROUP, AUTOSCALING_TAG)
