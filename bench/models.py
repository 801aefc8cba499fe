"""The model that every server serves: logistic regression on the iris data."""

import warnings
from pathlib import Path


def save_iris(folder: Path) -> tuple[Path, Path]:
    """Save the model as an MLflow model and as the joblib file that MLServer's scikit-learn runtime loads.

    Returns (MLflow model folder, joblib file). The second is fitted without column names, which spares the peer a
    check.
    """
    import joblib
    import mlflow.sklearn
    from mlflow.models import infer_signature
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    features, target = load_iris(return_X_y=True, as_frame=True)
    estimator = LogisticRegression(max_iter=1000).fit(features, target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            estimator,
            folder / "mlflow-model",
            signature=infer_signature(features, estimator.predict(features)),
            pip_requirements=[],
        )
    plain = LogisticRegression(max_iter=1000).fit(features.to_numpy(), target)
    joblib.dump(plain, folder / "model.joblib")
    return folder / "mlflow-model", folder / "model.joblib"
