"""The inference server with validation, capture, masking and metrics left out: what these cost is measured against it.

python -m bench.bare_server --model-dir ./model --port 8080
"""

import sys
from collections.abc import Sequence
from typing import Any

from ml.serving import app, cli, model, server


class _Nothing:
    """Every metric: takes what it is told and forgets it."""

    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *_: object, **__: object) -> Any:
        return self


class _BareModel(model.ServedModel):
    """Reads a CSV body as numbers and asks the estimator; a body that is none is an error of its own kind."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._estimator: Any = self._pyfunc.get_raw_model()

    def answer(self, body: bytes, content: object) -> model.Answer:
        """The estimator's predictions."""
        import numpy as np

        rows = [list(map(float, line.split(b","))) for line in body.splitlines()]
        return model.Answer(self._estimator.predict(np.array(rows)), len(rows), 0.0)


class _BareApp(app.App):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.metrics: Any = _Nothing()


def main(argv: Sequence[str] | None = None) -> int:
    """Run it as `python -m ml.serving` runs the whole one."""
    model.ServedModel = _BareModel  # type: ignore[misc]
    server.App = _BareApp  # type: ignore[misc]
    return cli.main(argv)


if __name__ == "__main__":
    sys.exit(main())
