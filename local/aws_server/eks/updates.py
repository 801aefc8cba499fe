"""Updates of a cluster: each is done at once, and recorded as DescribeUpdate tells it."""

import json
import uuid
from typing import Any

from local.aws_server.eks.clusters import check_auto_mode
from local.aws_server.eks.common import (
    CLUSTER,
    child_key,
    children,
    cluster_key,
    cluster_of,
    eks_operation,
    invalid,
    not_found,
    now,
    page,
)
from local.aws_server.operations import Call, ServiceError

UPDATE = "eks-update"
_TYPES = {
    "resourcesVpcConfig": "VpcConfigUpdate",
    "logging": "LoggingUpdate",
    "accessConfig": "AccessConfigUpdate",
    "upgradePolicy": "UpgradePolicyUpdate",
    "zonalShiftConfig": "ZonalShiftConfigUpdate",
    "computeConfig": "AutoModeUpdate",
    "kubernetesNetworkConfig": "AutoModeUpdate",
    "storageConfig": "AutoModeUpdate",
    "remoteNetworkConfig": "RemoteNetworkConfigUpdate",
    "deletionProtection": "DeletionProtectionUpdate",
    "controlPlaneScalingConfig": "ControlPlaneScalingConfigUpdate",
    "kubeApiServerConfig": "ControlPlaneComponentConfigUpdate",
    "kubeSchedulerConfig": "ControlPlaneComponentConfigUpdate",
    "kubeControllerManagerConfig": "ControlPlaneComponentConfigUpdate",
}
_MODES = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")


@eks_operation("UpdateClusterConfig")
def update_cluster_config(call: Call) -> dict[str, Any]:
    cluster = cluster_of(call, call.params["name"])
    given = {name: call.params[name] for name in _TYPES if call.params.get(name) is not None}
    if not given:
        raise invalid("No changes needed for the cluster config: the request names nothing to update.")
    kinds = {_TYPES[name] for name in given}
    if len(kinds) > 1:
        raise invalid(f"Only one type of update can be allowed: {', '.join(sorted(given))} were given together.")
    changed = dict(cluster)
    for name, value in given.items():
        changed[name] = {**cluster.get(name, {}), **value} if isinstance(value, dict) else value
    if given.get("computeConfig", {}).get("enabled") is False:
        changed["computeConfig"] = given["computeConfig"]  # Auto Mode forgets its node pools when it is switched off
    _check(cluster, changed, given)
    call.server.records.put(CLUSTER, cluster_key(call, cluster["name"]), changed)
    return {"update": record_update(call, cluster["name"], kinds.pop(), given)}


def _check(cluster: dict[str, Any], changed: dict[str, Any], given: dict[str, Any]) -> None:
    before, after = cluster["accessConfig"]["authenticationMode"], changed["accessConfig"]["authenticationMode"]
    if _MODES.index(after) < _MODES.index(before):
        raise invalid(f"Unsupported authentication mode update from {before} to {after}")
    endpoint = changed["resourcesVpcConfig"]
    if not endpoint["endpointPublicAccess"] and not endpoint["endpointPrivateAccess"]:
        raise invalid("Private and public endpoint access cannot both be disabled.")
    if _TYPES["computeConfig"] in {_TYPES[name] for name in given}:
        check_auto_mode(changed, bootstraps_addons=False)


@eks_operation("UpdateClusterVersion")
def update_cluster_version(call: Call) -> dict[str, Any]:
    cluster = cluster_of(call, call.params["name"])
    before, after = (int(version.split(".")[1]) for version in (cluster["version"], call.params["version"]))
    if after != before + 1:
        raise invalid(f"Unsupported Kubernetes minor version update from {cluster['version']} to 1.{after}")
    changed = cluster | {"version": call.params["version"]}
    call.server.records.put(CLUSTER, cluster_key(call, cluster["name"]), changed)
    return {"update": record_update(call, cluster["name"], "VersionUpdate", {"version": call.params["version"]})}


def record_update(call: Call, cluster_name: str, kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """Records an update that is done."""
    update = {
        "id": str(uuid.uuid4()),
        "status": "Successful",
        "type": kind,
        "params": [
            {"type": name[0].upper() + name[1:], "value": value if isinstance(value, str) else json.dumps(value)}
            for name, value in given.items()
        ],
        "createdAt": now(),
        "errors": [],
    }
    call.server.records.put(UPDATE, child_key(call, cluster_name, update["id"]), update)
    return update


@eks_operation("AssociateEncryptionConfig")
def associate_encryption_config(call: Call) -> dict[str, Any]:
    cluster = cluster_of(call, call.params["clusterName"])
    if cluster.get("encryptionConfig"):
        raise ServiceError("InvalidRequestException", f"Cluster {cluster['name']} has an encryption config already.")
    wanted = call.params["encryptionConfig"]
    call.server.records.put(CLUSTER, cluster_key(call, cluster["name"]), cluster | {"encryptionConfig": wanted})
    return {"update": record_update(call, cluster["name"], "AssociateEncryptionConfig", {"encryptionConfig": wanted})}


@eks_operation("DescribeUpdate")
def describe_update(call: Call) -> dict[str, Any]:
    record = call.server.records.get(UPDATE, child_key(call, call.params["name"], call.params["updateId"]))
    if record is None:
        if call.params.get("nodegroupName"):
            raise ServiceError("ResourceNotFoundException", "Updates of node groups are not recorded.", status=404)
        raise not_found(f"No update found for id: {call.params['updateId']}")
    return {"update": record}


@eks_operation("ListUpdates")
def list_updates(call: Call) -> dict[str, Any]:
    cluster_of(call, call.params["name"])
    return page(call, [update["id"] for update in children(call, UPDATE, call.params["name"])], "updateIds")
