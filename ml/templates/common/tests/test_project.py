"""What holds before anything is sent: a valid spec, parts that share no row, and a model that answers.

pytest
"""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ml.spec import load_spec

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set, made anew."""
    folder = tmp_path_factory.mktemp("data")
    subprocess.run([sys.executable, "prepare.py", "--output", str(folder)], cwd=PROJECT, check=True)
    return folder


def read(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_csv(file) for file in sorted(folder.glob("*.csv"))], ignore_index=True)


def test_the_spec_is_valid_and_trains_on_the_data_that_the_project_makes(data: Path) -> None:
    spec = load_spec(PROJECT / "job.yaml")
    assert {Path(channel.source).name for channel in spec.inputs.values()} <= {entry.name for entry in data.iterdir()}


def test_no_row_is_both_trained_on_and_judged_on(data: Path) -> None:
    train, test = read(data / "train"), read(data / "test")
    assert list(train.columns) == list(test.columns)
    assert train.merge(test.drop_duplicates(), how="inner").empty


def test_the_script_leaves_a_model_that_answers_every_row(data: Path, tmp_path: Path) -> None:
    # A part of the rows, at most: this asks whether the script works, and the platform how well it does.
    for channel in ("train", "test"):
        (tmp_path / channel).mkdir()
        rows = read(data / channel)
        rows.sample(min(len(rows), 5000), random_state=0).to_csv(tmp_path / channel / "rows.csv", index=False)
    variables = {
        "SM_CHANNEL_TRAIN": str(tmp_path / "train"),
        "SM_CHANNEL_TEST": str(tmp_path / "test"),
        "SM_MODEL_DIR": str(tmp_path / "model"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
    }
    subprocess.run([sys.executable, "train.py"], cwd=PROJECT, env={**os.environ, **variables}, check=True)
    import mlflow

    rows = pd.read_csv(data / "rows.csv")
    assert len(mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(rows)) == len(rows)
