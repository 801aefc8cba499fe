"""Settings of the policy pack (policies/), which reads them beside the program: what an environment may be made of."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator

from infra.sections.section import Problem, Section, check
from infra.sections.values import Region, matching

FamilyName = Annotated[
    str, AfterValidator(matching(r"[a-z][a-z0-9-]*", "an EC2 instance family, such as g6 or m7i-flex"))
]


class PolicySettings(Section):
    """What the policy pack allows in this environment. The defaults are the strict ones.

    regions: regions that anything may be made in; the environment's own where none is named.
    instance_families: EC2 families that nodes may have; any where none is named.
    protect_stateful: what holds data must be protected from a destroy.
    require_budget: there must be a budget that notifies somebody.
    """

    regions: tuple[Region, ...] = ()
    instance_families: tuple[FamilyName, ...] = ()
    protect_stateful: bool = True
    require_budget: bool = True

    @check("instance_families")
    def families_are_named_once(self) -> Iterator[Problem]:
        """Families named twice."""
        if len(set(self.instance_families)) != len(self.instance_families):
            yield Problem(
                key="instanceFamilies", value=list(self.instance_families), message="allowed is each family once"
            )
