"""The report of a preview, as programs read it; every form that people read is made of it.

`report.schema.json` beside this file is its published schema. Everything in a report has been redacted already.
"""

from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

FORMAT: Literal["groundwork-preview/1"] = "groundwork-preview/1"

CENT = Decimal("0.01")


def cents(usd: Decimal) -> Decimal:
    """Dollars to the cent, as all tables of this project round them."""
    return usd.quantize(CENT, ROUND_HALF_UP)


Usd = Annotated[Decimal, PlainSerializer(lambda value: str(cents(value)), return_type=str)]
"""Dollars, with cents."""


class Part(BaseModel):
    """What every part of a report is: frozen, and with nothing in it that the schema does not name."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_serialization_defaults_required=True)


class Verdict(StrEnum):
    """What a reviewer must know first, from harmless to grave."""

    unchanged = "unchanged"
    changes = "changes"
    destructive = "destructive"
    loss = "loss"
    refused = "refused"
    failed = "failed"

    @property
    def gravity(self) -> int:
        """Greater is worse."""
        return list(Verdict).index(self)


class Property(Part):
    """One property that would be otherwise."""

    path: str = Field(description="As the engine writes it; inside a JSON document it goes on after ` → `.")
    kind: Literal["added", "removed", "changed"]
    before: Any = Field(default=None, description="The value now; null where there is none.")
    after: Any = Field(default=None, description="The value then; `(known after up)` where only the update tells.")
    replaces: bool = Field(default=False, description="Whether this is why the resource must be replaced.")


class Radius(Part):
    """What depends on a resource, directly or through others: it is touched when the resource goes."""

    resources: int = 0
    components: tuple[str, ...] = Field(
        default=(), description="Parts of the platform, with how many of their resources."
    )
    teams: tuple[str, ...] = ()


class Change(Part):
    """What would happen to one resource."""

    operation: Literal["create", "update", "replace", "delete", "import", "forget", "read"]
    type: str = Field(description="Pulumi's type.")
    name: str = Field(description="In the program.")
    component: str = Field(description="The part of the platform that it belongs to; empty for none.")
    id: str = Field(default="", description="Physical, as AWS or Kubernetes has it; empty before it is made.")
    properties: tuple[Property, ...] = ()
    loses: str = Field(default="", description="What goes with it that an update cannot make again; empty for nothing.")
    protected: bool = Field(default=False, description="The engine refuses to delete it.")
    retained: bool = Field(default=False, description="It is only taken out of the state; what is there stays.")
    radius: Radius | None = Field(default=None, description="Of what would be deleted or replaced.")

    @property
    def ends(self) -> bool:
        """Whether something that is there now would end."""
        return self.operation in ("delete", "replace") and not self.retained

    @property
    def causes(self) -> tuple[Property, ...]:
        """The properties that make a replacement of it."""
        return tuple(each for each in self.properties if each.replaces)


class Group(Part):
    """Creations and updates in one part of the platform."""

    component: str = Field(description="Its name; empty for what belongs to none.")
    changes: tuple[Change, ...]


class Folded(Part):
    """Updates that say the same, told once."""

    kind: Literal["labels", "follows", "alike", "provider"]
    text: str
    resources: tuple[str, ...]


class CostSide(Part):
    """A month, before or after."""

    platform: Usd = Field(description="What an idle environment costs, without nodes that have accelerators.")
    accelerators_idle: Usd = Field(description="Nodes with GPUs or Neuron devices that run all month: the floor.")
    accelerators_limit: Usd = Field(description="The same with every pool at its limit all month, on demand.")

    @property
    def idle(self) -> Decimal:
        """What the environment costs while nobody uses it."""
        return self.platform + self.accelerators_idle


class CostLine(Part):
    """An item that costs more or less than before."""

    item: str
    before: Usd
    after: Usd


class Cost(Part):
    """The monthly estimate, from prices/: without jobs, endpoints, taxes, discounts and free tiers."""

    before: CostSide | None = Field(description="null where there is no state yet.")
    after: CostSide
    difference: Usd = Field(description="Of an idle month: after less before.")
    lines: tuple[CostLine, ...] = Field(default=(), description="Items whose sum changes, the greatest change first.")
    unknown: tuple[str, ...] = Field(default=(), description="What has no price, and so is in no sum.")
    region: str


class Policy(Part):
    """A rule of the policy pack that does not hold."""

    rule: str
    level: Literal["mandatory", "advisory"]
    resource: str = Field(description="Its name; empty for the stack as a whole.")
    description: str = Field(description="What the rule wants.")
    found: str
    mend: str = Field(description="What to do; empty where the rule does not say.")


class Problem(Part):
    """An error or a warning of the engine, the program or a provider."""

    level: Literal["error", "warning"]
    resource: str
    message: str


class DriftedResource(Part):
    """A resource that is not as the program left it."""

    type: str
    name: str
    id: str
    happened: Literal["changed", "gone"]
    properties: tuple[Property, ...] = Field(default=(), description="before: as recorded. after: as it is.")


class Drift(Part):
    """What changed behind the program's back."""

    looked_at: int
    resources: tuple[DriftedResource, ...] = ()


