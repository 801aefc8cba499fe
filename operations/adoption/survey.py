"""Which of the resources that `up` would make are there already, and the import file that makes them the stack's.

The engine writes the file itself (`pulumi preview --import-file`), with parents and providers; here it is asked at AWS
what exists, the placeholders get their ids, and all else is taken out
(https://www.pulumi.com/docs/iac/guides/migration/import/#bulk-import).
"""

import json
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from components.tagging import ENVIRONMENT_TAG
from local.errors import LocalStackError
from operations.adoption.kinds import ROWS, Row
from operations.calls import code_of
from operations.engine_run import StackEngine, part, step_of
from operations.engine_steps import PROVIDERS, name_of
from operations.leftovers.kind import Clients
from policies.values import UNKNOWN_TEXT

AT_ONCE = 8
CLOUDFORMATION = "aws:cloudformation:stack-name"
"""A tag of AWS's own on what a stack of CloudFormation has made, and on what it has left
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html)."""
ELSEWHERE = ("403", "Forbidden")
"""What S3 answers about a bucket of somebody else's: names are the world's."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A resource that `up` would make, of a type that can be adopted."""

    row: Row
    name: str
    inputs: Mapping[str, Any]

    @property
    def thing(self) -> tuple[str, str]:
        """What it is, or belongs to: kind and physical name."""
        return self.row.kind, str(self.inputs.get(self.row.thing))

    @property
    def is_known(self) -> bool:
        """Whether its physical name is known before `up`."""
        return all(self.inputs.get(name) not in (None, UNKNOWN_TEXT) for name in self.row.needs)

    @property
    def id(self) -> str:
        """What it is imported by."""
        return self.row.id.format_map(self.inputs)


@dataclass(frozen=True, kw_only=True)
class Adoptable:
    """Something that is there. why_not: what keeps it from being adopted; empty where nothing does. note: a warning."""

    planned: Planned
    why_not: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was found. makes: how many resources `up` would make. document: the import file; empty without any."""

    makes: int
    adopted: Sequence[Adoptable] = ()
    left_out: Sequence[Adoptable] = ()
    document: Mapping[str, Any] = field(default_factory=dict[str, Any])


def survey(
    engine: StackEngine, clients: Clients, environment: str, kinds: Collection[str], tell: Callable[[str], None]
) -> Survey:
    """Previews, and asks AWS about what would be made of these kinds.

    Raises LocalStackError where the preview fails, or AWS does not let the caller ask.
    """
    makes, planned, document = _preview(engine, tell)
    asked = [each for each in planned if each.row.kind in kinds and each.is_known]
    done = 0

    def ask(each: Planned) -> Adoptable | None:
        nonlocal done
        found = _ask(clients(each.row.service), each, environment)
        done += 1
        tell(f"{done} of {len(asked)} asked about")
        return found

    with ThreadPoolExecutor(AT_ONCE) as threads:
        things = [each for each in threads.map(ask, [each for each in asked if not each.row.belongs]) if each]
        # Settings go the way of their thing: of what is not there, or stays out, nothing more is asked.
        made = {each.thing for each in asked if not each.row.belongs} - {
            e.planned.thing for e in things if not e.why_not
        }
        settings = [each for each in asked if each.row.belongs and each.thing not in made]
        adopted = [each for each in (*things, *threads.map(ask, settings)) if each and not each.why_not]
    return Survey(
        makes=makes,
        adopted=adopted,
        left_out=[each for each in things if each.why_not],
        document=import_file(document, [each.planned for each in adopted]),
    )


def _preview(engine: StackEngine, tell: Callable[[str], None]) -> tuple[int, list[Planned], dict[str, Any]]:
    rows = {row.type: row for row in ROWS}
    planned: list[Planned] = []
    makes = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "import.json"
        for event in engine.events("preview", "--import-file", str(file)):
            metadata = step_of(event)
            new = part(metadata, "new")
            if metadata.get("op") != "create" or not new.get("custom") or metadata["type"].startswith(PROVIDERS):
                continue
            makes += 1
            tell(f"{makes} resources would be made")
            if (row := rows.get(metadata["type"])) is not None:
                planned.append(Planned(row=row, name=name_of(metadata["urn"]), inputs=part(new, "inputs")))
        return makes, planned, json.loads(file.read_text())


def _ask(client: Any, planned: Planned, environment: str) -> Adoptable | None:
    row = planned.row
    try:
        found = row.look(client, planned.inputs)
        if found is None:
            return None
        tags = row.tags(client, found)
    except ClientError as error:
        if code_of(error) in ELSEWHERE:
            return Adoptable(planned=planned, why_not="it is another account's, or the caller may not see it")
        raise LocalStackError(f"AWS does not say whether there is a {row.kind} {planned.thing[1]}: {error}") from None
    except BotoCoreError as error:
        raise LocalStackError(f"AWS does not say whether there is a {row.kind} {planned.thing[1]}: {error}") from None
    note = f"CloudFormation's stack {tags[CLOUDFORMATION]} has made it" if CLOUDFORMATION in tags else ""
    owner = tags.get(ENVIRONMENT_TAG, environment)
    if owner != environment:
        return Adoptable(planned=planned, why_not=f"its tag {ENVIRONMENT_TAG} says that it is {owner}'s", note=note)
    return Adoptable(planned=planned, why_not=row.unfit(planned.inputs, found), note=note)


def import_file(document: Mapping[str, Any], wanted: Sequence[Planned]) -> dict[str, Any]:
    """The engine's import file with these resources, their parents and their providers, and nothing else."""
    if not wanted:
        return {}
    specs = cast(list[dict[str, Any]], document.get("resources") or [])
    by_name = {str(spec["name"]): spec for spec in specs}
    ids = {(each.row.type, each.name): each.id for each in wanted}
    kept: set[str] = set()
    for spec in specs:
        key = (spec["type"], spec.get("logicalName") or spec["name"])
        if key not in ids:
            continue
        spec["id"] = ids[key]
        pending = [str(spec["name"])]
        while pending:
            name = pending.pop()
            if name in kept:
                continue
            kept.add(name)
            above = by_name.get(name, {})
            pending += [str(above[key]) for key in ("parent", "provider") if above.get(key)]
    urns: dict[str, str] = document.get("nameTable") or {}
    table = {name: urn for name, urn in urns.items() if name in kept}
    resources = [spec for spec in specs if spec["name"] in kept]
    return {**({"nameTable": table} if table else {}), "resources": resources}
