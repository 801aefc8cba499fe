"""What a rehearsal has seen, as programs read it; every form that people read is made of it.

`rehearsal.schema.json` beside this file is its published schema.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from operations.review.model import Counts, Part

FORMAT: Literal["groundwork-rehearsal/1"] = "groundwork-rehearsal/1"
Phase = Literal["change", "rollback", "again"]
"""The change's program on top of the base's, the base's again, and the change's once more."""


class Verdict(StrEnum):
    """What came of it. well: nothing to say against the change. found: something. broken: it could not be told."""

    well = "well"
    found = "found"
    broken = "broken"


class StepState(StrEnum):
    """How a step ended."""

    done = "done"
    failed = "failed"
    left_out = "left out"


class StepResult(Part):
    """One step of the rehearsal."""

    name: str
    title: str
    state: StepState
    seconds: float = Field(description="Of the clock on the wall.")
    said: str = Field(description="What it came to, or why it failed or was left out.")
    log: tuple[str, ...] = Field(default=(), description="The last lines of the log of a step that failed.")


class Ending(Part):
    """A resource that the engine deleted or replaced."""

    operation: Literal["delete", "replace"]
    type: str = Field(description="Pulumi's type.")
    name: str = Field(description="In the program.")
    causes: tuple[str, ...] = Field(default=(), description="Properties that replace it.")
    loses: str = Field(default="", description="What goes with it that an update cannot make again; empty: nothing.")
    own: bool = Field(default=False, description="The change had made it itself: a rollback takes it away again.")


class Applied(Part):
    """What the engine did in one update."""

    phase: Phase
    counts: Counts
    endings: tuple[Ending, ...] = ()


class Outage(Part):
    """Requests in a row that had no answer."""

    step: str = Field(description="The step that ran when it began.")
    after: float = Field(description="Seconds from the first request of all.")
    seconds: float = Field(description="From the first request without an answer to the next one with it.")
    requests: int
    error: str = Field(description="Of the first of them.")


class Load(Part):
    """What an endpoint's clients saw while the platform changed."""

    endpoint: str
    requests: int
    failures: int
    seconds: float
    median_ms: float | None = Field(description="Of those that were answered; null where none was.")
    slowest_ms: float | None
    outages: tuple[Outage, ...] = ()


class Finding(Part):
    """Something that speaks against the change."""

    kind: Literal["lost", "downtime", "job", "preview", "contract", "failed", "leftovers"]
    step: str = Field(description="Name of the step that found it.")
    text: str


class Rehearsal(Part):
    """The whole."""

    format: Literal["groundwork-rehearsal/1"] = FORMAT
    verdict: Verdict
    headline: str
    base: str = Field(description="The program that was there: a commit.")
    head: str = Field(description="The program of the change: a commit, or this working tree.")
    seconds: float
    findings: tuple[Finding, ...] = ()
    applied: tuple[Applied, ...] = ()
    load: Load | None = None
    steps: tuple[StepResult, ...] = ()
    kept: str = Field(default="", description="Where it all still is (--keep); empty: nothing is left.")
