"""A model as the gates ask it: labels, and scores where it gives any."""

import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.gates.report import GateError


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What a model answers.

    values: one a row: a class, or a number. probabilities: rows × classes, None where the model tells none.
    classes: in the order of the columns of `probabilities`.
    """

    values: Any
    probabilities: Any = None
    classes: tuple[Any, ...] = ()

    def positive(self, label: Any) -> Any:
        """Probability of one class; None where the model tells none."""
        if self.probabilities is None or label not in self.classes:
            return None
        return self.probabilities[:, self.classes.index(label)]


class GatedModel:
    """An MLflow model out of a model.tar.gz."""

    def __init__(self, archive: Path, folder: Path):
        """Unpack and load.

        archive: a folder with the one model.tar.gz. folder: where it is unpacked. Raises GateError.
        """
        from ml.serving.errors import ModelLoadError
        from ml.serving.model import find_model

        found = sorted(archive.glob("*.tar.gz"))
        if len(found) != 1:
            raise GateError(f"{archive.name}: {len(found)} archives where one model.tar.gz should be.")
        self.digest = hashlib.sha256(found[0].read_bytes()).hexdigest()
        """SHA-256 of the archive."""
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(found[0]) as tar:
            tar.extractall(folder, filter="data")
        try:
            import mlflow.pyfunc

            self.path = find_model(folder)
            self._pyfunc: Any = mlflow.pyfunc.load_model(str(self.path))
        except ModelLoadError as error:
            raise GateError(str(error)) from error
        except Exception as error:  # a broken model can raise anything
            raise GateError(f"The model does not load: {type(error).__name__}: {error}") from error
        self.signature: Any = self._pyfunc.metadata.signature

    @property
    def columns(self) -> list[str]:
        """Columns that the model's signature asks for. Raises GateError where it names none."""
        inputs = self.signature.inputs if self.signature else None
        if inputs is None or inputs.is_tensor_spec() or not inputs.has_input_names():
            raise GateError("The model has no signature with named columns: save it with signature=infer_signature(…).")
        return [str(name) for name in inputs.input_names()]

    def features(self, frame: Any) -> Any:
        """The columns of the held-out data that the model takes. Raises GateError naming those that are not there."""
        missing = [name for name in self.columns if name not in frame.columns]
        if missing:
            raise GateError(f"The held-out data lacks columns of the model: {', '.join(missing)}.")
        return frame[self.columns]

    def predict(self, features: Any, classes: tuple[Any, ...]) -> Predictions:
        """What it answers to rows. classes: those of the truth, sorted; empty for a regression."""
        import numpy as np

        answer = np.asarray(self._ask(features))
        if not classes:
            return Predictions(values=answer.reshape(len(features), -1)[:, 0].astype(float))
        if answer.ndim == 2 and answer.shape[1] == len(classes) and len(classes) > 1:
            return _from_probabilities(answer.astype(float), self._classes(classes))
        labels = answer.reshape(len(features), -1)[:, 0]
        raw = self._raw()
        if hasattr(raw, "predict_proba"):
            return Predictions(
                values=labels, probabilities=np.asarray(raw.predict_proba(features)), classes=self._classes(classes)
            )
        if len(classes) == 2 and labels.dtype.kind == "f" and not set(np.unique(labels)) <= set(classes):
            return _from_probabilities(np.column_stack([1 - labels, labels]), classes)
        return Predictions(values=labels)

    def _ask(self, features: Any) -> Any:
        try:
            return self._pyfunc.predict(features)
        except Exception as error:  # whatever a model raises about rows is a finding about the model
            raise GateError(f"The model fails on the held-out data: {type(error).__name__}: {error}") from error

    def _raw(self) -> Any:
        try:
            return self._pyfunc.get_raw_model()
        except Exception:  # a flavour without one
            return None

    def _classes(self, truth: tuple[Any, ...]) -> tuple[Any, ...]:
        import numpy as np

        known = getattr(self._raw(), "classes_", None)
        return tuple(np.asarray(known).tolist()) if known is not None else truth


def _from_probabilities(probabilities: Any, classes: tuple[Any, ...]) -> Predictions:
    import numpy as np

    labels = np.asarray(classes)[probabilities.argmax(axis=1)]
    return Predictions(values=labels, probabilities=probabilities, classes=classes)
