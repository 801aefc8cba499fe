"""Managed node groups: recorded with their Auto Scaling group; no machine is started.

The checks are those of https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateNodegroup.html and of
https://docs.aws.amazon.com/eks/latest/userguide/launch-templates.html (nothing is said both there and in the template).
"""

import uuid
from typing import Any

from local.aws_server.eks import access
from local.aws_server.eks.common import (
    child_key,
    children,
    cluster_of,
    eks_operation,
    in_use,
    invalid,
    not_found,
    now,
    page,
)
from local.aws_server.eks.updates import record_update
from local.aws_server.identity import principal_exists
from local.aws_server.operations import Call, ServiceError

NODE_GROUP = "eks-nodegroup"
_KEPT = ("labels", "nodeRepairConfig", "warmPoolConfig", "remoteAccess")


def _find(call: Call) -> dict[str, Any]:
    cluster_of(call, call.params["clusterName"])
    name = call.params["nodegroupName"]
    record = call.server.records.get(NODE_GROUP, child_key(call, call.params["clusterName"], name))
    if record is None:
        raise not_found(f"No node group found for name: {name}.")
    return record


def _put(call: Call, record: dict[str, Any]) -> None:
    key = child_key(call, record["clusterName"], record["nodegroupName"])
    call.server.records.put(NODE_GROUP, key, record | {"modifiedAt": now()})


@eks_operation("CreateNodegroup")
def create_nodegroup(call: Call) -> dict[str, Any]:
    params = call.params
    name = params["nodegroupName"]
    cluster = cluster_of(call, params["clusterName"])
    if call.server.records.get(NODE_GROUP, child_key(call, cluster["name"], name)):
        raise in_use(f"NodeGroup already exists with name {name} and cluster name {cluster['name']}")
    _check_version(params.get("version"), cluster)
    if not principal_exists(params["nodeRole"]):
        raise invalid(f"The role {params['nodeRole']} of the node group does not exist.")
    _check_subnets(call, cluster, params["subnets"])
    scaling = {"minSize": 1, "maxSize": 2, "desiredSize": 2, **params.get("scalingConfig", {})}
    _check_scaling(scaling)
    _check_taints(params.get("taints", []))
    template, data = _template(call, params.get("launchTemplate"))
    capacity = params.get("capacityType", "ON_DEMAND")
    instance_types = _instance_types(params, data)
    _check_capacity(capacity, data)
    record = {
        "nodegroupName": name,
        "nodegroupArn": call.arn(f"nodegroup/{cluster['name']}/{name}/{uuid.uuid4()}"),
        "clusterName": cluster["name"],
        "version": params.get("version", cluster["version"]),
        "releaseVersion": params.get("releaseVersion", f"{cluster['version']}.0-local"),
        "createdAt": now(),
        "status": "ACTIVE",
        "capacityType": capacity,
        "scalingConfig": scaling,
        "subnets": params["subnets"],
        "amiType": params.get("amiType") or ("CUSTOM" if data.get("ImageId") else "AL2023_x86_64_STANDARD"),
        "nodeRole": params["nodeRole"],
        "taints": params.get("taints", []),
        "resources": {"autoScalingGroups": [{"name": f"eks-{name}-{uuid.uuid4()}"}]},
        "health": {"issues": []},
        "updateConfig": params.get("updateConfig") or {"maxUnavailable": 1},
        "tags": params.get("tags", {}),
        # Tags of the Auto Scaling group that others set, by key: value and whether instances get it.
        "groupTags": {},
        **{member: params[member] for member in _KEPT if params.get(member)},
    }
    if template is not None:
        record["launchTemplate"] = template
    else:
        record["diskSize"] = params.get("diskSize", 20)
    if instance_types:
        record["instanceTypes"] = instance_types
    # EKS lets the nodes of its groups in by itself, once a role.
    access.let_nodes_in(call, cluster, params["nodeRole"])
    _put(call, record)
    return {"nodegroup": _told(record)}


@eks_operation("DescribeNodegroup")
def describe_nodegroup(call: Call) -> dict[str, Any]:
    return {"nodegroup": _told(_find(call))}


@eks_operation("ListNodegroups")
def list_nodegroups(call: Call) -> dict[str, Any]:
    cluster_of(call, call.params["clusterName"])
    names = [record["nodegroupName"] for record in children(call, NODE_GROUP, call.params["clusterName"])]
    return page(call, names, "nodegroups")


@eks_operation("UpdateNodegroupConfig")
def update_nodegroup_config(call: Call) -> dict[str, Any]:
    record, params = dict(_find(call)), call.params
    given = {
        name: params[name]
        for name in ("labels", "taints", "scalingConfig", "updateConfig", "nodeRepairConfig")
        if params.get(name) is not None
    }
    if labels := given.get("labels"):
        removed = labels.get("removeLabels") or ()
        kept = {key: value for key, value in record.get("labels", {}).items() if key not in removed}
        record["labels"] = kept | (labels.get("addOrUpdateLabels") or {})
    if taints := given.get("taints"):
        added = taints.get("addOrUpdateTaints") or []
        replaced = {(taint["key"], taint["effect"]) for taint in (*added, *(taints.get("removeTaints") or ()))}
        kept_taints = [taint for taint in record["taints"] if (taint["key"], taint["effect"]) not in replaced]
        record["taints"] = [*kept_taints, *added]
        _check_taints(record["taints"])
    for name in ("scalingConfig", "updateConfig", "nodeRepairConfig"):
        if name in given:
            record[name] = record.get(name, {}) | given[name]
    _check_scaling(record["scalingConfig"])
    _put(call, record)
    return {"update": record_update(call, record["clusterName"], "ConfigUpdate", given)}


