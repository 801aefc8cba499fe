"""Evidently's own HTML report of two tables, for those who want to see what they know.

Evidently is no package of the platform's environment: 700 MB, and it holds pandas and plotly back. It is imported here
when somebody asks for its page.
"""

# Evidently and pandas come without types.
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ml.drift.errors import DriftError

VERSION = "0.7.23"
INSTALL = f"uv pip install 'evidently=={VERSION}' 'pandas<3' 'plotly<6'"
"""With pandas 3 this version does not import, and beside plotly 6 a resolver takes an Evidently of another API."""


def imported() -> tuple[Any, Any]:
    """Evidently and its presets. Raises DriftError with the command to run where it is not there."""
    try:
        core, presets = import_module("evidently"), import_module("evidently.presets")
    except ImportError as error:
        raise DriftError(
            f"Evidently cannot be imported here ({error}). It is made for an environment of its own: {INSTALL}"
        ) from None
    if not hasattr(core, "Dataset"):
        found = getattr(core, "__version__", "an older one")
        raise DriftError(f"This Evidently ({found}) has another API than {VERSION}: {INSTALL}")
    return core, presets


def write_evidently_page(reference: Any, current: Any, path: Path, *, categories: Sequence[str] = ()) -> None:
    """Write Evidently's drift report.

    reference, current: pandas data frames with the same columns; all of their rows are read. categories: columns that
    are categories though they hold numbers. Raises DriftError with the command to run where Evidently is not there.
    """
    core, presets = imported()
    numbers = [name for name in reference.columns if name not in categories and reference[name].dtype.kind in "iufb"]
    texts = [name for name in reference.columns if name not in numbers and reference[name].dtype.kind != "M"]
    definition = core.DataDefinition(numerical_columns=numbers, categorical_columns=texts)
    tables = [core.Dataset.from_pandas(table, definition) for table in (current, reference)]
    core.Report([presets.DataDriftPreset()]).run(*tables).save_html(str(path))
