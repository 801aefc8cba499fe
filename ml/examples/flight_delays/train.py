"""Will a flight arrive late? Trains on January to September 2013, stops by October, is judged on November and December.

Runs as a job (`ml train job.yaml`) or by itself (`python train.py`).
"""

# Pandas and scikit-learn come without types.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportPrivateImportUsage=false

import argparse
import os
import sys
from pathlib import Path

import pandas as pd
from features import CATEGORIES, FEATURES, NUMBERS, load
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import accuracy_score, average_precision_score, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

TRUSTED_TYPES = [
    "functools.partial",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
]
TRAIN_UNTIL, VALIDATE_UNTIL = pd.Timestamp("2013-10-01"), pd.Timestamp("2013-11-01")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learning_rate", type=float, default=0.1)
    parser.add_argument("--iterations", type=int, default=200, help="most trees")
    parser.add_argument("--leaves", type=int, default=31, help="most leaves of a tree")
    parser.add_argument("--patience", type=int, default=10, help="trees without a better October before it stops")
    return parser.parse_args()


def fit(options: argparse.Namespace, train: pd.DataFrame, validation: pd.DataFrame) -> Pipeline:
    """The classifier with the number of trees at which October's log loss was best."""
    encode = ColumnTransformer(
        [
            ("category", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), CATEGORIES),
            ("number", "passthrough", NUMBERS),
        ],
        verbose_feature_names_out=False,
    )
    classifier = HistGradientBoostingClassifier(
        learning_rate=options.learning_rate,
        max_iter=options.iterations,
        max_leaf_nodes=options.leaves,
        min_samples_leaf=200,
        l2_regularization=1.0,
        categorical_features=list(range(len(CATEGORIES))),
        early_stopping=True,
        n_iter_no_change=options.patience,
        scoring="loss",
        random_state=0,
    )
    encode.fit(train[FEATURES])
    # Validation is October, not a random part: days next to each other share their weather.
    classifier.fit(
        encode.transform(train[FEATURES]),
        train["late"],
        X_val=encode.transform(validation[FEATURES]),
        y_val=validation["late"],
    )
    return Pipeline([("encode", encode), ("classify", classifier)])


def judge(model: Pipeline, rows: pd.DataFrame, part: str) -> dict[str, float]:
    """Metrics on rows; the base rate is the accuracy of calling no flight late."""
    late, chance = rows["late"], model.predict_proba(rows[FEATURES])[:, 1]
    return {
        f"{part}_roc_auc": float(roc_auc_score(late, chance)),
        f"{part}_average_precision": float(average_precision_score(late, chance)),
        f"{part}_log_loss": float(log_loss(late, chance)),
        f"{part}_accuracy": float(accuracy_score(late, chance > 0.5)),
        f"{part}_base_rate_accuracy": float(1 - late.mean()),
    }


def main() -> None:
    options = arguments()
    flights = load()
    train = flights[flights["day"] < TRAIN_UNTIL]
    validation = flights[(flights["day"] >= TRAIN_UNTIL) & (flights["day"] < VALIDATE_UNTIL)]
    test = flights[flights["day"] >= VALIDATE_UNTIL]
    print(f"flights: {len(train)} to train on, {len(validation)} to stop by, {len(test)} to be judged on", flush=True)
    model = fit(options, train, validation)
    metrics = {**judge(model, validation, "validation"), **judge(model, test, "test")}
    for name, value in metrics.items():
        print(f"{name}={value:.6f}", flush=True)
    save(model, test, vars(options), metrics)


def save(model: Pipeline, test: pd.DataFrame, parameters: dict[str, object], metrics: dict[str, float]) -> None:
    """The model in MLflow's format into SM_MODEL_DIR, parameters and metrics into a run, and rows to ask about."""
    import mlflow
    from mlflow.models import infer_signature

    example = test[FEATURES].head(5)
    with mlflow.start_run(run_name=os.environ.get("TRAINING_JOB_NAME")):
        mlflow.log_params({**parameters, "trees": model["classify"].n_iter_})
        mlflow.log_metrics(metrics)
        mlflow.sklearn.save_model(
            model,
            os.environ.get("SM_MODEL_DIR", "model"),
            signature=infer_signature(example, model.predict_proba(example)),
            input_example=example,
            # The endpoint answers with the chance of being on time and of being late.
            pyfunc_predict_fn="predict_proba",
            # Types of scikit-learn's own that this model is made of, so that loading it trusts these and no others.
            skops_trusted_types=TRUSTED_TYPES,
            # Said here: finding them out takes MLflow another process and ten seconds.
            pip_requirements=_requirements(),
        )
    output = os.environ.get("SM_OUTPUT_DATA_DIR")
    if output:
        test[FEATURES].sample(100, random_state=0).to_csv(Path(output) / "rows.csv", index=False)


def _requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in ("mlflow", "scikit-learn", "pandas", "numpy")]


if __name__ == "__main__":
    sys.exit(main())