@eks_operation("UpdateNodegroupVersion")
def update_nodegroup_version(call: Call) -> dict[str, Any]:
    record, params = dict(_find(call)), call.params
    given = {name: params[name] for name in ("version", "releaseVersion", "launchTemplate") if params.get(name)}
    if wanted := given.get("launchTemplate"):
        if "launchTemplate" not in record:
            raise invalid("The node group was created without a launch template, so it cannot take one now.")
        template, _ = _template(call, wanted)
        assert template is not None
        if template["id"] != record["launchTemplate"]["id"]:
            raise invalid("A node group stays with its launch template: only the version can change.")
        record["launchTemplate"] = template
    _check_version(given.get("version"), cluster_of(call, record["clusterName"]))
    record |= {name: given[name] for name in ("version", "releaseVersion") if name in given}
    _put(call, record)
    return {"update": record_update(call, record["clusterName"], "VersionUpdate", given)}


@eks_operation("DeleteNodegroup")
def delete_nodegroup(call: Call) -> dict[str, Any]:
    record = _find(call)
    call.server.records.delete(NODE_GROUP, child_key(call, record["clusterName"], record["nodegroupName"]))
    return {"nodegroup": _told(record | {"status": "DELETING"})}


def _told(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "groupTags"}


def _check_version(version: str | None, cluster: dict[str, Any]) -> None:
    if version and _minor(version) > _minor(cluster["version"]):
        raise invalid(f"Nodes of version {version} are newer than the cluster, which has {cluster['version']}.")


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def _check_subnets(call: Call, cluster: dict[str, Any], subnets: list[str]) -> None:
    try:
        found = call.server.call("ec2", "DescribeSubnets", {"SubnetIds": subnets}, region=call.region)["Subnets"]
    except ServiceError as error:
        raise invalid(error.message) from error
    vpc = cluster["resourcesVpcConfig"].get("vpcId")
    if strange := [subnet["SubnetId"] for subnet in found if vpc and subnet["VpcId"] != vpc]:
        raise invalid(f"Subnets are not in the VPC of the cluster: {', '.join(strange)}")


def _check_scaling(scaling: dict[str, int]) -> None:
    least, wanted, most = scaling["minSize"], scaling["desiredSize"], scaling["maxSize"]
    if not 0 <= least <= wanted <= most or most < 1:
        raise invalid(
            f"Minimum capacity {least} can't be greater than desired size {wanted}, nor that than maximum size {most}"
        )


def _check_taints(taints: list[dict[str, str]]) -> None:
    keys = [(taint["key"], taint["effect"]) for taint in taints]
    if len(set(keys)) != len(keys):
        raise invalid("A node group's taints must differ in key or effect.")


def _instance_types(params: dict[str, Any], data: dict[str, Any]) -> list[str]:
    if data.get("InstanceType") and params.get("instanceTypes"):
        raise invalid("You cannot specify instance types both in the launch template and in the request.")
    if params.get("launchTemplate") and params.get("diskSize"):
        raise invalid("Disk size must be specified within the launch template.")
    return [] if data.get("InstanceType") else params.get("instanceTypes") or ["t3.medium"]


def _check_capacity(capacity: str, data: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/eks/latest/userguide/capacity-blocks-mng.html"""
    block = (data.get("InstanceMarketOptions") or {}).get("MarketType") == "capacity-block"
    target = (data.get("CapacityReservationSpecification") or {}).get("CapacityReservationTarget") or {}
    if (capacity == "CAPACITY_BLOCK") != block:
        raise invalid("CAPACITY_BLOCK goes together with the market type capacity-block of the launch template.")
    if block and not (target.get("CapacityReservationId") and data.get("InstanceType")):
        raise invalid("A capacity block needs the reservation's id and an instance type in the launch template.")


def _template(call: Call, wanted: dict[str, Any] | None) -> tuple[dict[str, str] | None, dict[str, Any]]:
    """The launch template as a node group tells it, and what its version holds."""
    if wanted is None:
        return None, {}
    if bool(wanted.get("id")) == bool(wanted.get("name")):
        raise invalid("You must specify either the launch template ID or the launch template name, but not both.")
    member = "LaunchTemplateId" if wanted.get("id") else "LaunchTemplateName"
    params = {member: wanted.get("id") or wanted["name"], "Versions": [wanted.get("version", "$Default")]}
    try:
        answer = call.server.call("ec2", "DescribeLaunchTemplateVersions", params, region=call.region)
    except ServiceError as error:
        raise invalid(f"The launch template cannot be used: {error.message}") from error
    found = answer["LaunchTemplateVersions"]
    if not found:
        raise invalid(f"The launch template has no version {wanted.get('version')}.")
    version, data = found[0], found[0]["LaunchTemplateData"]
    if (data.get("IamInstanceProfile") or {}).get("Name"):
        raise invalid("A launch template for a node group must not have an instance profile.")
    known = {"id": version["LaunchTemplateId"], "name": version["LaunchTemplateName"]}
    return {**known, "version": str(version["VersionNumber"])}, data
