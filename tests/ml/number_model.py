"""A model that answers the number of its version, or an error, by its variables."""

LOADER = """
import os

class Model:
    def predict(self, rows, params=None):
        if os.environ.get("FAILS"):
            raise RuntimeError("a bad model")
        return [int(os.environ["NUMBER"])] * len(rows)

def _load_pyfunc(path):
    return Model()
"""
TRAIN = """
import os
import mlflow.pyfunc
import pandas as pd
from mlflow.models import infer_signature

mlflow.pyfunc.save_model(
    os.environ["SM_MODEL_DIR"], loader_module="loader", code_paths=["loader.py"], pip_requirements=[],
    signature=infer_signature(pd.DataFrame({"x": [1.0]}), pd.Series([1])),
)
"""
