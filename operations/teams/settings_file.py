"""Teams in an environment's settings file: read as they stand there, edited by their lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from local.errors import LocalStackError
from operations.yaml_edit import value_at, with_entry, with_value, without
from operations.yaml_lines import NotEditableError

NAMESPACE = "groundwork:"
TEAMS = ("config", "groundwork:teams")
BUDGET = ("config", "groundwork:guardrails", "budget")
BUDGETS = (*BUDGET, "teams")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What of a team somebody wants to be otherwise; None leaves it as it is.

    quota: of its keys, those to set. members, approvers: to put in; without_…: to take out.
    guaranteed: instance class to what of it is the team's own.
    budget: dollars a month; 0 takes the team's budget away.
    """

    quota: Mapping[str, int] = field(default_factory=dict[str, int])
    members: Sequence[str] = ()
    without_members: Sequence[str] = ()
    approvers: Sequence[str] = ()
    without_approvers: Sequence[str] = ()
    member_tag: bool | None = None
    guaranteed: Mapping[str, int] = field(default_factory=dict[str, int])
    borrow: int | None = None
    lend: int | None = None
    budget: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is wished for."""
        return self == Wish()


@dataclass(frozen=True, kw_only=True)
class SettingsFile:
    """An environment's settings file. name: as messages show it. text: all of it."""

    name: str
    text: str = field(repr=False)

    @property
    def teams(self) -> list[dict[str, Any]]:
        """The teams' own settings, in order. Raises LocalStackError for a file without teams or with nameless ones."""
        try:
            found = value_at(self.text, TEAMS)
        except NotEditableError as error:
            raise LocalStackError(f"{self.name} cannot be read: {error}") from None
        entries = cast(list[Any], found) if isinstance(found, list) else []
        if not all(isinstance(each, dict) and isinstance(each.get("name"), str) for each in entries):
            raise LocalStackError(f"{self.name}: each of groundwork:teams is a mapping with a name.")
        return cast(list[dict[str, Any]], entries)

    @property
    def names(self) -> list[str]:
        """The teams' names."""
        return [str(team["name"]) for team in self.teams]

    @property
    def budgets(self) -> dict[str, Any]:
        """Team to its dollars a month."""
        return value_at(self.text, BUDGETS) or {}

    def settings(self) -> dict[str, Any]:
        """Our keys as the file has them, without the namespace; what is encrypted is left as it is."""
        config = cast(dict[str, Any], value_at(self.text, ("config",)) or {})
        return {
            key.removeprefix("groundwork:"): value for key, value in config.items() if key.startswith("groundwork:")
        }

    def index(self, team: str) -> int:
        """Where the team stands in the list. Raises LocalStackError where it does not."""
        if team not in self.names:
            raise LocalStackError(f"{self.name} has no team {team!r}; it has {', '.join(self.names) or 'none'}.")
        return self.names.index(team)

    def with_team(self, team: str, wish: Wish) -> "SettingsFile":
        """With one more team. Raises LocalStackError where it has it already, or cannot be edited."""
        if team in self.names:
            raise LocalStackError(
                f"{self.name} has the team {team!r} already.", hint="`groundwork team change` changes it."
            )
        entry: dict[str, Any] = {"name": team}
        if wish.members:
            entry["members"] = list(dict.fromkeys(wish.members))
        if wish.member_tag:
            entry["memberTag"] = True
        if wish.approvers:
            entry["approvers"] = list(dict.fromkeys(wish.approvers))
        if wish.quota:
            entry["quota"] = dict(wish.quota)
        if queue := _queue(wish):
            entry["queue"] = queue

        def edit(text: str) -> str:
            has_list = isinstance(value_at(text, TEAMS), list)
            text = with_entry(text, TEAMS, entry) if has_list else with_value(text, TEAMS, [entry])
            return self._with_budget(text, team, wish.budget)

        return self._edited(edit, f"add the team {team}")

    def with_change(self, team: str, wish: Wish) -> "SettingsFile":
        """With a team changed. Raises LocalStackError where it has no such team, or cannot be edited."""
        at = (*TEAMS, self.index(team))
        now = self.teams[self.index(team)]

        def edit(text: str) -> str:
            for key, number in wish.quota.items():
                text = with_value(text, (*at, "quota", key), number)
            for key, more, less in (
                ("members", wish.members, wish.without_members),
                ("approvers", wish.approvers, wish.without_approvers),
            ):
                text = self._with_people(text, (*at, key), now.get(key) or [], more, less)
            if wish.member_tag is not None:
                text = with_value(text, (*at, "memberTag"), wish.member_tag)
            for key, value in _queue(wish).items():
                if key == "guaranteed":
                    for name, number in wish.guaranteed.items():
                        text = with_value(text, (*at, "queue", "guaranteed", name), number)
                else:
                    text = with_value(text, (*at, "queue", key), value)
            return self._with_budget(text, team, wish.budget)

        return self._edited(edit, f"change the team {team}")

    def without_team(self, team: str) -> "SettingsFile":
        """Without the team and its budget. Raises LocalStackError where it has no such team, or cannot be edited."""
        at = (*TEAMS, self.index(team))

        def edit(text: str) -> str:
            return self._with_budget(without(text, at), team, 0)

        return self._edited(edit, f"take the team {team} out")

    def _with_people(
        self, text: str, path: Sequence[str | int], now: list[str], more: Sequence[str], less: Sequence[str]
    ) -> str:
        strange = [one for one in less if one not in now]
        if strange:
            raise LocalStackError(f"{', '.join(strange)} is none of its {path[-1]}: {', '.join(now) or 'none'}.")
        wanted = [one for one in dict.fromkeys([*now, *more]) if one not in less]
        if wanted == now:
            return text
        if not wanted:
            return without(text, path)
        return with_value(text, path, wanted)

    def _with_budget(self, text: str, team: str, budget: int | None) -> str:
        there = value_at(text, (*BUDGETS, team))
        if budget is None or budget == (there or 0):
            return text
        if budget:
            if value_at(text, BUDGET) is None:
                raise LocalStackError(
                    f"{self.name} has no groundwork:guardrails.budget: a team's budget is a part of the environment's.",
                    hint="Set groundwork:guardrails: {budget: {monthlyUsd: …}}, then `groundwork stack up`.",
                )
            return with_value(text, (*BUDGETS, team), budget)
        return without(text, (*BUDGETS, team))

    def _edited(self, edit: Any, doing: str) -> "SettingsFile":
        try:
            return SettingsFile(name=self.name, text=edit(self.text))
        except NotEditableError as error:
            raise LocalStackError(
                f"{self.name} is laid out in a way that nothing here can {doing} in: {error}",
                hint="Edit it by hand, then `groundwork team apply ENV NAME`.",
            ) from None


def _queue(wish: Wish) -> dict[str, Any]:
    queue: dict[str, Any] = {}
    if wish.guaranteed:
        queue["guaranteed"] = dict(wish.guaranteed)
    if wish.borrow is not None:
        queue["borrow"] = wish.borrow
    if wish.lend is not None:
        queue["lend"] = wish.lend
    return queue
