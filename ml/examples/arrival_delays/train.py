"""How many minutes late will a flight arrive, once it has left the gate? A ridge regression, judged on later months.

Runs as a job (`ml train job.yaml`) or by itself (`python train.py`).
"""

# Pandas and scikit-learn come without types.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportPrivateImportUsage=false

import argparse
import os
from importlib.metadata import version
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from prepare import CATEGORIES, FEATURES, TARGET, WEATHER
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, SplineTransformer, StandardScaler

TRUSTED_TYPES = [
    "numpy.dtype",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",
    "scipy.interpolate._bsplines.BSpline",
]
LIBRARIES = ("mlflow", "scikit-learn", "pandas", "numpy")


def read(channel: str) -> pd.DataFrame:
    """The rows of a channel: in a job the folder that SageMaker names, elsewhere the data of this project."""
    folder = Path(os.environ.get(f"SM_CHANNEL_{channel.upper()}", f"data/{channel}"))
    return pd.concat([pd.read_csv(file) for file in sorted(folder.glob("*.csv"))], ignore_index=True)


def fit(rows: pd.DataFrame, options: argparse.Namespace) -> Pipeline:
    """The regression: an offset for each carrier, destination and weekday, and a smooth curve over the day."""
    encode = ColumnTransformer(
        [
            ("category", OneHotEncoder(handle_unknown="ignore"), [*CATEGORIES, "weekday"]),
            ("number", make_pipeline(SimpleImputer(), StandardScaler()), ["departure_delay", "distance", *WEATHER]),
            ("time", SplineTransformer(n_knots=options.knots), ["departure_minute", "arrival_minute"]),
        ]
    )
    return make_pipeline(encode, Ridge(alpha=options.regularization)).fit(rows[FEATURES], rows[TARGET])


def judge(model: Pipeline, rows: pd.DataFrame) -> dict[str, float]:
    """Metrics on rows; the naive guess is that a flight arrives as late as it left."""
    delay, said = rows[TARGET], model.predict(rows[FEATURES])
    return {
        "test_mean_absolute_error": float(mean_absolute_error(delay, said)),
        "test_root_mean_squared_error": float(root_mean_squared_error(delay, said)),
        "test_r2": float(r2_score(delay, said)),
        "test_naive_absolute_error": float(mean_absolute_error(delay, rows["departure_delay"])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--regularization", type=float, default=1.0)
    parser.add_argument("--knots", type=int, default=8, help="of each curve over the day")
    options = parser.parse_args()
    train, test = read("train"), read("test")
    print(f"flights: {len(train)} to train on, {len(test)} to be judged on", flush=True)
    model = fit(train, options)
    metrics = judge(model, test)
    for name, value in metrics.items():
        print(f"{name}={value:.6f}", flush=True)
    save(model, test, vars(options), metrics)


def save(model: Pipeline, test: pd.DataFrame, parameters: dict[str, object], metrics: dict[str, float]) -> None:
    """The model in MLflow's format into SM_MODEL_DIR, parameters and metrics into a run."""
    example = test[FEATURES].head(5)
    with mlflow.start_run(run_name=os.environ.get("TRAINING_JOB_NAME")):
        mlflow.log_params(parameters)
        mlflow.log_metrics(metrics)
        mlflow.sklearn.save_model(
            model,
            os.environ.get("SM_MODEL_DIR", "model"),
            signature=infer_signature(example, model.predict(example)),
            input_example=example,
            # Types that this model is made of, so that loading it trusts these and no others.
            skops_trusted_types=TRUSTED_TYPES,
            # Said here: finding them out takes MLflow another process and ten seconds.
            pip_requirements=[f"{name}=={version(name)}" for name in LIBRARIES],
        )


if __name__ == "__main__":
    main()
