"""Models and held-out rows for tests of the gates: applicants, of whom one group is judged more harshly or not."""

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml.gates.request import REQUEST_FILE, GateRequest, Subject
from ml.spec.gates import Gates

ROWS = 600
CARD = {
    "purpose": "Shows the gates at work.",
    "owner": "research@example.com",
    "intended_use": "Tests.",
    "limitations": "It knows three columns.",
    "ethics": "One group's rows are rarer.",
}


def applicants(seed: int = 1) -> Any:
    """Rows with two features, a group and the truth."""
    import numpy as np
    import pandas as pd

    chooser = np.random.default_rng(seed)
    group = chooser.choice(["a", "b"], ROWS, p=[0.7, 0.3])
    income, debt = chooser.normal(size=ROWS), chooser.normal(size=ROWS)
    truth = (income - debt + chooser.normal(scale=0.7, size=ROWS) > 0).astype("int64")
    return pd.DataFrame({"income": income, "debt": debt, "harsh": (group == "b") * 1.0, "group": group, "paid": truth})


def save_model(folder: Path, *, weights: tuple[float, float, float], columns: tuple[str, ...] | None = None) -> Path:
    """A model.tar.gz of a logistic regression with these weights on income, debt and harsh; its folder."""
    import mlflow
    import numpy as np
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    names = list(columns or ("income", "debt", "harsh"))
    rows = applicants().rename(columns=dict(zip(("income", "debt", "harsh"), names, strict=True)))
    model = LogisticRegression().fit(rows[names], rows["paid"])
    model.coef_, model.intercept_ = np.array([weights]), np.array([0.0])
    unpacked = folder / "unpacked"
    mlflow.sklearn.save_model(
        model,
        str(unpacked),
        signature=infer_signature(rows[names], model.predict_proba(rows[names])),
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[],
    )
    (folder / "packed").mkdir()
    with tarfile.open(folder / "packed" / "model.tar.gz", "w:gz") as tar:
        tar.add(unpacked, arcname=".")
    return folder / "packed"


def gates(**changes: Any) -> Gates:
    """The spec's part: a bound on one metric, and a card, unless changed."""
    return Gates.model_validate(
        {
            "data": "test",
            "target": "paid",
            "metrics": {"roc_auc": {"min": 0.7, "max_loss": 0.05}},
            "resamples": 200,
            "validation": False,
            "explanation": {"repeats": 2},
            "card": CARD,
            **changes,
        }
    )


def request(spec: Gates, *, champion: bool) -> GateRequest:
    """A request about version 2, beside the champion's version 1 or none."""
    subject = {"model": "loans", "job": "research-loans-1", "model_data": "s3://b/m.tar.gz"}
    return GateRequest(
        environment="local",
        team="research",
        candidate=Subject(version="2", **subject),
        champion=Subject(version="1", **subject) if champion else None,
        data_uri="s3://b/test/",
        gates=spec,
    )


def lay_out(folder: Path, asked: GateRequest, models: Mapping[str, Path]) -> Path:
    """The folders as the processing job finds them. models: `candidate` and `champion` to the archive's folder."""
    for name, packed in models.items():
        (folder / name).symlink_to(packed)
    for name in ("data", "request"):
        (folder / name).mkdir()
    applicants().to_csv(folder / "data" / "rows.csv", index=False)
    (folder / "request" / REQUEST_FILE).write_bytes(asked.content())
    return folder


def results(report: bytes) -> dict[str, dict[str, Any]]:
    """Gate to result, of a stored report."""
    return {result["gate"]: result for result in json.loads(report)["results"]}
