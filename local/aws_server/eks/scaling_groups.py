"""The Auto Scaling groups that EKS makes for node groups: told with their tags, sized, and never given a machine.

Groups that a program makes itself are moto's.
"""

from collections.abc import Iterator
from typing import Any

from local.aws_server.eks.node_groups import NODE_GROUP
from local.aws_server.operations import Call, ServiceError, operation


def _groups(call: Call) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Name of the group, key of the node group's record, and the record."""
    for key, record in call.server.records.items(NODE_GROUP, f"{call.region}/"):
        yield record["resources"]["autoScalingGroups"][0]["name"], key, record


def _tags(name: str, record: dict[str, Any]) -> list[dict[str, Any]]:
    """Tags that EKS gives the group, and those that others have set."""
    cluster = record["clusterName"]
    own = {
        "eks:cluster-name": cluster,
        "eks:nodegroup-name": record["nodegroupName"],
        "k8s.io/cluster-autoscaler/enabled": "true",
        f"k8s.io/cluster-autoscaler/{cluster}": "owned",
        f"kubernetes.io/cluster/{cluster}": "owned",
    }
    every = {key: (value, True) for key, value in own.items()} | record["groupTags"]
    return [
        {
            "ResourceId": name,
            "ResourceType": "auto-scaling-group",
            "Key": key,
            "Value": value,
            "PropagateAtLaunch": propagate,
        }
        for key, (value, propagate) in every.items()
    ]


@operation("autoscaling", "DescribeAutoScalingGroups")
def describe_auto_scaling_groups(call: Call) -> dict[str, Any]:
    wanted = call.params.get("AutoScalingGroupNames") or []
    ours = [
        {
            "AutoScalingGroupName": name,
            "AutoScalingGroupARN": call.arn(
                f"autoScalingGroup:{record['nodegroupArn'][-36:]}:autoScalingGroupName/{name}"
            ),
            "MinSize": record["scalingConfig"]["minSize"],
            "MaxSize": record["scalingConfig"]["maxSize"],
            "DesiredCapacity": record["scalingConfig"]["desiredSize"],
            "DefaultCooldown": 300,
            "AvailabilityZones": [],
            "HealthCheckType": "EC2",
            "CreatedTime": record["createdAt"],
            "VPCZoneIdentifier": ",".join(record["subnets"]),
            "Instances": [],
            "Tags": _tags(name, record),
        }
        for name, _, record in _groups(call)
        if not wanted or name in wanted
    ]
    answer = call.forward()
    return answer | {"AutoScalingGroups": [*answer.get("AutoScalingGroups", []), *ours]}


@operation("autoscaling", "DescribeTags")
def describe_tags(call: Call) -> dict[str, Any]:
    tags = [tag for name, _, record in _groups(call) for tag in _tags(name, record)]
    members = {"auto-scaling-group": "ResourceId", "key": "Key", "value": "Value"}
    for each in call.params.get("Filters") or []:
        if member := members.get(each["Name"]):
            tags = [tag for tag in tags if tag[member] in each["Values"]]
    answer = call.forward()
    return answer | {"Tags": [*answer.get("Tags", []), *tags]}


@operation("autoscaling", "CreateOrUpdateTags")
def create_or_update_tags(call: Call) -> dict[str, Any] | None:
    return _change(call, remove=False)


@operation("autoscaling", "DeleteTags")
def delete_tags(call: Call) -> dict[str, Any] | None:
    return _change(call, remove=True)


@operation("autoscaling", "SetDesiredCapacity")
def set_desired_capacity(call: Call) -> dict[str, Any] | None:
    with call.server.records.lock:
        for name, key, record in _groups(call):
            if name != call.params["AutoScalingGroupName"]:
                continue
            scaling, wanted = record["scalingConfig"], call.params["DesiredCapacity"]
            if not scaling["minSize"] <= wanted <= scaling["maxSize"]:
                raise ServiceError("ValidationError", f"New SetDesiredCapacity value {wanted} is out of bounds.")
            call.server.records.put(NODE_GROUP, key, record | {"scalingConfig": scaling | {"desiredSize": wanted}})
            return {}
    return call.forward()


def _change(call: Call, *, remove: bool) -> dict[str, Any] | None:
    with call.server.records.lock:
        known = {name: (key, record) for name, key, record in _groups(call)}
        for tag in call.params["Tags"]:
            if tag.get("ResourceId") not in known:
                continue
            key, record = known[tag["ResourceId"]]
            others = {name: value for name, value in record["groupTags"].items() if name != tag["Key"]}
            now = {} if remove else {tag["Key"]: (tag.get("Value", ""), bool(tag.get("PropagateAtLaunch")))}
            changed = record | {"groupTags": others | now}
            known[tag["ResourceId"]] = (key, changed)
            call.server.records.put(NODE_GROUP, key, changed)
    theirs = [tag for tag in call.params["Tags"] if tag.get("ResourceId") not in known]
    return call.forward({**call.params, "Tags": theirs}) if theirs else {}
