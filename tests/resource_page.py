"""Writes docs/resources.md: every resource of each environment that ships, by component, and why it is there.

`python -m tests.resource_page` prints the page. The reasons are the components' own first sentences, so the page cannot
say something else than the code; a test compares it with the file.
"""

import ast
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from infra.stack import deploy
from tests.unit.recording import Recording, Registration, record
from tests.unit.shipped import settings_of

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = ("local", "dev", "prod")
HEAD = """# Every resource, and why it is there

What `pulumi up` makes with the settings files that ship, by component. The numbers are of resources in `local`, `dev`
and `prod`; more teams and pools in the settings make more of theirs. Written by `python -m tests.resource_page`.
"""


def page() -> str:
    """The whole page as Markdown."""
    recordings = {name: record(deploy, stack=name, config=settings_of(name)) for name in ENVIRONMENTS}
    reasons = component_reasons()
    counted = {name: _by_component(recording) for name, recording in recordings.items()}
    # By name: the order of registration differs from run to run.
    components = sorted({component for table in counted.values() for component in table}, key=_short)
    lines = [HEAD]
    for component in components:
        reason = reasons.get(component, "The provider of each cloud, explicit: the default ones are switched off.")
        lines += [
            f"## {_short(component) or 'The stack itself'}",
            "",
            reason,
            "",
            "| resource | local | dev | prod |",
            "|---|---|---|---|",
        ]
        kinds = sorted({kind for table in counted.values() for kind in table.get(component, {})})
        for kind in kinds:
            numbers = " | ".join(str(counted[name].get(component, Counter())[kind]) for name in ENVIRONMENTS)
            lines.append(f"| {_readable(kind)} | {numbers} |")
        lines.append("")
    totals = ", ".join(f"{sum(map(Counter.total, counted[name].values()))} in {name}" for name in ENVIRONMENTS)
    lines.append(f"Together: {totals}.\n")
    return "\n".join(lines)


def _short(component: str) -> str:
    return component.rpartition(":")[2]


def component_reasons() -> dict[str, str]:
    """Component type to the first paragraph of its class's docstring, read from the syntax trees."""
    found: dict[str, str] = {}
    for package in ("components", "infra"):
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef) and (type_ := _component_type(node)):
                    text = ast.get_docstring(node) or ""
                    found[type_] = re.sub(r"\s+", " ", text.split("\n\n")[0])
    return found


def _component_type(node: ast.ClassDef) -> str:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant):
            value = call.args[0].value
            if isinstance(value, str) and re.fullmatch(r"groundwork:[\w-]+:\w+", value):
                return value
    return ""


def _by_component(recording: Recording) -> dict[str, Counter[str]]:
    """Component type to the number of its resources, by type, in the order of their registration."""
    by_name = {item.name: item for item in recording.registrations if not item.custom}
    table: dict[str, Counter[str]] = {}
    for item in recording.registrations:
        if item.custom:
            table.setdefault(_owner(item, by_name), Counter())[_kind(item)] += 1
    return table


def _owner(item: Registration, components: Mapping[str, Registration]) -> str:
    parent = components.get(item.parent)
    return parent.type if parent else ""


def _kind(item: Registration) -> str:
    if item.type.startswith("kubernetes:") and "kind" in item.inputs:
        return f"kubernetes:{item.inputs['apiVersion']}:{item.inputs['kind']}"
    return item.type


def _readable(kind: str) -> str:
    package, module, name = kind.split(":")
    return f"{name} ({package} {module.split('/')[0] if package == 'aws' else module})"


if __name__ == "__main__":
    print(page(), end="")