class Running(Part):
    """A job that runs, or an endpoint that serves, of a team that the change touches."""

    kind: str
    name: str
    team: str


class Counts(Part):
    """How many resources, components and providers aside."""

    create: int = 0
    update: int = 0
    replace: int = 0
    delete: int = 0
    same: int = 0


class Environment(Part):
    """What would happen to one environment."""

    name: str
    verdict: Verdict
    headline: str
    complete: bool = Field(description="False where the preview ended early: there may be more changes than are here.")
    counts: Counts
    losses: tuple[Change, ...] = Field(default=(), description="Deletions and replacements of what holds data.")
    endings: tuple[Change, ...] = Field(default=(), description="The other deletions and replacements.")
    groups: tuple[Group, ...] = Field(default=(), description="Creations and updates.")
    folded: tuple[Folded, ...] = ()
    touched: Radius = Field(default=Radius(), description="Of all deletions and replacements together.")
    running: tuple[Running, ...] | None = Field(default=(), description="null where nobody could look.")
    cost: Cost | None = None
    policies: tuple[Policy, ...] = ()
    drift: Drift | None = Field(default=None, description="null where nobody looked.")
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    packs: tuple[str, ...] = Field(default=(), description="Policy packs that judged it, with their versions.")

    @property
    def refusals(self) -> tuple[Policy, ...]:
        """The mandatory rules among the policies."""
        return tuple(each for each in self.policies if each.level == "mandatory")


class Report(Part):
    """A preview of one or several environments."""

    format: Literal["groundwork-preview/1"] = FORMAT
    verdict: Verdict = Field(description="The gravest of the environments'.")
    headline: str
    environments: tuple[Environment, ...]


def report_of(environments: tuple[Environment, ...]) -> Report:
    """The report of these environments, in this order. Raises ValueError without one."""
    worst = max((each.verdict for each in environments), key=lambda verdict: verdict.gravity)
    if len(environments) == 1:
        headline = environments[0].headline
    else:
        grave = [each.name for each in environments if each.verdict is worst]
        headline = f"{HEADLINES[worst]}: {', '.join(grave)} of {len(environments)} environments"
    return Report(verdict=worst, headline=headline, environments=environments)


HEADLINES = {
    Verdict.unchanged: "Nothing would change",
    Verdict.changes: "Nothing would be deleted or replaced",
    Verdict.destructive: "Something would be deleted or replaced, nothing that holds data",
    Verdict.loss: "Stateful resources would be lost",
    Verdict.refused: "Refused by policy",
    Verdict.failed: "The preview failed",
}
"""Each verdict in words."""
