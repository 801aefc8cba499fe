"""Clusters: what CreateCluster was told is kept and described, and the endpoint is the local API server's.

The checks are those that the service documents for EKS Auto Mode
(https://docs.aws.amazon.com/eks/latest/userguide/automode-get-started-cli.html) and for deletion protection.
"""

import base64
import copy
import logging
import threading
import uuid
from collections.abc import Callable
from typing import Any

from local.aws_server.eks import access
from local.aws_server.eks.common import (
    CLUSTER,
    children,
    cluster_key,
    cluster_of,
    eks_operation,
    in_use,
    invalid,
    now,
    page,
)
from local.aws_server.identity import principal_exists
from local.aws_server.operations import Call, Server, ServiceError, on_start

logger = logging.getLogger(__name__)

DEFAULT_VERSION = "1.36"
NODE_POOLS = ("general-purpose", "system")
_LOG_TYPES = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
_FORWARDED = ("name", "roleArn", "version", "resourcesVpcConfig", "tags")
_KEPT = (
    *("accessConfig", "upgradePolicy", "zonalShiftConfig", "remoteNetworkConfig", "computeConfig", "storageConfig"),
    *("deletionProtection", "controlPlaneScalingConfig", "encryptionConfig", "kubeApiServerConfig"),
    *("kubeSchedulerConfig", "kubeControllerManagerConfig"),
)


@eks_operation("CreateCluster")
def create_cluster(call: Call) -> dict[str, Any]:
    params = call.params
    records = call.server.records
    key = cluster_key(call, params["name"])
    if records.get(CLUSTER, key) is not None:
        raise in_use(f"Cluster already exists with name: {params['name']}")
    if call.server.settings.kubernetes_url and (others := records.items(CLUSTER)):
        raise ServiceError(
            "ResourceLimitExceededException",
            f"The local stack has one Kubernetes API server, and cluster {others[0][1]['name']} has it.",
        )
    if not principal_exists(params["roleArn"]):
        raise invalid(f"Role with arn: {params['roleArn']}, could not be assumed because it does not exist")
    check_auto_mode(params, params.get("bootstrapSelfManagedAddons", True))
    vpc_config = _vpc_config(call, params.get("resourcesVpcConfig", {}))
    call.forward({name: params[name] for name in _FORWARDED if name in params})
    cluster = _described(call, vpc_config)
    records.put(CLUSTER, key, cluster)
    access.bootstrap(call, cluster)
    if cluster["status"] == "CREATING":
        _in_background(_prepare, call.server, key)
    return {"cluster": cluster}


@eks_operation("DescribeCluster")
def describe_cluster(call: Call) -> dict[str, Any]:
    return {"cluster": cluster_of(call, call.params["name"])}


@eks_operation("ListClusters")
def list_clusters(call: Call) -> dict[str, Any]:
    prefix = cluster_key(call, "")
    return page(call, [record["name"] for _, record in call.server.records.items(CLUSTER, prefix)], "clusters")


@eks_operation("DeleteCluster")
def delete_cluster(call: Call) -> dict[str, Any]:
    cluster = cluster_of(call, call.params["name"])
    if cluster.get("deletionProtection"):
        raise ServiceError(
            "InvalidRequestException",
            f"Cluster {cluster['name']} has deletion protection enabled. Disable it before deleting the cluster.",
        )
    if cluster["status"] == "DELETING":
        return {"cluster": cluster}
    if groups := children(call, "eks-nodegroup", cluster["name"]):
        names = ", ".join(group["nodegroupName"] for group in groups)
        raise in_use(f"Cluster has nodegroups attached: {names}")
    call.forward()  # refuses while the cluster has Fargate profiles
    key = cluster_key(call, cluster["name"])
    for kind in ("eks-addon", access.ENTRY, "eks-pod-identity", "eks-update"):
        for child_key, _ in call.server.records.items(kind, f"{key}/"):
            call.server.records.delete(kind, child_key)
    cluster = cluster | {"status": "DELETING"}
    call.server.records.put(CLUSTER, key, cluster)
    if call.server.settings.kubernetes_ca is None:
        _finish_deletion(call.server, key)
    else:
        _in_background(_finish_deletion, call.server, key)
    return {"cluster": cluster}


