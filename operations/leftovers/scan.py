"""Looks for what is an environment's, in every service that the platform touches."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from components.tagging import ENVIRONMENT_TAG
from operations.calls import code_of, is_denied
from operations.leftovers.costs import cost
from operations.leftovers.finding import Fate, Finding, Report
from operations.leftovers.kind import Clients, Item, Kind, search
from operations.leftovers.kinds_data import DATA
from operations.leftovers.kinds_network import CLUSTER, NETWORK
from operations.leftovers.kinds_work import WORK
from operations.leftovers.ownership import CLUSTER_KEY, Scope
from operations.leftovers.tagged import strangers

KINDS: tuple[Kind, ...] = (*WORK, *CLUSTER, *NETWORK, *DATA)
"""Every kind, in the order of removal: what uses comes before what is used."""
AT_ONCE = 8
HELD = "the stack still holds it"
GUARDED = "protected in the stack"
PLACES = ("cluster", "VPC", "subnet")
"""Kinds that others lie in: where one stays, so may these."""
GONE = ("NotFound", "NoSuch", "ResourceNotFound", "NotExist")


@dataclass(frozen=True, kw_only=True)
class Retention:
    """What the settings keep (infra/sections/storage.py), and what the engine's state still holds.

    held: ids of the stack's resources. guarded: of those that the engine protects.
    """

    protect: bool = False
    cluster_deletion: bool = False
    delete_contents: bool = True
    held: frozenset[str] = field(default_factory=frozenset[str])
    guarded: frozenset[str] = field(default_factory=frozenset[str])

    def holds(self, finding_id: str, name: str) -> str:
        """How the state has it; its ids may be whole ARNs, or have an account or a group before the name."""
        ends = (f"/{finding_id}", f":{finding_id}")
        for ids, words in ((self.guarded, GUARDED), (self.held, HELD)):
            if any(held in (finding_id, name) or held.endswith(ends) for held in ids):
                return words
        return ""


def clients_of(session: Any) -> Clients:
    """Clients of a boto3 session, each made once; safe to call from several threads."""
    made: dict[str, Any] = {}
    lock = threading.Lock()

    def client(service: str) -> Any:
        with lock:
            if service not in made:
                made[service] = session.client(service)
            return made[service]

    return client


def scan(
    clients: Clients,
    scope: Scope,
    retention: Retention | None = None,
    *,
    kinds: Sequence[Kind] = KINDS,
    net: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> Report:
    """Everything that is there of the environment. Changes nothing.

    net: whether resources of kinds that no table knows are looked for by their tag. tell: hears which kind is looked
    at. What the caller may not list, or a region does not have, is in `unseen`.
    """
    kept = retention or Retention()
    findings: list[Finding] = []
    unseen: dict[str, str] = {}
    scope = replace(scope, places=_places(clients, scope))

    def one(kind: Kind) -> list[Finding] | str:
        tell(kind.word)
        try:
            return list(_find(kind, clients, scope, kept))
        except (ClientError, BotoCoreError) as error:
            return str(error)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for kind, found in zip(kinds, pool.map(one, kinds), strict=True):
            if isinstance(found, str):
                unseen[kind.word] = found
            else:
                findings += found
    if net:
        try:
            findings += strangers(clients, scope, {finding.id for finding in findings})
        except (ClientError, BotoCoreError) as error:
            unseen["resources of other kinds"] = str(error)
    return Report(_with_what_is_kept(findings), unseen)


def _with_what_is_kept(findings: list[Finding]) -> list[Finding]:
    """What belongs to a cluster or a VPC that stays is no leftover."""
    kept = {finding.id for finding in findings if finding.fate is Fate.RETAINED and finding.kind in PLACES}
    if not kept:
        return findings
    clusters = {f"={name}" for name in kept} | {f"{CLUSTER_KEY}{name}" for name in kept}
    places = {f"lies in {place}" for place in kept}
    return [
        replace(finding, fate=Fate.RETAINED, note="belongs to what is kept")
        if finding.fate is Fate.LEFTOVER and (finding.why in places or finding.why.endswith(tuple(clusters)))
        else finding
        for finding in findings
    ]


def _find(kind: Kind, clients: Clients, scope: Scope, kept: Retention) -> Iterator[Finding]:
    for item in items(kind, clients, scope.account_id):
        try:
            found = _judged(kind, item, clients, scope, kept)
        except ClientError as error:
            # A stranger's bucket or key, about which the caller may not even ask, keeps nothing from being proven.
            strange = is_denied(error) and not scope.why(str(search(kind.name or kind.id, item)), {})
            if not is_gone(error) and not strange:
                raise
            continue
        if found is not None:
            yield found


def _judged(kind: Kind, item: Item, clients: Clients, scope: Scope, kept: Retention) -> Finding | None:
    client = clients(kind.service)
    if kind.details is not None:
        item = {**item, **kind.details(client, item)}
    name, vpc = str(search(kind.name or kind.id, item)), search(kind.vpc, item) if kind.vpc else ""
    if str(search(kind.id, item)) in scope.spared:
        return None
    if kind.named and not scope.may_own(name):
        return None
    why = scope.why(name, _tags(kind, client, item), vpc or "")
    if not why:
        return None
    finding = Finding(
        kind=kind.word,
        id=str(search(kind.id, item)),
        name=name,
        why=why,
        fate=Fate.LEFTOVER,
        item=item,
        usd_month=cost(kind, item, clients, scope.region),
    )
    return _with_fate(kind, finding, client, scope, kept)


def _with_fate(kind: Kind, finding: Finding, client: Any, scope: Scope, kept: Retention) -> Finding:
    """The finding in its list."""
    if kind.scheduled and (day := search(kind.scheduled, finding.item)) is not None:
        shown = f"{day:%Y-%m-%d}" if isinstance(day, datetime) else str(day)
        return replace(finding, fate=Fate.SCHEDULED, note=f"AWS deletes it on {shown}")
    if how := kept.holds(finding.id, finding.name):
        return replace(finding, fate=Fate.RETAINED, note=how)
    if kind.stateful and kept.protect:
        return replace(finding, fate=Fate.RETAINED, note="protection.protect")
    if kind.word == "cluster" and kept.cluster_deletion:
        return replace(finding, fate=Fate.RETAINED, note="protection.clusterDeletion")
    if kind.contents is not None and not kept.delete_contents and kind.contents(client, finding.item):
        return replace(finding, fate=Fate.RETAINED, note="protection.deleteContents is false, and it is not empty")
    if kind.going and search(kind.going, finding.item):
        return replace(finding, note="being deleted")
    if (team := scope.team_of_log_group(finding.name)) in scope.shared_teams and ENVIRONMENT_TAG not in finding.why:
        return replace(finding, by_hand=f"another environment has a team {team} too: look whose endpoint it was")
    return finding


def items(kind: Kind, clients: Clients, account_id: str) -> Iterator[Item]:
    """All resources of a kind in the account, as AWS lists them."""
    client = clients(kind.service)
    given = {name: account_id if value == "{account}" else value for name, value in kind.arguments.items()}
    if client.can_paginate(kind.lists):
        pages: Any = client.get_paginator(kind.lists).paginate(**given)
    else:
        pages = _pages(getattr(client, kind.lists), given)
    for page in pages:
        for item in search(kind.items, page) or ():
            yield {"id": item} if isinstance(item, str) else item


def _pages(operation: Callable[..., dict[str, Any]], given: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Page by page where boto3 has no paginator, but the service has a token."""
    answer = operation(**given)
    yield answer
    tokens = ("NextToken", "nextToken", "NextPageToken")
    while token := next((name for name in tokens if answer.get(name)), None):
        answer = operation(**given, **{token: answer[token]})
        yield answer


