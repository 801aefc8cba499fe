"""A team's update: what it would touch, held against its bound, and then that alone.

`--target` makes the engine leave everything else of the state as it is; resources that are not there yet are named by
the URN that a preview of the whole has given them (https://www.pulumi.com/docs/iac/cli/commands/pulumi_up/).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.errors import LocalStackError
from operations.engine_run import StackEngine
from operations.engine_steps import dependencies, name_of, targets, type_of
from operations.teams.bound import Violation, violations
from operations.teams.ownership import Place, Whose, belonging
from operations.teams.steps import Foreseen, Step, foreseen

NAMED = 12
"""Resources that a message names before it counts the others."""
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What a team's update would do.

    steps: the team's own and those of what holds all teams. pending: what the settings or the program would change
    besides, and the update leaves as it is. targets: URNs. untouched: how many of the state's resources stay.
    """

    team: str
    steps: tuple[Step, ...]
    pending: tuple[Step, ...] = ()
    targets: tuple[str, ...] = field(default=(), repr=False)
    untouched: int = 0

    @property
    def own(self) -> list[Step]:
        """The team's own resources that change, without the groups that exist in the stack alone."""
        return [step for step in self.steps if step.whose is Whose.OWN and not step.component]

    @property
    def shared(self) -> list[Step]:
        """What holds all teams and changes with this one."""
        return [step for step in self.steps if step.whose is Whose.SHARED]


@dataclass(frozen=True, kw_only=True)
class Update:
    """One update of one team.

    settings: file with the settings that are wished for. plan: where the engine's plan goes, to which the update is
    then held. removing, recount: of `violations`. teams: all that the settings name, before and after.
    """

    engine: StackEngine
    team: str
    teams: Sequence[str]
    settings: Path
    plan: Path | None
    removing: bool = False
    recount: bool = False

    def prepare(self, tell: Tell) -> Planned:
        """Previews the whole, then the team's part of it. Nothing is changed.

        Raises LocalStackError where the engine fails, or the bound refuses.
        """
        file = ("--config-file", str(self.settings))
        whole = foreseen(self.team, self.engine.events("preview", *file), tell)
        mine = [step for step in whole.steps if step.whose is not Whose.OTHERS]
        pending = tuple(step for step in whole.steps if step.whose is Whose.OTHERS and not step.component)
        state = self.engine.resources()
        if not mine:
            return Planned(team=self.team, steps=(), pending=pending, untouched=len(state))
        self._refuse(violations(self.team, mine, removing=self.removing, recount=self.recount))
        self._refuse_half_counted(mine, pending, whole)
        wanted = list(dict.fromkeys([*(step.urn for step in mine), *self._dependents(mine, whole, state)]))
        options = targets(wanted)
        if self.plan is not None:
            options += ["--save-plan", str(self.plan)]
        part = foreseen(self.team, self.engine.events("preview", *file, *options), tell)
        self._refuse(violations(self.team, part.steps, removing=self.removing, recount=self.recount))
        touched = {step.urn for step in part.steps}
        return Planned(
            team=self.team,
            steps=part.steps,
            pending=pending,
            targets=tuple(wanted),
            untouched=sum(resource["urn"] not in touched for resource in state),
        )

    def run(self, planned: Planned) -> None:
        """Does what was planned, and nothing that the plan does not have. Raises LocalStackError."""
        plan = ["--plan", str(self.plan)] if self.plan is not None else []
        self.engine.show("up", "--suppress-outputs", *plan, *targets(planned.targets))

    def _refuse(self, found: Sequence[Violation]) -> None:
        if not found:
            return
        lines = [f"    {one.step.name} {one.why}" for one in found[:NAMED]]
        if len(found) > NAMED:
            lines.append(f"    and {len(found) - NAMED} more")
        if all(one.recount for one in found):
            hint = "The automatic shares follow from all quotas together (docs/queues.md). `--recount` lets them be "
            hint += "counted anew."
            if not self.removing:
                hint += " `--borrow-only` leaves theirs as they are."
        else:
            hint = f"That is a change of the platform: `groundwork stack up {self.engine.stack}` shows and makes it."
        many = "1 resource" if len(found) == 1 else f"{len(found)} resources"
        raise LocalStackError(
            f"Refused: {many} would change that a team's update may not touch:\n" + "\n".join(lines), hint=hint
        )

    def _refuse_half_counted(self, mine: Sequence[Step], pending: Sequence[Step], whole: Foreseen) -> None:
        """Shares that are counted with a setting of another team that is not applied yet."""
        if not any(step.kind in ("queue", "cohort") for step in mine):
            return
        waiting = sorted({team for team in self.teams if team != self.team and _has(team, pending, whole)})
        if waiting:
            raise LocalStackError(
                f"Refused: the settings of {', '.join(waiting)} are changed too, and the shares of the pools would be "
                "counted with them.",
                hint=f"First `groundwork team apply {self.engine.stack} {waiting[0]}`.",
            )

    def _dependents(self, mine: Sequence[Step], whole: Foreseen, state: Sequence[Mapping[str, Any]]) -> list[str]:
        """What depends on something that goes: the engine forgets that only in what it may look at.

        Raises LocalStackError where one of them has a change of its own waiting.
        """
        going = {step.urn for step in mine if step.operation == "delete"}
        found = [
            str(resource["urn"])
            for resource in state
            if resource["urn"] not in going and going & dependencies(resource)
        ]
        changing = {step.urn: step for step in whole.steps if step.whose is Whose.OTHERS}
        if clashing := [changing[urn].name for urn in found if urn in changing and not changing[urn].component]:
            raise LocalStackError(
                f"Refused: {', '.join(clashing)} depends on what would go, and has a change of its own waiting.",
                hint=f"`groundwork stack up {self.engine.stack}` first.",
            )
        return found


def _has(team: str, steps: Sequence[Step], whole: Foreseen) -> bool:
    def parent_of(urn: str) -> str:
        return whole.parents.get(urn, "")

    places = (Place(urn=step.urn, type=step.type, parent=parent_of(step.urn)) for step in steps)
    return any(belonging(team, place, parent_of).whose is Whose.OWN for place in places)


def teams_of_state(state: Sequence[Mapping[str, Any]]) -> list[str]:
    """The teams that the stack has, sorted."""
    urns = (str(resource["urn"]) for resource in state)
    return sorted(name_of(urn).removeprefix("team-") for urn in urns if type_of(urn) == "groundwork:ml:Team")
