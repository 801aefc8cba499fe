"""Tags that moto keeps and does not tell: of instance profiles, and of flow logs under the type that AWS gives them."""

from typing import Any

from moto.iam.models import iam_backends

from local.aws_server.operations import Call, operation

_AWS_FLOW_LOG, _MOTO_FLOW_LOG = "vpc-flow-log", "flow-logs"
"""Of https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html, Resource types, and of
moto/ec2/models/__init__.py."""


@operation("iam", "ListInstanceProfileTags")
def list_instance_profile_tags(call: Call) -> dict[str, Any]:
    name = call.params["InstanceProfileName"]
    # Raises NoSuchEntity where there is no such profile.
    call.server.call("iam", "GetInstanceProfile", {"InstanceProfileName": name})
    found = sorted(
        iam_backends[call.account_id]["aws"].get_instance_profile(name).tags or (), key=lambda tag: tag["Key"]
    )
    start = int(call.params.get("Marker") or 0)
    end = start + int(call.params.get("MaxItems") or 100)
    more = {"IsTruncated": True, "Marker": str(end)} if end < len(found) else {"IsTruncated": False}
    return {"Tags": found[start:end], **more}


@operation("resourcegroupstaggingapi", "GetResources")
def get_resources(call: Call) -> dict[str, Any]:
    params = dict(call.params)
    if wanted := params.get("ResourceTypeFilters"):
        params["ResourceTypeFilters"] = [one.replace(_AWS_FLOW_LOG, _MOTO_FLOW_LOG) for one in wanted]
    answer = call.forward(params)
    for resource in answer.get("ResourceTagMappingList", ()):
        resource["ResourceARN"] = resource["ResourceARN"].replace(f":{_MOTO_FLOW_LOG}/", f":{_AWS_FLOW_LOG}/")
    return answer