def _places(clients: Clients, scope: Scope) -> frozenset[str]:
    """The VPCs that are the environment's by their tags, and their subnets; what lies there is its own, whoever made
    it."""
    vpc, subnet = (next(kind for kind in NETWORK if kind.word == word) for word in ("VPC", "subnet"))
    try:
        found = items(vpc, clients, scope.account_id)
        own = {each["VpcId"] for each in found if scope.why("", as_mapping(each.get("Tags")))} - scope.spared
        inside = {each["SubnetId"] for each in items(subnet, clients, scope.account_id) if each["VpcId"] in own}
    except (ClientError, BotoCoreError):
        return frozenset()
    return frozenset(own | inside)


def _tags(kind: Kind, client: Any, item: Item) -> dict[str, str]:
    if isinstance(kind.tags, str):
        return as_mapping(search(kind.tags, item) if kind.tags else None)
    try:
        return as_mapping(kind.tags(client, item))
    except ClientError as error:
        if kind.absent and code_of(error) == kind.absent:
            return {}
        raise


def as_mapping(tags: Any) -> dict[str, str]:
    """Tags in any of AWS's four notations."""
    if isinstance(tags, Mapping):
        return {str(name): str(value) for name, value in cast(Mapping[Any, Any], tags).items()}
    found: dict[str, str] = {}
    for tag in cast(Sequence[Mapping[str, str]], tags or ()):
        lower = {name.lower().removeprefix("tag"): value for name, value in tag.items()}
        found[lower["key"]] = lower.get("value", "")
    return found


def is_gone(error: ClientError) -> bool:
    """Whether AWS says that what was asked about is not there (any more)."""
    return any(word in code_of(error) for word in GONE)
