"""A model that answers the number of its version, and what may be wrong with one: by its variables it cannot be loaded
(CRASH), fails always or each so many requests (FAILS, FAIL_EVERY), is slow (SLOW_S) or leaks memory (LEAK_MB)."""

LOADER = """
import itertools, os, time

numbers = itertools.count(1)
leaked = []

class Model:
    def predict(self, rows, params=None):
        leaked.append(b"x" * (int(os.environ.get("LEAK_MB", 0)) << 20))
        time.sleep(float(os.environ.get("SLOW_S", 0)))
        if os.environ.get("FAILS") or next(numbers) % int(os.environ.get("FAIL_EVERY", 1 << 60)) == 0:
            raise RuntimeError("a bad model")
        return [int(os.environ["NUMBER"])] * len(rows)

def _load_pyfunc(path):
    if os.environ.get("CRASH"):
        raise RuntimeError("a model that cannot be loaded")
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
