"""The versions that an endpoint has had, as the team's audit log tells them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ml.audit import Line
from ml.audit.serving import changes
from ml.errors import MlError, NotFoundError
from ml.spec.rollout import MAIN


@dataclass(frozen=True, kw_only=True)
class Version:
    """One deployment.

    number: from 1, in the order in which they were asked for. at: when, UTC. by: whose name was on it. job: the
    training job that the model is from. config: the endpoint configuration. variants: name to SageMaker model.
    taken_back: by what, where it was taken back before it served; empty otherwise.
    """

    number: int
    at: str
    by: str
    job: str
    variant: str
    config: str
    variants: dict[str, str] = field(default_factory=dict[str, str])
    taken_back: str = ""

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        return asdict(self)


def versions(lines: Iterable[Line], endpoint: str) -> list[Version]:
    """An endpoint's versions, oldest first. lines: of its team's log, in any order."""
    found: list[Version] = []
    for line in changes(lines, endpoint):
        if line.action == "deploy":
            found.append(_version(len(found) + 1, line))
        elif line.action == "rollback" and "instead_of" in line.details:
            _take_back(found, line)
    return found


def _version(number: int, line: Line) -> Version:
    return Version(
        number=number,
        at=line.at,
        by=line.by.get("owner", ""),
        job=str(line.details.get("job") or ""),
        variant=str(line.details.get("variant") or MAIN),
        config=str(line.details.get("config") or ""),
        variants=dict(line.details.get("variants") or {}),
    )


def _take_back(found: list[Version], line: Line) -> None:
    for place in range(len(found) - 1, -1, -1):
        if found[place].config == line.details["instead_of"]:
            names = [str(one["name"]) for one in line.details.get("alarms") or ()]
            found[place] = replace(found[place], taken_back=", ".join(names) or str(line.details.get("by")))
            return


def serving(known: Sequence[Version], config: str) -> Version | None:
    """The version that a configuration is of; the newest, where several are."""
    return next((one for one in reversed(known) if one.config == config), None)


def named(known: Sequence[Version], endpoint: str, to: str) -> Version:
    """The version of a number or of a job, of which the newest. Raises NotFoundError where there is none."""
    found = next((one for one in reversed(known) if to in (str(one.number), one.job)), None)
    if found is None:
        has = f"it has 1 to {len(known)}" if known else "the audit log knows none of its versions"
        raise NotFoundError(f"{endpoint} has no version {to!r}; {has}: ml rollback {endpoint} --list")
    return found


def chosen(known: Sequence[Version], config: str, endpoint: str, to: str | None) -> Version:
    """The version to go back to. config: what serves now. to: a number or a job's name; None for the one before.

    Raises NotFoundError where there is none, MlError where it serves already or nobody knows which is before.
    """
    if to is not None:
        found = named(known, endpoint, to)
        if found.config == config:
            raise MlError(f"{endpoint} serves version {found.number} already.")
        return found
    now = serving(known, config)
    if now is None:
        raise MlError(
            f"{endpoint} serves {config}, which the audit log does not know: say which version is meant, with --to "
            f"(ml rollback {endpoint} --list)."
        )
    before = [one for one in known[: now.number - 1] if one.config != config and not one.taken_back]
    if not before:
        raise NotFoundError(f"{endpoint} has no version before {now.number}, which serves.")
    return before[-1]
