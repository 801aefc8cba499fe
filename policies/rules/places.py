"""Where anything may be made."""

from collections.abc import Iterator

from policies.model import Resource, resource_rule
from policies.parameters import Parameters
from policies.values import at


@resource_rule("regions", "Everything is made in the regions that the environment's settings allow.")
def regions(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Regions beyond groundwork:policy.regions, and beyond the environment's own where that names none."""
    if not resource.type.startswith("aws:") or not parameters.regions:
        return
    region = at(resource.props, "region") or at(resource.provider, "region")
    if isinstance(region, str) and region not in parameters.regions:
        yield (
            f"{resource.name} is made in {region}; allowed is {', '.join(parameters.regions)}. Make it there, or add "
            f"the region to groundwork:policy.regions."
        )
