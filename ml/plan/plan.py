"""The plan of a job: everything that is known before it is sent."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.environment import Environment, readable_errors
from ml.images import training_image
from ml.images.lock import locked_image
from ml.plan import checks
from ml.plan.cost import Cost, job_cost
from ml.plan.finding import Finding, Level
from ml.plan.uploads import Carried, carried
from ml.progress import duration
from ml.spec import JobSpec
from prices import dollars

_MARKS = {Level.OK: " ", Level.WARNING: "!", Level.ERROR: "✗", Level.UNKNOWN: "?"}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a job will be.

    findings: what was looked at, in the order in which it is printed. cached: whether nothing has to be uploaded.
    """

    job: str
    environment: str
    spec: JobSpec
    image: str
    cost: Cost
    findings: tuple[Finding, ...]
    cached: bool

    @property
    def problems(self) -> tuple[Finding, ...]:
        """Why the job cannot run; empty where it can."""
        return tuple(one for one in self.findings if one.level is Level.ERROR)

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        instance = self.spec.instance
        return {
            "job": self.job,
            "environment": self.environment,
            "instance_type": instance.type,
            "instance_count": instance.count,
            "volume_gb": instance.volume_gb,
            "spot": self.spec.spot is not None,
            "image": self.image,
            "cost": self.cost.document(),
            "cached": self.cached,
            "can_run": not self.problems,
            "findings": [one.document() for one in self.findings],
        }

    def text(self) -> str:
        """The plan for people: one line a fact, marked where it is not in order."""
        width = max(len(one.about) for one in (*self.findings, *cost_findings(self.spec, self.cost)))
        lines = [f"{self.job} in {self.environment} would be:"]
        for one in (*cost_findings(self.spec, self.cost), *self.findings):
            lines.append(f"{_MARKS[one.level]} {one.about:{width}}  {one.text}")
        return "\n".join(lines)


def make_plan(spec: JobSpec, folder: Path, environment: Environment) -> Plan:
    """Look at everything that a job needs, and send nothing.

    folder: what the spec's paths are relative to. Raises SpecError, EnvironmentNotReadyError.
    """
    contract = environment.for_team(spec.team)
    team = contract.teams[spec.team]
    cost = job_cost(spec, contract)
    image = locked_image(folder, environment.name, contract, training_image(spec, contract))
    with readable_errors(environment):
        brought: list[Carried] = carried(environment, spec, folder, team)
        budget = checks.check_budget(environment, team, cost)
        findings = (
            *(one.finding for one in brought),
            checks.check_image(environment, contract, image),
            checks.check_account(environment, contract),
            checks.check_role(environment, team),
            checks.check_quota(environment, spec),
            *((budget,) if budget else ()),
        )
    return Plan(
        job=f"{spec.team}-{spec.name}",
        environment=environment.name,
        spec=spec,
        image=image,
        cost=cost,
        findings=findings,
        cached=all(one.cached for one in brought),
    )


def cost_findings(spec: JobSpec, cost: Cost) -> list[Finding]:
    """What runs and what it costs."""
    machines = f"{cost.machines.count} × {cost.machines.type}"
    where = (
        f"{spec.entry_point} on {machines}{', spot' if spec.spot else ''}, {spec.instance.volume_gb} GB of disk each"
    )
    found = [
        Finding("runs", Level.OK, where),
        Finding("limit", Level.OK, f"{duration(cost.max_runtime_s)} ({cost.bounded_by})"),
    ]
    if spec.validation is not None:
        known = f", at most {dollars(cost.check_usd)} USD" if cost.check_usd is not None else ""
        minutes = duration(spec.validation.max_runtime)
        text = f"the data, first, on 1 × {spec.validation.instance.type} for at most {minutes}{known}"
        found.append(Finding("checks", Level.OK, text))
    if cost.unknown:
        found.append(Finding("price", Level.UNKNOWN, cost.unknown.replace("\n", " ")))
    if cost.price is not None:
        row = cost.price.lines[0][1]
        found.append(
            Finding("price", Level.OK, f"{cost.price.hourly:f} USD an hour on demand (of {row.date}: {row.source})")
        )
    if spec.spot:
        known = cost.spot_hourly is not None
        text = f"{cost.spot_hourly:f} USD an hour" if known else cost.spot_unknown
        found.append(Finding("spot", Level.OK if known else Level.UNKNOWN, text))
    if cost.most_usd is not None:
        spot = ", at the price on demand" if spec.spot else ""
        text = f"{dollars(cost.most_usd)} USD for the machines{spot}; disks and storage come on top"
        found.append(Finding("at most", Level.OK, text))
    if cost.arithmetic:
        found.append(Finding("max_cost", Level.OK, cost.arithmetic))
    return found
