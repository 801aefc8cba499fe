"""An engine's events of a preview, folded into one step a resource.

Events and their members: sdk/go/common/apitype/events.go of https://github.com/pulumi/pulumi; operations:
sdk/go/common/apitype/history.go.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from operations.engine_run import part, step_of
from operations.engine_steps import STACK, name_of

Operation = Literal["same", "create", "update", "replace", "delete", "import", "forget", "read"]

OPERATIONS: Mapping[str, Operation] = {
    "same": "same",
    "create": "create",
    "update": "update",
    "delete": "delete",
    "replace": "replace",
    "create-replacement": "replace",
    "delete-replaced": "replace",
    "import": "import",
    "import-replacement": "replace",
    "discard": "forget",
    "discard-replaced": "forget",
    "read": "read",
    "read-replacement": "read",
    "remove-pending-replace": "forget",
}
"""The engine's steps → what happens to the resource; a replacement takes three of them."""
_RANK: Mapping[Operation, int] = {
    **{"same": 0, "read": 1, "forget": 2, "import": 3, "create": 4, "update": 4, "delete": 5},
    "replace": 6,
}
NOISE = frozenset({"preview failed", "update failed"})
"""Errors of the engine that only say that there are errors."""
MOST_PROBLEMS = 200


@dataclass
class Step:
    """What happens to one resource.

    old, new: its states, `{}` where there is none. keys: properties that replace it. detailed: by path, as the engine
    has it.
    """

    urn: str
    type: str
    operation: Operation
    old: dict[str, Any] = field(default_factory=dict[str, Any])
    new: dict[str, Any] = field(default_factory=dict[str, Any])
    keys: list[str] = field(default_factory=list[str])
    diffs: list[str] = field(default_factory=list[str])
    detailed: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """In the program."""
        return name_of(self.urn)

    @property
    def state(self) -> dict[str, Any]:
        """The state then; the one now of what goes."""
        return self.new or self.old

    @property
    def custom(self) -> bool:
        """Whether a provider makes it, and it is no part of the program's structure."""
        return bool(self.state.get("custom"))


@dataclass
class Violation:
    """A rule of a policy pack that does not hold, once for each resource."""

    rule: str
    level: str
    urn: str
    message: str


@dataclass
class Said:
    """What the engine, the program or a provider said. level: error or warning."""

    level: Literal["error", "warning"]
    urn: str
    message: str


@dataclass
class Preview:
    """A preview as it was seen.

    steps: by URN. failure: why it failed; empty where it did not. ended: whether the engine came to its summary.
    """

    steps: dict[str, Step] = field(default_factory=dict[str, Step])
    violations: list[Violation] = field(default_factory=list[Violation])
    said: list[Said] = field(default_factory=list[Said])
    packs: dict[str, str] = field(default_factory=dict[str, str])
    failure: str = ""
    ended: bool = False
    result: str = ""

    @property
    def errors(self) -> list[Said]:
        """What stopped it."""
        return [each for each in self.said if each.level == "error"]

    def take(self, event: Mapping[str, Any]) -> None:
        """One event more."""
        for kind in ("resourcePreEvent", "resOutputsEvent"):
            if metadata := step_of(event, kind):
                self._step(metadata, final=kind == "resOutputsEvent")
        if violation := part(event, "policyEvent"):
            self._violation(violation)
        if diagnostic := part(event, "diagnosticEvent"):
            self._diagnostic(diagnostic)
        if summary := part(event, "summaryEvent"):
            self.ended, self.result = True, str(summary.get("result") or "")
            self.packs.update({_pack(name): str(version) for name, version in part(summary, "PolicyPacks").items()})

    def _step(self, metadata: Mapping[str, Any], *, final: bool) -> None:
        operation = OPERATIONS.get(str(metadata.get("op")))
        urn = str(metadata.get("urn") or "")
        if operation is None or not urn or metadata.get("type") == STACK:
            return
        step = self.steps.setdefault(urn, Step(urn, str(metadata.get("type")), "same"))
        if _RANK[operation] >= _RANK[step.operation]:
            step.operation = operation
        # What is then is told before what goes; the deletion of a replaced resource knows the old alone.
        step.old = step.old or part(metadata, "old")
        new = part(metadata, "new")
        if new and (final or not step.new):
            step.new = new
        step.keys = step.keys or list(metadata.get("keys") or [])
        step.diffs = step.diffs or list(metadata.get("diffs") or [])
        step.detailed = step.detailed or part(metadata, "detailedDiff")

    def _violation(self, event: Mapping[str, Any]) -> None:
        found = Violation(
            rule=str(event.get("policyName") or ""),
            level=str(event.get("enforcementLevel") or ""),
            urn=str(event.get("resourceUrn") or ""),
            message=str(event.get("message") or "").strip(),
        )
        if found not in self.violations:
            self.violations.append(found)

    def _diagnostic(self, event: Mapping[str, Any]) -> None:
        severity = event.get("severity")
        message = str(event.get("message") or "").strip()
        if severity not in ("error", "warning") or event.get("ephemeral") or not message or message in NOISE:
            return
        said = Said("error" if severity == "error" else "warning", str(event.get("urn") or ""), message)
        if len(self.said) < MOST_PROBLEMS and said not in self.said:
            self.said.append(said)


def fold(events: Iterable[Mapping[str, Any]]) -> Preview:
    """The preview that these events are of. An exception of theirs goes through; what came before it is lost."""
    preview = Preview()
    for event in events:
        preview.take(event)
    return preview


def _pack(name: str) -> str:
    """`groundwork` of `groundwork|local|/path/of/the/pack`: a path says more of a machine than a report should."""
    return name.split("|", 1)[0]
