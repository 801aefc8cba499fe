"""Finds what became of creations that were cut off: no more than what AWS tells, and nothing that the state has."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.errors import LocalStackError
from operations.calls import code_of
from operations.resuming import kubernetes
from operations.resuming.by_lookup import BY_LOOKUP
from operations.resuming.by_name import BY_NAME
from operations.resuming.finder import Clients, Finder, Settles, Wanted, search

FINDERS: Mapping[str, Finder] = {**BY_NAME, **BY_LOOKUP}
LOOK_AGAIN_S = 3.0
POLL_S = 5.0
LONGEST_S = 3600.0
"""Longer than AWS takes for anything that the platform has: a cluster or a tracking server may take half an hour."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """What became of a creation. id: empty where nothing is there. broken: status of one that AWS could not finish."""

    wanted: Wanted
    id: str = ""
    broken: str = ""


@dataclass(frozen=True, kw_only=True)
class Search:
    """How creations are looked for.

    known: ids that the state has, by type. visible_s: seconds for which what is not there is looked for again: a call
    that lists may lag behind the one that made (https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
    strict: whether it is an error that the inputs do not say what to look for.
    """

    clients: Clients
    known: Mapping[str, frozenset[str]]
    tell: Tell
    visible_s: float
    strict: bool = True
    poll_s: float = POLL_S
    longest_s: float = LONGEST_S
    sleep: Callable[[float], None] = field(default=time.sleep)

    def find(self, all_wanted: Sequence[Wanted]) -> list[Found]:
        """One answer for each, in order. Waits until AWS has finished what it has begun.

        Raises LocalStackError where it cannot be told.
        """
        until = time.monotonic() + self.visible_s
        found = {wanted.urn: self._one(wanted) for wanted in all_wanted}
        while (missing := [each.wanted for each in found.values() if not each.id and _lags(each.wanted)]) and (
            time.monotonic() < until
        ):
            self.tell(f"looking again for {_names(missing)}")
            self.sleep(min(LOOK_AGAIN_S, self.visible_s))
            found |= {wanted.urn: self._one(wanted) for wanted in missing}
        return [self._finished(found[wanted.urn]) for wanted in all_wanted]

    def _one(self, wanted: Wanted) -> Found:
        finder = FINDERS.get(wanted.type)
        try:
            if wanted.type.startswith(kubernetes.PREFIX):
                return Found(wanted, kubernetes.object_id(wanted))
            if finder is None:
                raise LookupError("no table says how one is found")
            if finder.again:
                return Found(wanted)
            if finder.look is None:
                return Found(wanted, wanted.fill(finder.id))
            self.tell(f"looking for {wanted.name}")
            known = self.known.get(wanted.type, frozenset())
            ids = [each for each in finder.look.found(wanted, self.clients) if each not in known]
        except LookupError as error:
            if not self.strict:
                return Found(wanted)
            raise _not_told(wanted, str(error.args[0])) from None
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and _parent_is_gone(error):
                return Found(wanted)
            raise _not_told(wanted, str(error)) from None
        if len(ids) > 1:
            raise LocalStackError(
                f"{wanted.type} {wanted.name}: AWS has {len(ids)} of them that no state knows: {', '.join(ids)}.",
                hint="Delete all but one of them, then run the same command again.",
            )
        return Found(wanted, wanted.fill(finder.id.replace("{found}", ids[0]))) if ids else Found(wanted)

    def _finished(self, found: Found) -> Found:
        """The same once AWS works on it no longer, and whether it came to nothing."""
        finder = FINDERS.get(found.wanted.type)
        if not found.id or finder is None or finder.settles is None:
            return found
        until = time.monotonic() + self.longest_s
        while True:
            try:
                status = self._status(finder.settles, found)
            except (ClientError, BotoCoreError) as error:
                raise _not_told(found.wanted, str(error)) from None
            if status is None:
                return Found(found.wanted)
            if status not in finder.settles.busy:
                return Found(found.wanted, found.id, status if status in finder.settles.failed else "")
            if time.monotonic() > until:
                raise _not_told(found.wanted, f"it is still {status} after {self.longest_s / 60:.0f} minutes")
            self.tell(f"waiting for {found.wanted.name}, which AWS is still making ({status})")
            self.sleep(self.poll_s)

    def _status(self, settles: Settles, found: Found) -> str | None:
        """AWS's word for how far it is; None where there is no such resource."""
        raw = found.id.rpartition(",")[2]
        given = {key: _given(value, raw, found.wanted) for key, value in settles.arguments.items()}
        client = self.clients(settles.service, found.wanted.region)
        try:
            status = search(settles.status, getattr(client, settles.operation)(**given))
        except ClientError as error:
            if code_of(error) in settles.gone:
                return None
            raise
        return None if status is None else str(status)


def _given(template: "str | Sequence[str]", raw: str, wanted: Wanted) -> "str | list[str]":
    """An argument about a resource that has been found."""
    if isinstance(template, str):
        return wanted.fill(template.replace("{found}", raw))
    return [each.replace("{found}", raw) for each in template]


def _lags(wanted: Wanted) -> bool:
    """Whether it is found by a call that lists, and so may not be there yet."""
    finder = FINDERS.get(wanted.type)
    return finder is not None and finder.look is not None


def _parent_is_gone(error: ClientError) -> bool:
    """Whether what it would belong to is not there: then neither is it."""
    return code_of(error).endswith((".NotFound", "NotFoundException", "NotFound"))


def _not_told(wanted: Wanted, why: str) -> LocalStackError:
    return LocalStackError(
        f"What became of {wanted.type} {wanted.name} cannot be told: {why}.",
        hint="Nothing was changed. Mend that and run the same command again. Or look it up at AWS and tell the engine: "
        "`pulumi refresh` in a terminal asks for the id of each creation that was cut off.",
    )


def _names(all_wanted: Iterable[Wanted]) -> str:
    names = [each.name for each in all_wanted]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def ids_by_type(resources: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[str]]:
    """The ids that a state has, by type."""
    found: dict[str, set[str]] = {}
    for each in resources:
        if each.get("id"):
            found.setdefault(str(each["type"]), set()).add(str(each["id"]))
    return {kind: frozenset(ids) for kind, ids in found.items()}
