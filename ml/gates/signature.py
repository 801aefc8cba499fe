"""Whether a version answers the requests that the champion's clients send."""

from typing import Any

from ml.gates.report import Result


def judge(candidate: Any, champion: Any, champion_name: str) -> Result:
    """Compare two MLflow signatures; without a champion there must be one that names its columns."""
    if candidate is None or candidate.inputs is None:
        return _result("the model has no signature: save it with signature=infer_signature(…)")
    mine = _columns(candidate.inputs)
    if champion is None or champion.inputs is None:
        return Result(gate="signature", passed=True, text=f"{len(mine)} input columns, and none before to fit.")
    theirs = _columns(champion.inputs)
    problems = [
        f"asks for {name!r}, which {champion_name} does not have"
        for name, (_, required) in mine.items()
        if required and name not in theirs
    ]
    for name, (kind, required) in mine.items():
        if name in theirs and theirs[name][0] != kind:
            problems.append(f"takes {name!r} as {kind}, {champion_name} as {theirs[name][0]}")
        elif name in theirs and required and not theirs[name][1]:
            problems.append(f"requires {name!r}, which {champion_name} lets its clients leave out")
    before, now = _outputs(champion), _outputs(candidate)
    if before is not None and now != before:
        problems.append(f"answers {now}, {champion_name} {before}")
    return (
        _result("; ".join(problems))
        if problems
        else Result(
            gate="signature",
            passed=True,
            text=f"takes what {champion_name} takes ({len(theirs)} columns), answers alike.",
        )
    )


def _result(problem: str) -> Result:
    return Result(gate="signature", passed=False, text=f"{problem}.")


def _columns(inputs: Any) -> dict[str, tuple[str, bool]]:
    """Name to type and whether it is required. A tensor is known by its name and its type."""
    found: dict[str, tuple[str, bool]] = {}
    for at, column in enumerate(inputs.inputs):
        found[str(column.name if column.name is not None else at)] = (
            _type(column),
            bool(getattr(column, "required", True)),
        )
    return found


def _outputs(signature: Any) -> list[str] | None:
    return [_type(column) for column in signature.outputs.inputs] if signature.outputs is not None else None


def _type(column: Any) -> str:
    shape = f" {tuple(column.shape)}" if hasattr(column, "shape") else ""
    return f"{getattr(column.type, 'name', column.type)}{shape}"
