"""Kubernetes clusters: the cluster itself."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.lifecycle import settled
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging, Wait

GONE = ("ResourceNotFoundException",)
_NODE_ROLE_STAYS = (
    "the registry page, nodeRoleArn: 'This value cannot be changed after the compute capability of EKS Auto Mode is "
    "enabled.'"
)
_ENCRYPTION_STAYS = (
    "https://docs.aws.amazon.com/eks/latest/userguide/enable-kms.html: encryption cannot be disabled once enabled"
)
_ACTIVE = Wait("status", ("ACTIVE",), ("FAILED",), timeout_s=1800)

EKS_TAGS = Tagging(
    member="tags",
    style="map",
    path="tags",
    add=Call("TagResource", {"resourceArn": "$arn", "tags": "$tags"}),
    remove=Call("UntagResource", {"resourceArn": "$arn", "tagKeys": "$tagKeys"}),
)


def _switch(name: str) -> tuple[Property, ...]:
    return (Property(name, "block", fields=(Property("enabled", default=False),)),)


def _removed(old: Any, new: Any) -> bool:
    """Envelope encryption cannot be taken back; adding it later is an update."""
    return bool(old) and not new


def _changed_from_something(old: Any, new: Any) -> bool:
    """A node role may be given later, but one that is set cannot be changed."""
    return bool(old) and old != new


def _update_config(context: Context) -> None:
    """Cluster updates: EKS takes one kind of change in a call, and one call at a time."""
    auto_mode = {"computeConfig", "storageConfig", "kubernetesNetworkConfig"}
    changes: list[dict[str, Any]] = []
    if "accessConfig" in context.changed:
        mode = (context.new.get("accessConfig") or {}).get("authenticationMode")
        if mode:
            changes.append({"accessConfig": {"authenticationMode": mode}})
    if context.changed & auto_mode:
        # All three together: AWS wants the same `enabled` in each.
        compute = context.new.get("computeConfig") or {"enabled": False}
        network = (context.new.get("kubernetesNetworkConfig") or {}).get("elasticLoadBalancing")
        storage = context.new.get("storageConfig") or {"blockStorage": {"enabled": False}}
        changes.append(
            {
                "computeConfig": compute,
                "kubernetesNetworkConfig": {"elasticLoadBalancing": network or {"enabled": False}},
                "storageConfig": storage,
            }
        )
    if "deletionProtection" in context.changed:
        changes.append({"deletionProtection": bool(context.new.get("deletionProtection"))})
    if "enabledClusterLogTypes" in context.changed:
        before = set(context.old.get("enabledClusterLogTypes") or ())
        after = set(context.new.get("enabledClusterLogTypes") or ())
        logging = [
            {"types": sorted(types), "enabled": enabled}
            for types, enabled in ((after, True), (before - after, False))
            if types
        ]
        changes.append({"logging": {"clusterLogging": logging}})
    if "upgradePolicy" in context.changed and context.new.get("upgradePolicy"):
        changes.append({"upgradePolicy": context.new["upgradePolicy"]})
    if "zonalShiftConfig" in context.changed:
        changes.append({"zonalShiftConfig": context.new.get("zonalShiftConfig") or {"enabled": False}})
    if "vpcConfig" in context.changed:
        changes.extend(_vpc_changes(context))
    for change in changes:
        context.call("UpdateClusterConfig", {"name": context.id, **change})
        settled(context, _ACTIVE)


def _vpc_changes(context: Context) -> list[dict[str, Any]]:
    before, after = context.old.get("vpcConfig") or {}, context.new.get("vpcConfig") or {}
    result: list[dict[str, Any]] = []
    placement = {name: after.get(name) or [] for name in ("subnetIds", "securityGroupIds")}
    if any(set(before.get(name) or ()) != set(placement[name]) for name in placement):
        result.append({"resourcesVpcConfig": placement})
    access: dict[str, Any] = {
        "endpointPrivateAccess": after.get("endpointPrivateAccess", False),
        "endpointPublicAccess": after.get("endpointPublicAccess", True),
    }
    if after.get("publicAccessCidrs"):
        access["publicAccessCidrs"] = after["publicAccessCidrs"]
    if any(before.get(name) != after.get(name) for name in (*access, "publicAccessCidrs")):
        result.append({"resourcesVpcConfig": access})
    return result


def _update_version(context: Context) -> None:
    context.call(
        "UpdateClusterVersion",
        {"name": context.id, "version": context.new["version"], "force": bool(context.new.get("forceUpdateVersion"))},
    )
    settled(context, _ACTIVE)


def _encrypt(context: Context) -> None:
    context.call(
        "AssociateEncryptionConfig",
        {"clusterName": context.id, "encryptionConfig": [context.new["encryptionConfig"]]},
    )
    settled(context, _ACTIVE)


def _create(context: Context) -> dict[str, Any]:
    params: dict[str, Any] = {
        "name": "$name",
        "roleArn": "$roleArn",
        "version": "$version",
        "resourcesVpcConfig": "$vpcConfig",
        "accessConfig": "$accessConfig",
        "bootstrapSelfManagedAddons": "$bootstrapSelfManagedAddons",
        "computeConfig": "$computeConfig",
        "storageConfig": "$storageConfig",
        "kubernetesNetworkConfig": "$kubernetesNetworkConfig",
        "encryptionConfig": ["$encryptionConfig"],
        "upgradePolicy": "$upgradePolicy",
        "zonalShiftConfig": "$zonalShiftConfig",
        "deletionProtection": "$deletionProtection",
    }
    if context.new.get("enabledClusterLogTypes"):
        params["logging"] = {"clusterLogging": [{"types": "$enabledClusterLogTypes", "enabled": True}]}
    return context.create(Call("CreateCluster", params))


def _keep_what_only_creation_knows(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    """DescribeCluster does not tell whether the creator became an administrator."""
    access, wanted = actual.get("accessConfig"), context.value("accessConfig") or {}
    if access is not None and "bootstrapClusterCreatorAdminPermissions" not in access:
        wish = wanted.get("bootstrapClusterCreatorAdminPermissions")
        if wish is not None:
            access["bootstrapClusterCreatorAdminPermissions"] = wish


def _auto_mode_is_whole(inputs: Mapping[str, Any]) -> str | None:
    """https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html (computeConfig)"""
    switches = {
        "computeConfig.enabled": _inside(inputs, "computeConfig", "enabled"),
        "kubernetesNetworkConfig.elasticLoadBalancing.enabled": _inside(
            inputs, "kubernetesNetworkConfig", "elasticLoadBalancing", "enabled"
        ),
        "storageConfig.blockStorage.enabled": _inside(inputs, "storageConfig", "blockStorage", "enabled"),
    }
    if len({bool(value) for value in switches.values()}) > 1:
        return f"aws:eks/cluster:Cluster: {', '.join(switches)} must all be true or all be false (EKS Auto Mode)."
    return None


def _inside(values: Any, *path: str) -> Any:
    for name in path:
        values = values.get(name) if isinstance(values, Mapping) else None
    return values


CLUSTER = Resource(
    type="aws:eks/cluster:Cluster",
    service="eks",
    docs=page("cluster", "eks"),
    id="{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=100),
        Property("roleArn", required=True, replaces=REPLACES),
        Property("version", computed=True),
        Property(
            "vpcConfig",
            "block",
            required=True,
            path="resourcesVpcConfig",
            fields=(
                Property("subnetIds", "set", required=True),
                Property("securityGroupIds", "set"),
                Property("endpointPrivateAccess", default=False),
                Property("endpointPublicAccess", default=True),
                Property("publicAccessCidrs", "set", computed=True),
                Property("clusterSecurityGroupId", computed=True),
                Property("vpcId", computed=True),
            ),
        ),
        Property(
            "accessConfig",
            "block",
            computed=True,
            fields=(
                Property("authenticationMode", computed=True),
                Property("bootstrapClusterCreatorAdminPermissions", default=True, replaces=REPLACES),
            ),
        ),
        Property("bootstrapSelfManagedAddons", default=True, replaces=REPLACES, path=""),
        Property(
            "computeConfig",
            "block",
            fields=(
                Property("enabled", default=False),
                Property("nodePools", "set"),
                Property("nodeRoleArn", replaces=_NODE_ROLE_STAYS, replaces_if=_changed_from_something),
            ),
        ),
        Property("storageConfig", "block", fields=_switch("blockStorage")),
        Property(
            "kubernetesNetworkConfig",
            "block",
            computed=True,
            fields=(
                Property("ipFamily", computed=True, replaces=REPLACES),
                Property("serviceIpv4Cidr", computed=True, replaces=REPLACES),
                Property("serviceIpv6Cidr", computed=True),
                Property("elasticLoadBalancing", "block", computed=True, fields=(Property("enabled", default=False),)),
            ),
        ),
        Property(
            "encryptionConfig",
            "block",
            replaces=_ENCRYPTION_STAYS,
            replaces_if=_removed,
            path="encryptionConfig[0]",
            fields=(
                Property("provider", "block", required=True, fields=(Property("keyArn", required=True),)),
                Property("resources", "set", required=True),
            ),
        ),
        Property("enabledClusterLogTypes", "set", path="logging.clusterLogging[?enabled].types[]"),
        Property("upgradePolicy", "block", computed=True, fields=(Property("supportType", computed=True),)),
        Property("zonalShiftConfig", "block", fields=(Property("enabled", default=False),)),
        Property("deletionProtection", default=False),
        Property("forceUpdateVersion", path=""),
        Property("tags", "map"),
    ),
    create=Function(_create),
    reads=(Read("DescribeCluster", {"name": "$id"}, "cluster", gone=GONE),),
    updates=(
        Function(_update_version, on=("version",)),
        Function(_encrypt, on=("encryptionConfig",)),
        Function(
            _update_config,
            on=(
                "accessConfig",
                "computeConfig",
                "storageConfig",
                "kubernetesNetworkConfig",
                "enabledClusterLogTypes",
                "upgradePolicy",
                "zonalShiftConfig",
                "deletionProtection",
                "vpcConfig",
            ),
        ),
    ),
    delete=(Call("DeleteCluster", {"name": "$id"}, ignore=GONE),),
    outputs={
        "arn": "arn",
        "endpoint": "endpoint",
        "certificateAuthority": "certificateAuthority.{data: data}",
        "createdAt": "createdAt",
        "platformVersion": "platformVersion",
        "status": "status",
        "identities": "[{oidcs: [{issuer: identity.oidc.issuer}]}]",
        "clusterId": "id",
    },
    shape=_keep_what_only_creation_knows,
    check=_auto_mode_is_whole,
    stable=("arn", "endpoint", "certificateAuthority", "createdAt"),
    tagging=EKS_TAGS,
    created=_ACTIVE,
    updated=_ACTIVE,
    deleted_timeout_s=900,
    unique=("name",),
    single=True,
)

TYPES = (CLUSTER,)
