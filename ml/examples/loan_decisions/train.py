"""Will an application for a mortgage be approved? A logistic regression, without the applicant's race.

Runs as a job (`ml train job.yaml`) or by itself (`python train.py`).
"""

# Pandas and scikit-learn come without types.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportPrivateImportUsage=false
# pyright: reportCallIssue=false

import argparse
import os
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from prepare import FEATURES, SENSITIVE, TARGET
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

COLUMNS = list(FEATURES)
LIBRARIES = ("mlflow", "scikit-learn", "pandas", "numpy")
TRUSTED_TYPES = ["numpy.dtype"]


def read(channel: str) -> pd.DataFrame:
    """The rows of a channel: in a job the folder that SageMaker names, elsewhere the data of this project."""
    folder = Path(os.environ.get(f"SM_CHANNEL_{channel.upper()}", f"data/{channel}"))
    return pd.concat([pd.read_csv(file) for file in sorted(folder.glob("*.csv"))], ignore_index=True)


def classifier(regularization: float) -> Pipeline:
    """What is fitted. Its coefficients, of standardized features, are its explanation."""
    return make_pipeline(
        SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(C=1 / regularization, max_iter=1000)
    )


def write_curve(rows: pd.DataFrame) -> None:
    """TensorBoard's curve of what other regularizations would give: step n is 10 to the power of n - 2."""
    folder = os.environ.get("GROUNDWORK_TENSORBOARD_DIR")
    if folder is None or find_spec("tensorboard") is None:
        return  # not in a job, or in an image without it
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(folder)
    for step in range(6):
        scores = cross_val_score(classifier(10.0 ** (step - 2)), rows[COLUMNS], rows[TARGET], scoring="roc_auc", cv=5)
        value = Summary.Value(tag="cross_validated_roc_auc", simple_value=float(scores.mean()))
        writer.add_event(Event(step=step, wall_time=time.time(), summary=Summary(value=[value])))
    writer.close()


def judge(model: Pipeline, rows: pd.DataFrame) -> dict[str, float]:
    """Metrics on rows. Rejections are the rare outcome, one in eight: the average precision is that of finding them."""
    approved, chance = rows[TARGET], model.predict_proba(rows[COLUMNS])[:, 1]
    # Of those whom the lenders approved, how many would the model approve, by group?
    opportunity = (chance > 0.5)[approved == 1]
    by_group = pd.Series(opportunity).groupby(rows.loc[approved == 1, SENSITIVE].to_numpy()).mean()
    return {
        "test_roc_auc": float(roc_auc_score(approved, chance)),
        "test_rejection_average_precision": float(average_precision_score(1 - approved, 1 - chance)),
        "test_accuracy": float(accuracy_score(approved, chance > 0.5)),
        "test_base_rate_accuracy": float(approved.mean()),
        "test_opportunity_difference": float(by_group.max() - by_group.min()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--regularization", type=float, default=10.0)
    options = parser.parse_args()
    train, test = read("train"), read("test")
    print(f"applications: {len(train)} to train on, {len(test)} to be judged on", flush=True)
    write_curve(train)
    model = classifier(options.regularization).fit(train[COLUMNS], train[TARGET])
    metrics = judge(model, test)
    for name, value in metrics.items():
        print(f"{name}={value:.6f}", flush=True)
    save(model, test, vars(options), metrics)


def save(model: Pipeline, test: pd.DataFrame, parameters: dict[str, object], metrics: dict[str, float]) -> None:
    """The model in MLflow's format into SM_MODEL_DIR, parameters and metrics into a run."""
    example = test[COLUMNS].head(5)
    with mlflow.start_run(run_name=os.environ.get("TRAINING_JOB_NAME")):
        mlflow.log_params(parameters)
        mlflow.log_metrics(metrics)
        mlflow.sklearn.save_model(
            model,
            os.environ.get("SM_MODEL_DIR", "model"),
            signature=infer_signature(example, model.predict_proba(example)),
            input_example=example,
            # The endpoint answers with the chance of a rejection and of an approval.
            pyfunc_predict_fn="predict_proba",
            # Types that this model is made of, so that loading it trusts these and no others.
            skops_trusted_types=TRUSTED_TYPES,
            # Said here: finding them out takes MLflow another process and ten seconds.
            pip_requirements=[f"{name}=={version(name)}" for name in LIBRARIES],
        )


if __name__ == "__main__":
    main()
