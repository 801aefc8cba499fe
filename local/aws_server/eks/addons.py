"""EKS add-ons: recorded, not installed."""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from local.aws_server.eks import pod_identity
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
from local.aws_server.operations import Call

ADDON = "eks-addon"
_VERSION = "v1.0.0-eksbuild.1"
_AWS = (
    *("vpc-cni", "coredns", "kube-proxy", "aws-ebs-csi-driver", "aws-efs-csi-driver", "aws-fsx-csi-driver"),
    *("aws-mountpoint-s3-csi-driver", "snapshot-controller", "adot", "aws-guardduty-agent"),
    *("amazon-cloudwatch-observability", "aws-network-flow-monitoring-agent", "eks-pod-identity-agent"),
    *(
        "eks-node-monitoring-agent",
        "aws-privateca-connector-for-kubernetes",
        "amazon-sagemaker-hyperpod-taskgovernance",
    ),
    *("amazon-sagemaker-hyperpod-observability", "amazon-sagemaker-hyperpod-training-operator"),
)
_COMMUNITY = (
    *("metrics-server", "kube-state-metrics", "prometheus-node-exporter", "cert-manager", "external-dns"),
    "fluent-bit",
)
# https://docs.aws.amazon.com/eks/latest/userguide/workloads-add-ons-available-eks.html and …/community-addons.html


_NAMESPACES = {
    "amazon-cloudwatch-observability": "amazon-cloudwatch",
    "external-dns": "external-dns",
    "cert-manager": "cert-manager",
    "fluent-bit": "fluent-bit",
    "adot": "opentelemetry-operator-system",
}


def _owner(name: str) -> str:
    return "aws" if name in _AWS else "community"


def _find(call: Call) -> dict[str, Any]:
    cluster_of(call, call.params["clusterName"])
    key = child_key(call, call.params["clusterName"], call.params["addonName"])
    record = call.server.records.get(ADDON, key)
    if record is None:
        raise not_found(f"No addon: {call.params['addonName']} found in cluster: {call.params['clusterName']}")
    return record


def _associate(call: Call, addon: dict[str, Any], wanted: Sequence[Mapping[str, Any]]) -> list[str]:
    namespace = addon.get("namespaceConfig", {}).get("namespace") or _NAMESPACES.get(addon["addonName"], "kube-system")
    return pod_identity.replace_owned(call, addon["clusterName"], namespace, addon["addonArn"], wanted)


def _check_configuration(values: str | None) -> None:
    if not values:
        return
    try:
        parsed = yaml.safe_load(values)
    except yaml.YAMLError as error:
        raise invalid(f"configurationValues is neither JSON nor YAML: {error}") from error
    if not isinstance(parsed, dict):
        raise invalid("configurationValues must be an object.")


@eks_operation("CreateAddon")
def create_addon(call: Call) -> dict[str, Any]:
    params = call.params
    name, cluster_name = params["addonName"], params["clusterName"]
    cluster_of(call, cluster_name)
    if name not in (*_AWS, *_COMMUNITY):
        raise invalid(
            f"Addon {name} specified is not supported. The supported ones: {', '.join((*_AWS, *_COMMUNITY))}."
        )
    key = child_key(call, cluster_name, name)
    if call.server.records.get(ADDON, key):
        raise in_use(f"Addon already exists: {name}.")
    _check_configuration(params.get("configurationValues"))
    record = {
        "addonName": name,
        "clusterName": cluster_name,
        "status": "ACTIVE",
        "addonVersion": params.get("addonVersion", _VERSION),
        "health": {"issues": []},
        "addonArn": call.arn(f"addon/{cluster_name}/{name}/{uuid.uuid4()}"),
        "createdAt": now(),
        "modifiedAt": now(),
        "publisher": "eks",
        "owner": _owner(name),
        "tags": params.get("tags", {}),
        **{
            member: params[member]
            for member in ("serviceAccountRoleArn", "configurationValues", "namespaceConfig")
            if params.get(member)
        },
    }
    record["podIdentityAssociations"] = _associate(call, record, params.get("podIdentityAssociations") or ())
    call.server.records.put(ADDON, key, record)
    return {"addon": record}


@eks_operation("DescribeAddon")
def describe_addon(call: Call) -> dict[str, Any]:
    return {"addon": _find(call)}


@eks_operation("ListAddons")
def list_addons(call: Call) -> dict[str, Any]:
    cluster_of(call, call.params["clusterName"])
    return page(call, [addon["addonName"] for addon in children(call, ADDON, call.params["clusterName"])], "addons")


@eks_operation("UpdateAddon")
def update_addon(call: Call) -> dict[str, Any]:
    record = _find(call)
    _check_configuration(call.params.get("configurationValues"))
    given = {
        name: call.params[name]
        for name in ("addonVersion", "serviceAccountRoleArn", "configurationValues")
        if call.params.get(name) is not None
    }
    if call.params.get("podIdentityAssociations") is not None:
        wanted = call.params["podIdentityAssociations"]
        given["podIdentityAssociations"] = _associate(call, record, wanted)
    key = child_key(call, record["clusterName"], record["addonName"])
    changed = record | given | {"modifiedAt": now()}
    if given.get("serviceAccountRoleArn") == "":
        del changed["serviceAccountRoleArn"]
    call.server.records.put(ADDON, key, changed)
    return {"update": record_update(call, record["clusterName"], "AddonUpdate", given)}


@eks_operation("DeleteAddon")
def delete_addon(call: Call) -> dict[str, Any]:
    record = _find(call)
    _associate(call, record, ())
    call.server.records.delete(ADDON, child_key(call, record["clusterName"], record["addonName"]))
    return {"addon": record | {"status": "DELETING"}}


@eks_operation("DescribeAddonVersions")
def describe_addon_versions(call: Call) -> dict[str, Any]:
    names = [call.params["addonName"]] if call.params.get("addonName") else [*_AWS, *_COMMUNITY]
    version = call.params.get("kubernetesVersion")
    compatibility = [{"clusterVersion": version, "platformVersions": ["*"], "defaultVersion": True}] if version else []
    addons = [
        {
            "addonName": name,
            "type": "other",
            "owner": _owner(name),
            "publisher": "eks",
            "addonVersions": [{"addonVersion": _VERSION, "compatibilities": compatibility}],
        }
        for name in names
        if name in (*_AWS, *_COMMUNITY)
    ]
    return page(call, addons, "addons")


@eks_operation("DescribeAddonConfiguration")
def describe_addon_configuration(call: Call) -> dict[str, Any]:
    schema = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"})
    return {
        "addonName": call.params["addonName"],
        "addonVersion": call.params["addonVersion"],
        "configurationSchema": schema,
    }
