"""All gates of one request, one after another."""

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ml.gates import explanation, fairness, latency, measures, signature
from ml.gates.data import read_rows
from ml.gates.predictions import GatedModel
from ml.gates.report import GateError, Report, Result
from ml.gates.request import GateRequest, Subject
from ml.spec.gates import Card

CARD_NEEDS = ("purpose", "owner", "intended_use", "limitations")
"""Fields of the card without which nobody can judge the model; `ethics` too, where its fairness is asked about."""


def run(request: GateRequest, folder: Path, scratch: Path) -> Report:
    """Measure the candidate, and say of each gate whether it lets it through.

    folder: where the job's inputs lie (candidate, champion, data, validation). scratch: for unpacked models.
    Raises GateError where nothing can be judged.
    """
    import numpy as np

    gates = request.gates
    frame, digest = read_rows(folder / "data", gates.target)
    candidate = GatedModel(folder / "candidate", scratch / "candidate")
    champion = GatedModel(folder / "champion", scratch / "champion") if request.champion else None
    named = _called(request.champion)
    truth = frame[gates.target].to_numpy()
    classes = tuple(np.unique(truth).tolist()) if gates.kind == "classification" else ()
    positive = _positive(request, classes)
    given = candidate.predict(candidate.features(frame), classes)
    theirs = champion.predict(champion.features(frame), classes) if champion else None
    found = measures.intervals(gates, truth, given, theirs, positive)
    results = [measures.judge(name, gate, found[name], gates.confidence, named) for name, gate in gates.metrics.items()]
    results += [_held_out(request, digest), _validation(request, folder / "validation")]
    groups: dict[str, Any] = {}
    for bounds in gates.fairness:
        judged, groups[bounds.column] = fairness.judge(bounds, frame, truth, given, positive)
        results += judged
    explained, importances = explanation.explain(gates, candidate, frame, truth, positive)
    results += [explained, signature.judge(candidate.signature, champion.signature if champion else None, named)]
    measured: dict[str, Any] = {}
    if gates.latency:
        quick = latency.judge(gates.latency, candidate.path, candidate.features(frame))
        results.append(quick)
        measured = quick.values
    results.append(_card(gates.card, needs_ethics=bool(gates.fairness)))
    return Report(
        request=request.model_dump(mode="json"),
        request_digest=request.digest,
        model_digest=candidate.digest,
        rows=len(frame),
        data_digest=digest,
        results=tuple(results),
        metrics=found,
        groups=groups,
        importances=importances,
        latency=measured,
        versions={"python": platform.python_version(), **_versions("mlflow", "scikit-learn", "fairlearn", "pandas")},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _called(champion: Subject | None) -> str:
    return f"the champion, version {champion.version}," if champion else ""


def _positive(request: GateRequest, classes: tuple[Any, ...]) -> Any:
    """The positive class as the data writes it; None for a regression. Raises GateError."""
    gates = request.gates
    if not classes:
        return None
    if gates.positive is None:
        return classes[-1]
    for label in classes:
        if label == gates.positive or str(label) == str(gates.positive):
            return label
    raise GateError(f"gates.positive: no row has {gates.positive!r}; there is {', '.join(map(str, classes))}.")


def _held_out(request: GateRequest, version: str) -> Result:
    """Whether the rows are those that were held out when the model was trained."""
    known = request.data_version
    if known is None:
        text = f"version {version[:12]}…; which one there was when the model was trained is not known here."
        return Result(gate="held-out data", passed=True, text=text)
    same = known == version
    text = f"version {version[:12]}…, " + ("as when the model was trained." if same else f"and it was {known[:12]}….")
    return Result(gate="held-out data", passed=same, text=text, values={"version": version, "known": known})


def _validation(request: GateRequest, folder: Path) -> Result:
    """The result of the run's data validation, as its job left it."""
    if not request.gates.validation:
        return Result(gate="data validation", passed=True, text="not asked for (gates.validation: false).")
    files = sorted(folder.rglob("*.json")) if folder.is_dir() else []
    results = [path for path in files if path.name == "result.json"] or files
    if not results:
        text = "the run's data was not validated: give the spec a `validation`, or say gates.validation: false."
        return Result(gate="data validation", passed=False, text=text)
    document: Any = json.loads(results[0].read_bytes())
    passed = document.get("passed", document.get("success")) is True
    text = "the run's data passed." if passed else "the run's data did not pass."
    return Result(gate="data validation", passed=passed, text=text, values={"report": request.validation_uri})


def _card(card: Card, *, needs_ethics: bool) -> Result:
    needed = [*CARD_NEEDS, *(["ethics"] if needs_ethics else [])]
    missing = [name for name in needed if not getattr(card, name).strip()]
    if missing:
        text = (
            f"{len(missing)} of {len(needed)} parts are missing: {', '.join(f'gates.card.{name}' for name in missing)}."
        )
        return Result(gate="model card", passed=False, text=text, values={"missing": missing})
    return Result(gate="model card", passed=True, text=f"all {len(needed)} parts are there.")


def _versions(*names: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