def _finish_deletion(server: Server, key: str) -> None:
    """What lives in a cluster goes with it, as the next one must find the local API server as new; then the cluster."""
    from local.kubernetes.emptying import empty

    settings, cluster = server.settings, server.records.get(CLUSTER, key)
    try:
        if settings.kubernetes_ca is not None and (left := empty(settings.kubernetes_url, settings.kubernetes_ca)):
            logger.warning("objects of cluster %s are still being deleted: %s", key, ", ".join(left))
    except Exception as error:
        logger.warning("objects of cluster %s stay: %s", key, error)
    if group := cluster["resourcesVpcConfig"].get("clusterSecurityGroupId"):
        try:
            server.call("ec2", "DeleteSecurityGroup", {"GroupId": group}, region=key.partition("/")[0])
        except ServiceError as error:
            logger.warning("security group %s of cluster %s stays: %s", group, key, error)
    server.records.delete(CLUSTER, key)


def check_auto_mode(cluster: dict[str, Any], bootstraps_addons: bool) -> None:
    """Raises InvalidParameterException where the parts of EKS Auto Mode do not fit together."""
    compute = cluster.get("computeConfig", {})
    switches = {
        "computeConfig.enabled": bool(compute.get("enabled")),
        "kubernetesNetworkConfig.elasticLoadBalancing.enabled": bool(
            cluster.get("kubernetesNetworkConfig", {}).get("elasticLoadBalancing", {}).get("enabled")
        ),
        "storageConfig.blockStorage.enabled": bool(
            cluster.get("storageConfig", {}).get("blockStorage", {}).get("enabled")
        ),
    }
    if len(set(switches.values())) > 1:
        said = ", ".join(f"{name}={str(value).lower()}" for name, value in switches.items())
        raise invalid(
            "For EKS Auto Mode, please ensure that all required configs, including computeConfig, "
            f"kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully disabled: {said}."
        )
    if not switches["computeConfig.enabled"]:
        if compute.get("nodePools") or compute.get("nodeRoleArn"):
            raise invalid("computeConfig.nodePools and nodeRoleArn need computeConfig.enabled.")
        return
    if bootstraps_addons:
        raise invalid("When EKS Auto Mode is enabled, bootstrapSelfManagedAddons must be set to false")
    if cluster.get("accessConfig", {}).get("authenticationMode", "CONFIG_MAP") == "CONFIG_MAP":
        raise invalid("EKS Auto Mode needs the authentication mode API or API_AND_CONFIG_MAP.")
    if unknown := set(compute.get("nodePools") or ()) - set(NODE_POOLS):
        raise invalid(f"computeConfig.nodePools: {', '.join(sorted(unknown))} is none of {', '.join(NODE_POOLS)}.")
    if bool(compute.get("nodePools")) != bool(compute.get("nodeRoleArn")):
        raise invalid("computeConfig.nodePools and computeConfig.nodeRoleArn must be given together.")
    if (role := compute.get("nodeRoleArn")) and not principal_exists(role):
        raise invalid(f"The role {role} of computeConfig.nodeRoleArn does not exist.")


def _vpc_config(call: Call, given: dict[str, Any]) -> dict[str, Any]:
    """The network of a cluster, with the VPC that its subnets lie in and a security group of the cluster's own."""
    if not given.get("endpointPublicAccess", True) and not given.get("endpointPrivateAccess", False):
        raise invalid("Private and public endpoint access cannot both be disabled.")
    config = {
        "subnetIds": [],
        "securityGroupIds": [],
        "endpointPublicAccess": True,
        "endpointPrivateAccess": False,
        "publicAccessCidrs": ["0.0.0.0/0"],
        **{name: value for name, value in given.items() if value is not None},
    }
    if not config["subnetIds"]:
        return config
    try:
        subnets = call.server.call("ec2", "DescribeSubnets", {"SubnetIds": config["subnetIds"]}, region=call.region)
    except ServiceError as error:
        raise invalid(error.message) from error
    found = subnets["Subnets"]
    if len({subnet["AvailabilityZone"] for subnet in found}) < 2:
        raise invalid("Subnets specified must be in at least two different AZs")
    if len(vpcs := {subnet["VpcId"] for subnet in found}) > 1:
        raise invalid(f"Subnets specified belong to different VPCs: {', '.join(sorted(vpcs))}")
    config["vpcId"] = vpcs.pop()
    group = call.server.call(
        "ec2",
        "CreateSecurityGroup",
        {
            "GroupName": f"eks-cluster-sg-{call.params['name']}-{uuid.uuid4().int % 10**9}",
            "Description": "EKS created security group applied to ENI that is attached to EKS Control Plane",
            "VpcId": config["vpcId"],
            "TagSpecifications": [
                {
                    "ResourceType": "security-group",
                    "Tags": [
                        {"Key": f"kubernetes.io/cluster/{call.params['name']}", "Value": "owned"},
                        {"Key": "aws:eks:cluster-name", "Value": call.params["name"]},
                    ],
                }
            ],
        },
        region=call.region,
    )
    return config | {"clusterSecurityGroupId": group["GroupId"]}


