"""What a pool of machines may grow to, and of which machines."""

from collections.abc import Iterator
from typing import Any

from policies.model import Resource, resource_rule
from policies.parameters import Parameters
from policies.values import MISSING, UNKNOWN, at, group, rows

NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
INSTANCE = "aws:ec2/instance:Instance"
COUNTED = ("nvidia.com/gpu", "aws.amazon.com/neuron", "cpu")
FAMILY_KEYS = ("eks.amazonaws.com/instance-family", "karpenter.k8s.aws/instance-family")
TYPE_KEY = "node.kubernetes.io/instance-type"


@resource_rule("pool-limit", "Every pool of nodes has a limit.", NODE_POOL, NODE_GROUP)
def pool_limit(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Pools that can grow without end, which cost without end."""
    if resource.type == NODE_GROUP:
        largest = at(resource.props, "scalingConfig.maxSize")
        if largest is MISSING or (isinstance(largest, int | float) and largest < 1):
            yield f"{resource.name} has no scalingConfig.maxSize. Set the most nodes that it may have."
        return
    if at(resource.props, "spec.limits") is UNKNOWN:
        return
    limits = group(resource.props, "spec.limits")
    if not any(limits.get(key) not in (None, "", "0", 0) for key in COUNTED):
        yield (
            f"{resource.name} has no limit. Set spec.limits to one of {', '.join(COUNTED)} as a flat map "
            f"(`limit` of the pool in groundwork:nodePools)."
        )


@resource_rule(
    "instance-families",
    "Machines are of the families that the environment's settings allow.",
    NODE_POOL,
    NODE_GROUP,
    TEMPLATE,
    INSTANCE,
)
def instance_families(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Families beyond groundwork:policy.instanceFamilies, and pools that leave the choice to AWS."""
    allowed = parameters.instance_families
    if not allowed:
        return
    families = set(_families(resource))
    if resource.type == NODE_POOL and not families and at(resource.props, "spec") is not UNKNOWN:
        yield f"{resource.name} may have machines of any family. Name them in its requirements ({FAMILY_KEYS[0]})."
    if wrong := sorted(families - set(allowed)):
        yield (
            f"{resource.name} has machines of {', '.join(wrong)}; groundwork:policy.instanceFamilies allows "
            f"{', '.join(allowed)}. Choose one of these, or add the family there."
        )


def _families(resource: Resource) -> Iterator[str]:
    props = resource.props
    if resource.type == NODE_POOL:
        for requirement in rows(props, "spec.template.spec.requirements"):
            values = [str(value) for value in rows(requirement, "values")]
            if at(requirement, "operator") != "In":
                continue
            if at(requirement, "key") in FAMILY_KEYS:
                yield from values
            elif at(requirement, "key") == TYPE_KEY:
                yield from (value.split(".")[0] for value in values)
        return
    named: list[Any] = [*rows(props, "instanceTypes"), at(props, "instanceType")]
    yield from (name.split(".")[0] for name in named if isinstance(name, str))
