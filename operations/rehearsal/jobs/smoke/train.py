"""A logistic regression of four rows, in MLflow's format."""

# Pandas and scikit-learn come without types.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportPrivateImportUsage=false

import os

import mlflow.sklearn
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

rows = pd.DataFrame({"income": [1.0, 0.4, -0.3, -1.0], "debt": [-1.0, 0.1, 0.2, 1.0]})
model = LogisticRegression().fit(rows, [1, 1, 0, 0])
mlflow.sklearn.save_model(
    model,
    os.environ["SM_MODEL_DIR"],
    signature=infer_signature(rows, model.predict_proba(rows)),
    pyfunc_predict_fn="predict_proba",
    pip_requirements=[],
)
print("trained", flush=True)
