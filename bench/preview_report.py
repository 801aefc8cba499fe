"""How long the report of a preview takes once the engine is done: from its events to all four forms."""

import json
import statistics
import time
from typing import Any

from bench.environments import BenchError, say
from bench.report import Goal, Report

SIZES = (500, 2_000, 10_000)
GOAL_AT, GOAL_S = 2_000, 1.0
STACK = "urn:pulumi:bench::groundwork::pulumi:pulumi:Stack::groundwork-bench"
PROVIDER = "urn:pulumi:bench::groundwork::pulumi:providers:aws::aws"
TYPES = (
    "aws:iam/role:Role",
    "aws:s3/bucket:Bucket",
    "aws:ec2/subnet:Subnet",
    "aws:cloudwatch/logGroup:LogGroup",
    "kubernetes:core/v1:Namespace",
)
TEAM_OF = 50
"""So many resources belong to one team."""


def run(rounds: int) -> Report:
    """Make the report of previews of several sizes, `rounds` times each; medians are reported."""
    import resource

    times = {number: _timed(number, rounds) for number in SIZES}
    medians = {
        number: {what: statistics.median(each[what] for each in taken) for what in taken[0]}
        for number, taken in times.items()
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = [
        [f"{number:,}", *(f"{medians[number][what]:.3f}" for what in PARTS), f"{_all(medians[number]):.3f}"]
        for number in SIZES
    ]
    taken = _all(medians[GOAL_AT])
    return Report(
        name="report",
        title="The report of a preview, once the engine is done",
        columns=("resources", *(f"{what} s" for what in PARTS), "together s"),
        rows=rows,
        goals=[
            Goal(text=f"{GOAL_AT:,} resources in less than {GOAL_S:g} s", measured=f"{taken:.3f} s", met=taken < GOAL_S)
        ],
        notes=[f"medians of {rounds} rounds; a third of the resources changes; at most {peak:.0f} MiB of memory"],
        detail={"seconds": {str(number): each for number, each in times.items()}},
    )


PARTS = ("read", "judge", "markdown", "html", "json", "text")


def _all(taken: dict[str, float]) -> float:
    return sum(taken.values())


def _timed(number: int, rounds: int) -> list[dict[str, float]]:
    from operations.preview_command import Forge, Form, rendered
    from operations.review.building import Seen, environment_of
    from operations.review.markdown import LIMITS, size
    from operations.review.model import report_of
    from operations.review.redaction import Redactor
    from operations.review.stream import fold

    say(f"{number:,} resources …")
    state = resources(number)
    lines = [json.dumps(event) for event in events(state)]
    found: list[dict[str, float]] = []
    for round_ in range(rounds + 1):
        taken: dict[str, float] = {}
        begin = time.perf_counter()
        preview = fold(json.loads(line) for line in lines)
        taken["read"] = time.perf_counter() - begin
        begin = time.perf_counter()
        seen = Seen(name="bench", region="us-east-1", preview=preview, state=state)
        made = report_of((environment_of(seen, Redactor()),))
        taken["judge"] = time.perf_counter() - begin
        for form in (Form.markdown, Form.html, Form.json, Form.text):
            begin = time.perf_counter()
            text = rendered(made, form, Forge.github)
            taken[form.value] = time.perf_counter() - begin
            if form is Form.markdown and size(text) > LIMITS["github"]:
                raise BenchError(f"the comment of {number} resources has {size(text)} bytes")
        if round_:  # the first one imports and fills caches
            found.append(taken)
    return found


def resources(number: int) -> list[dict[str, Any]]:
    """A stack's resources: teams, each with what is its own, on one network."""
    made: list[dict[str, Any]] = []
    network = _resource("network", "aws:ec2/vpc:Vpc", STACK, [])
    made.append(network)
    while len(made) < number:
        team = len(made) // TEAM_OF
        component = _resource(f"team-{team}", "groundwork:ml:Team", STACK, [])
        made.append(component)
        above = network["urn"]
        for place in range(min(TEAM_OF - 1, number - len(made))):
            type_ = TYPES[place % len(TYPES)]
            one = _resource(f"team-{team}-{place}", type_, component["urn"], [above])
            made.append(one)
            above = one["urn"] if place % 3 == 0 else network["urn"]
    return made


def _resource(name: str, type_: str, parent: str, dependencies: list[str]) -> dict[str, Any]:
    custom = not type_.startswith("groundwork:")
    tags = {"Name": f"groundwork-bench-{name}", "managed-by": "groundwork"}
    return {
        "urn": f"urn:pulumi:bench::groundwork::{type_}::{name}",
        "type": type_,
        "custom": custom,
        "id": f"{name}-111122223333" if custom else "",
        "parent": parent,
        "provider": f"{PROVIDER}::1" if custom else "",
        "dependencies": dependencies,
        "inputs": {"name": name, "description": "made by a bench " * 8, "tags": tags, "tagsAll": tags},
        "outputs": {"arn": f"arn:aws:service:us-east-1:111122223333:thing/{name}", "tags": tags, "tagsAll": tags},
    }


def events(state: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A preview of these resources: every third one changes, every thirtieth is replaced or deleted."""
    made: list[dict[str, Any]] = []
    for number, one in enumerate(state):
        new = {
            **one,
            "inputs": {**one["inputs"], "description": f"changed {number}", "name": f"{one['inputs']['name']}-2"},
        }
        detailed = {name: {"diffKind": "update", "inputDiff": True} for name in ("description", "name")}
        metadata = {"urn": one["urn"], "type": one["type"], "old": one, "new": new}
        if not one["custom"] or number % 3:
            made += _both({**metadata, "op": "same", "new": one})
        elif number % 30:
            made += _both({**metadata, "op": "update", "diffs": ["description", "name"], "detailedDiff": detailed})
        elif number % 60:
            made += _both({**metadata, "op": "delete", "new": None})
        else:
            detailed = {"name": {"diffKind": "update-replace", "inputDiff": True}}
            for operation in ("create-replacement", "replace", "delete-replaced"):
                made += _both({**metadata, "op": operation, "keys": ["name"], "detailedDiff": detailed})
    return [*made, {"summaryEvent": {"result": "succeeded", "PolicyPacks": {}}}]


def _both(metadata: dict[str, Any]) -> list[dict[str, Any]]:
    return [{kind: {"metadata": metadata}} for kind in ("resourcePreEvent", "resOutputsEvent")]
