"""The words that all forms of a report share."""

from decimal import Decimal

from operations.review.model import HEADLINES, Change, Cost, Counts, Environment, Radius, Verdict, cents

MARKS = {
    Verdict.unchanged: "✅",
    Verdict.changes: "✅",
    Verdict.destructive: "⚠️",
    Verdict.loss: "🛑",
    Verdict.refused: "⛔",
    Verdict.failed: "❌",
}
OPERATIONS = {
    "create": "make",
    "update": "change",
    "replace": "replace",
    "delete": "delete",
    "import": "adopt",
    "forget": "forget",
    "read": "read",
}
SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "import": "+", "forget": "-", "read": " "}


def headline(environment: Environment) -> str:
    """The verdict of an environment in a line."""
    verdict = environment.verdict
    first = {
        Verdict.failed: "The preview failed",
        Verdict.refused: f"Refused by policy: {many(len(environment.refusals), 'violation')}",
        Verdict.loss: f"{many(len(environment.losses), 'stateful resource')} would be lost",
    }.get(verdict, HEADLINES[verdict])
    parts = [first]
    if verdict is not Verdict.loss and environment.losses:
        parts.append(f"{many(len(environment.losses), 'stateful resource')} would be lost")
    if changes := counted(environment.counts):
        parts.append(changes)
    if environment.touched.teams:
        parts.append(f"{many(len(environment.touched.teams), 'team')} touched")
    if environment.running:
        parts.append(f"{many(len(environment.running), 'running job or endpoint', 'running jobs and endpoints')}")
    if environment.cost is not None and cents(environment.cost.difference):
        parts.append(f"{signed(environment.cost.difference)} USD a month")
    if environment.drift and environment.drift.resources:
        parts.append(f"{len(environment.drift.resources)} drifted")
    return "; ".join(parts)


def counted(counts: Counts) -> str:
    """`2 to make, 1 to delete`; empty where nothing changes."""
    words = [("make", counts.create), ("change", counts.update), ("replace", counts.replace), ("delete", counts.delete)]
    return ", ".join(f"{number} to {word}" for word, number in words if number)


def many(number: int, word: str, plural: str = "") -> str:
    """`1 resource`, `2 resources`."""
    return f"{number:,} {word if number == 1 else plural or f'{word}s'}"


def money(usd: Decimal) -> str:
    """`1,234.50`."""
    return f"{cents(usd):,}"


def signed(usd: Decimal) -> str:
    """`+1,234.50`; zero has no sign."""
    rounded = cents(usd)
    return f"{rounded:+,}" if rounded else "0.00"


def radius_line(radius: Radius) -> str:
    """What depends on it, in a line; empty where nothing does."""
    if not radius.resources and not radius.teams:
        return ""
    depend = "depends" if radius.resources == 1 else "depend"
    parts = [f"{many(radius.resources, 'resource')} {depend} on it"]
    if radius.teams:
        shown = ", ".join(radius.teams[:10]) + (f" and {len(radius.teams) - 10} more" if len(radius.teams) > 10 else "")
        parts.append(f"teams: {shown}")
    if radius.components:
        parts.append(f"in {', '.join(radius.components)}")
    return "; ".join(parts)


def fate(change: Change) -> str:
    """What becomes of something that ends: `deleted`, `replaced`, and whether the engine lets it."""
    word = {"delete": "deleted", "replace": "replaced"}.get(change.operation, change.operation)
    if change.retained:
        return f"{word} in the state alone: what is there stays"
    return f"{word} – it is protected, so the engine refuses" if change.protected else word


def cost_lines(cost: Cost) -> list[tuple[str, str, str, str]]:
    """Rows of the cost: what, before, after, difference."""
    before, after = cost.before, cost.after
    rows = [
        ("idle month", before and before.idle, after.idle),
        ("… without accelerators", before and before.platform, after.platform),
        ("… GPU and Neuron nodes that always run", before and before.accelerators_idle, after.accelerators_idle),
        (
            "GPU and Neuron nodes with every pool at its limit",
            before and before.accelerators_limit,
            after.accelerators_limit,
        ),
    ]
    return [
        (what, "–" if old is None else money(old), money(new), signed(new - (old or Decimal(0))))
        for what, old, new in rows
    ]