def _described(call: Call, vpc_config: dict[str, Any]) -> dict[str, Any]:
    params, settings = call.params, call.server.settings
    network = {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4", **params.get("kubernetesNetworkConfig", {})}
    if "elasticLoadBalancing" not in network:
        network["elasticLoadBalancing"] = {"enabled": False}
    identity = uuid.uuid4().hex.upper()
    certificate = settings.kubernetes_ca.read_bytes() if settings.kubernetes_ca else b"no API server"
    access_config = {
        "bootstrapClusterCreatorAdminPermissions": True,
        "authenticationMode": "CONFIG_MAP",
        **params.get("accessConfig", {}),
    }
    return copy.deepcopy(
        {
            "name": params["name"],
            "arn": call.arn(f"cluster/{params['name']}"),
            "createdAt": now(),
            "version": params.get("version", DEFAULT_VERSION),
            "endpoint": settings.kubernetes_url or f"https://{identity}.gr7.{call.region}.eks.amazonaws.com",
            "roleArn": params["roleArn"],
            "resourcesVpcConfig": vpc_config,
            "kubernetesNetworkConfig": network,
            "logging": params.get("logging") or {"clusterLogging": [{"types": _LOG_TYPES, "enabled": False}]},
            "identity": {"oidc": {"issuer": f"https://oidc.eks.{call.region}.amazonaws.com/id/{identity}"}},
            "status": "CREATING" if settings.kubernetes_url else "ACTIVE",
            "certificateAuthority": {"data": base64.b64encode(certificate).decode()},
            "platformVersion": "eks.1",
            "tags": params.get("tags", {}),
            "health": {"issues": []},
            "upgradePolicy": {"supportType": "EXTENDED"},
            "computeConfig": {"enabled": False},
            "storageConfig": {"blockStorage": {"enabled": False}},
            "deletionProtection": False,
            **{name: params[name] for name in _KEPT if name in params},
            "accessConfig": access_config,
        }
    )


def _in_background(work: Callable[[Server, str], None], server: Server, key: str) -> None:
    threading.Thread(target=work, args=(server, key), name=f"eks {key}", daemon=True).start()


def _prepare(server: Server, key: str) -> None:
    """Installs what EKS Auto Mode brings along; the cluster is ACTIVE after that, or FAILED with the reason."""
    from local.kubernetes import crds

    settings = server.settings
    changes: dict[str, Any] = {"status": "ACTIVE"}
    try:
        if settings.kubernetes_ca is not None:
            crds.install(settings.kubernetes_url, settings.kubernetes_ca)
    except Exception as error:
        logger.exception("cluster %s cannot be prepared", key)
        issue = {"code": "ClusterUnreachable", "message": f"{type(error).__name__}: {error}", "resourceIds": []}
        changes = {"status": "FAILED", "health": {"issues": [issue]}}
    with server.records.lock:
        cluster = server.records.get(CLUSTER, key)
        if cluster is not None and cluster["status"] == "CREATING":
            server.records.put(CLUSTER, key, cluster | changes)


@on_start
def resume(server: Server) -> None:
    """Goes on with clusters that were being created or deleted when the server was stopped.

    The API server may have moved to another port meanwhile.
    """
    url = server.settings.kubernetes_url
    for key, cluster in server.records.items(CLUSTER):
        if url and cluster["endpoint"] != url:
            server.records.put(CLUSTER, key, cluster | {"endpoint": url})
        if cluster["status"] == "CREATING":
            _in_background(_prepare, server, key)
        elif cluster["status"] == "DELETING":
            _in_background(_finish_deletion, server, key)
