"""Machines and disks of managed node groups, which stand in their launch templates."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
LAUNCH_TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP, TEMPLATE = "-group", "-launch-template"
"""Ends of the logical names of a pool's group and of its template: the template's id is not known in a preview."""


class Resource(NamedTuple):
    """A resource as Pulumi knows it: its type, its logical name and its inputs (camelCase)."""

    type: str
    name: str
    inputs: Mapping[str, Any]


def with_machines(resources: Iterable[Resource]) -> list[Resource]:
    """The resources, with `instanceTypes` and `diskSize` of node groups filled in from their launch templates."""
    found = list(resources)
    templates = {each.name: each.inputs for each in found if each.type == LAUNCH_TEMPLATE}
    return [_filled(each, templates) if each.type == NODE_GROUP else each for each in found]


def _filled(group: Resource, templates: Mapping[str, Mapping[str, Any]]) -> Resource:
    template = templates.get(f"{group.name.removesuffix(GROUP)}{TEMPLATE}")
    if template is None or group.inputs.get("instanceTypes"):
        return group
    inputs = dict(group.inputs)
    if machine := template.get("instanceType"):
        inputs["instanceTypes"] = [machine]
    devices = cast(list[Mapping[str, Any]], template.get("blockDeviceMappings") or [])
    if size := sum(float(cast(Mapping[str, Any], each.get("ebs") or {}).get("volumeSize") or 0) for each in devices):
        inputs["diskSize"] = size
    return group._replace(inputs=inputs)
