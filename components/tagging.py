"""Tags and labels, from one place.

What all resources of a platform share goes to the AWS provider as its default tags, so that no component can forget
it. What differs by resource (its name and its component) is added by a stack transformation; so are the labels of
Kubernetes objects, for which the provider has no default. The transformation runs inside of the program: a transform of
the newer kind costs a call back from the engine for every resource.
"""

from collections.abc import Mapping
from typing import Any, cast

import pulumi

MANAGED_BY = "groundwork"
ENVIRONMENT_TAG = "groundwork:environment"
"""On every AWS resource: what budgets and anomaly alarms of an environment are about."""
TEAM_TAG = "groundwork:team"
"""On what `ml` makes for a team."""


def platform_tags(environment: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Tags of every AWS resource of a platform; `extra` are the settings' own."""
    return {**extra, "managed-by": MANAGED_BY, ENVIRONMENT_TAG: environment}


def register_tagging(prefix: str, environment: str) -> None:
    """Name what is made from here on. Must be called before the first resource.

    prefix: `groundwork-<environment>`, put before a resource's logical name to make its Name tag.
    """

    def tag(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.opts.id is not None:
            return None  # it is read, not made: whoever looks after it names it
        properties = cast(dict[str, Any], args.props)
        if args.type_.startswith("aws:") and "tags" in properties:
            name = {"Name": f"{prefix}-{args.name}"}
            tags = cast("pulumi.Input[Mapping[str, str]] | None", properties["tags"])
            return pulumi.ResourceTransformationResult({**properties, "tags": _merged(tags, name)}, args.opts)
        if args.type_.startswith("kubernetes:") and "metadata" in properties:
            _label(properties["metadata"], environment)
        return None

    pulumi.runtime.register_stack_transformation(tag)


def _merged(tags: "pulumi.Input[Mapping[str, str]] | None", more: Mapping[str, str]) -> pulumi.Input[Mapping[str, str]]:
    if tags is None:
        return more
    if isinstance(tags, Mapping):
        return {**more, **tags}
    return pulumi.Output.from_input(tags).apply(lambda known: {**more, **known})


def _label(metadata: Any, environment: str) -> None:
    """Adds the labels to an ObjectMetaArgs in place; every object of this program has one."""
    metadata.labels = {
        **(metadata.labels or {}),
        "app.kubernetes.io/managed-by": MANAGED_BY,
        "groundwork/environment": environment,
    }
