"""Private ways to AWS's services, and flow logs."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.clients import AwsError
from local.providers.aws.context import Context
from local.providers.aws.services.common import ec2_tags, page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Wait


def _changes(context: Context, name: str, member: str) -> dict[str, list[str]]:
    before, after = set(context.old.get(name) or ()), set(context.new.get(name) or ())
    parts = {f"Add{member}": sorted(after - before), f"Remove{member}": sorted(before - after)}
    return {key: ids for key, ids in parts.items() if ids}


def _modify_endpoint(context: Context) -> None:
    params: dict[str, Any] = {"VpcEndpointId": context.id}
    params |= _changes(context, "subnetIds", "SubnetIds")
    params |= _changes(context, "securityGroupIds", "SecurityGroupIds")
    params |= _changes(context, "routeTableIds", "RouteTableIds")
    if "policy" in context.changed:
        policy = context.new.get("policy")
        params |= {"PolicyDocument": policy} if policy else {"ResetPolicy": True}
    if "privateDnsEnabled" in context.changed:
        params["PrivateDnsEnabled"] = context.value("privateDnsEnabled")
    context.call("ModifyVpcEndpoint", params)


VPC_ENDPOINT = Resource(
    type="aws:ec2/vpcEndpoint:VpcEndpoint",
    service="ec2",
    docs=page("vpcendpoint"),
    id="answer:VpcEndpoint.VpcEndpointId",
    properties=(
        Property("vpcId", required=True, replaces=REPLACES),
        Property("serviceName", computed=True, replaces=REPLACES),
        Property("vpcEndpointType", default="Gateway", replaces=REPLACES),
        Property("policy", "json", computed=True, path="PolicyDocument"),
        Property("privateDnsEnabled", computed=True),
        Property("routeTableIds", "set", computed=True),
        Property("subnetIds", "set", computed=True),
        Property("securityGroupIds", "set", computed=True, path="Groups[].GroupId"),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateVpcEndpoint",
        {
            "VpcId": "$vpcId",
            "ServiceName": "$serviceName",
            "VpcEndpointType": "$vpcEndpointType",
            "PolicyDocument": "$policy",
            "PrivateDnsEnabled": "$privateDnsEnabled",
            "RouteTableIds": "$routeTableIds",
            "SubnetIds": "$subnetIds",
            "SecurityGroupIds": "$securityGroupIds",
        },
    ),
    reads=(
        Read(
            "DescribeVpcEndpoints",
            {"VpcEndpointIds": ["$id"]},
            "VpcEndpoints[?State!='deleted'] | [0]",
            gone=("InvalidVpcEndpointId.NotFound",),
        ),
    ),
    updates=(
        Function(
            _modify_endpoint,
            on=("policy", "privateDnsEnabled", "routeTableIds", "subnetIds", "securityGroupIds"),
        ),
    ),
    delete=(Call("DeleteVpcEndpoints", {"VpcEndpointIds": ["$id"]}, ignore=("InvalidVpcEndpointId.NotFound",)),),
    outputs={
        "ownerId": "OwnerId",
        "state": "State",
        "networkInterfaceIds": "NetworkInterfaceIds",
        "dnsEntries": "DnsEntries[].{dnsName: DnsName, hostedZoneId: HostedZoneId}",
        "requesterManaged": "RequesterManaged",
    },
    derived={"arn": "arn:{partition}:ec2:{region}:{account}:vpc-endpoint/{id}"},
    stable=("arn",),
    tagging=ec2_tags("vpc-endpoint"),
    created=Wait("State", ("available", "Available", "pendingAcceptance"), ("failed", "rejected"), timeout_s=600),
    deleted_timeout_s=600,
)

_FLOW_LOG_OWNERS = {"vpc-": ("vpcId", "VPC"), "subnet-": ("subnetId", "Subnet"), "eni-": ("eniId", "NetworkInterface")}


def _create_flow_log(context: Context) -> dict[str, Any]:
    resource_type, resource_id = next(
        ((kind, context.new[name]) for name, kind in _FLOW_LOG_OWNERS.values() if context.new.get(name)), ("", "")
    )
    answer = context.create(
        Call(
            "CreateFlowLogs",
            {
                "ResourceIds": [resource_id],
                "ResourceType": resource_type,
                "TrafficType": "$trafficType",
                "LogDestinationType": "$logDestinationType",
                "LogDestination": "$logDestination",
                "LogFormat": "$logFormat",
                "DeliverLogsPermissionArn": "$iamRoleArn",
                "MaxAggregationInterval": "$maxAggregationInterval",
            },
        )
    )
    for failure in answer.get("Unsuccessful") or ():
        error = failure.get("Error", {})
        raise AwsError(f"ec2:CreateFlowLogs for {context.subject}: {error.get('Code')}: {error.get('Message')}")
    return answer


def _name_flow_log_owner(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    owner = str(document.get("ResourceId") or "")
    for prefix, (name, _) in _FLOW_LOG_OWNERS.items():
        actual[name] = owner if owner.startswith(prefix) else None


def _has_one_owner(inputs: Mapping[str, Any]) -> str | None:
    owners = [name for name, _ in _FLOW_LOG_OWNERS.values()]
    if sum(1 for name in owners if inputs.get(name) is not None) != 1:
        return f"aws:ec2/flowLog:FlowLog: exactly one of {', '.join(owners)} must be set."
    return None


FLOW_LOG = Resource(
    type="aws:ec2/flowLog:FlowLog",
    service="ec2",
    docs=page("flowlog"),
    id="answer:FlowLogIds[0]",
    properties=(
        *(Property(name, replaces=REPLACES) for name, _ in _FLOW_LOG_OWNERS.values()),
        Property("trafficType", replaces=REPLACES),
        Property("logDestinationType", default="cloud-watch-logs", replaces=REPLACES),
        Property("logDestination", computed=True, replaces=REPLACES),
        Property("logFormat", computed=True, replaces=REPLACES),
        Property("iamRoleArn", replaces=REPLACES, path="DeliverLogsPermissionArn"),
        Property("maxAggregationInterval", default=600, replaces=REPLACES),
        Property("tags", "map"),
    ),
    create=Function(_create_flow_log),
    reads=(Read("DescribeFlowLogs", {"FlowLogIds": ["$id"]}, "FlowLogs[0]", gone=("InvalidFlowLogId.NotFound",)),),
    delete=(Call("DeleteFlowLogs", {"FlowLogIds": ["$id"]}, ignore=("InvalidFlowLogId.NotFound",)),),
    derived={"arn": "arn:{partition}:ec2:{region}:{account}:vpc-flow-log/{id}"},
    shape=_name_flow_log_owner,
    check=_has_one_owner,
    tagging=ec2_tags("vpc-flow-log"),
    unique=("vpcId", "subnetId", "eniId", "logDestination"),
)

TYPES = (VPC_ENDPOINT, FLOW_LOG)
