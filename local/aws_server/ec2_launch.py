"""EC2: placement groups, which moto lacks, and what its launch templates leave out."""

import uuid
from typing import Any

from local.aws_server.operations import Call, ServiceError, operation

_GROUP = "ec2-placement-group"


@operation("ec2", "CreatePlacementGroup")
def create_placement_group(call: Call) -> dict[str, Any]:
    params = call.params
    name, strategy = params["GroupName"], params.get("Strategy", "cluster")
    if params.get("PartitionCount") and strategy != "partition":
        raise ServiceError("InvalidParameterCombination", "A partition count goes with the strategy partition.")
    if params.get("SpreadLevel") and strategy != "spread":
        raise ServiceError("InvalidParameterCombination", "A spread level goes with the strategy spread.")
    key = f"{call.region}/{name}"
    record: dict[str, Any] = {
        "GroupName": name,
        "State": "available",
        "Strategy": strategy,
        "GroupId": f"pg-{uuid.uuid4().hex[:17]}",
        "GroupArn": call.arn(f"placement-group/{name}"),
        "Tags": [tag for each in params.get("TagSpecifications") or [] for tag in each["Tags"]],
    }
    if strategy == "partition":
        record["PartitionCount"] = params.get("PartitionCount", 2)
    if strategy == "spread":
        record["SpreadLevel"] = params.get("SpreadLevel", "rack")
    with call.server.records.lock:
        if call.server.records.get(_GROUP, key):
            raise ServiceError("InvalidPlacementGroup.Duplicate", f"The placement group '{name}' already exists.")
        call.server.records.put(_GROUP, key, record)
    return {"PlacementGroup": record}


@operation("ec2", "DescribePlacementGroups")
def describe_placement_groups(call: Call) -> dict[str, Any]:
    records = {record["GroupName"]: record for _, record in call.server.records.items(_GROUP, f"{call.region}/")}
    wanted = call.params.get("GroupNames") or []
    if unknown := [name for name in wanted if name not in records]:
        raise ServiceError("InvalidPlacementGroup.Unknown", f"The Placement Group '{unknown[0]}' is unknown.")
    ids = call.params.get("GroupIds") or []
    told = [record for name, record in records.items() if not wanted or name in wanted]
    return {"PlacementGroups": [record for record in told if not ids or record["GroupId"] in ids]}


@operation("ec2", "DeletePlacementGroup")
def delete_placement_group(call: Call) -> dict[str, Any]:
    name = call.params["GroupName"]
    with call.server.records.lock:
        record = call.server.records.get(_GROUP, f"{call.region}/{name}")
        if record is None:
            raise ServiceError("InvalidPlacementGroup.Unknown", f"The Placement Group '{name}' is unknown.")
        call.server.records.delete(_GROUP, f"{call.region}/{name}")
    return {}


@operation("ec2", "CreateTags")
def create_tags(call: Call) -> dict[str, Any] | None:
    return _tagged(call, remove=False)


@operation("ec2", "DeleteTags")
def delete_tags(call: Call) -> dict[str, Any] | None:
    return _tagged(call, remove=True)


def _tagged(call: Call, *, remove: bool) -> dict[str, Any] | None:
    """Tags of placement groups are kept here, all others by moto."""
    wanted = call.params.get("Tags") or []
    ours = [each for each in call.params["Resources"] if each.startswith("pg-")]
    theirs = [each for each in call.params["Resources"] if each not in ours]
    with call.server.records.lock:
        for key, record in call.server.records.items(_GROUP, f"{call.region}/"):
            if record["GroupId"] in ours:
                others = [tag for tag in record["Tags"] if tag["Key"] not in {each["Key"] for each in wanted}]
                call.server.records.put(_GROUP, key, record | {"Tags": others if remove else [*others, *wanted]})
    return call.forward({**call.params, "Resources": theirs}) if theirs or not ours else {}


@operation("ec2", "CreateLaunchTemplate")
def create_launch_template(call: Call) -> dict[str, Any]:
    """moto puts the template's own tags among those of what it launches."""
    answer = call.forward()
    wanted = call.params.get("LaunchTemplateData", {}).get("TagSpecifications")
    with call.server.changing("ec2"):
        version = _templates(call)[answer["LaunchTemplate"]["LaunchTemplateId"]].versions[0]
        version.data.pop("TagSpecifications", None)
        if wanted:
            version.data["TagSpecifications"] = wanted
        if version.data.get("UserData") is None:
            version.data.pop("UserData", None)
    return answer


@operation("ec2", "DescribeLaunchTemplates")
def describe_launch_templates(call: Call) -> dict[str, Any]:
    """moto tells the tags of the creation for good, and leaves out an id that it does not know."""
    answer = call.forward()
    found = {each["LaunchTemplateId"] for each in answer.get("LaunchTemplates", [])}
    if missing := [each for each in call.params.get("LaunchTemplateIds") or [] if each not in found]:
        raise ServiceError(
            "InvalidLaunchTemplateId.NotFound",
            f"The specified launch template, with template ID {missing[0]}, does not exist.",
        )
    for each in answer.get("LaunchTemplates", []):
        filters = [{"Name": "resource-id", "Values": [each["LaunchTemplateId"]]}]
        found = call.server.call("ec2", "DescribeTags", {"Filters": filters}, region=call.region)["Tags"]
        each["Tags"] = [{"Key": tag["Key"], "Value": tag["Value"]} for tag in found]
    return answer


def _templates(call: Call) -> Any:
    from moto.ec2.models import ec2_backends  # takes a second, so not before it is needed

    return ec2_backends[call.account_id][call.region].launch_templates
