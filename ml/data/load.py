"""Reading and writing `expectations.yaml`: every error at once, each with file, line and column."""

from pathlib import Path
from typing import TYPE_CHECKING

from ml.data.expectations import Expectations
from ml.errors import SpecError
from ml.spec.reading import found_right, read_model, read_text

if TYPE_CHECKING:
    from ml.spec import JobSpec

FILE_NAME = "expectations.yaml"


def load_expectations(path: Path) -> Expectations:
    """The expectations in a YAML file. Raises SpecError with one line an error."""
    text = read_text(path, f"`ml data infer REFERENCE.csv > {path.name}` writes one to review.")
    return parse_expectations(text, str(path))


def checked_channels(spec: "JobSpec") -> tuple[str, ...]:
    """The inputs that a spec wants checked; none where it has no validation."""
    if spec.validation is None:
        return ()
    return spec.validation.channels or tuple(spec.inputs)


def expectations_of(spec: "JobSpec", folder: Path) -> Expectations:
    """The expectations that a spec's validation names, found to fit its inputs. Raises SpecError."""
    assert spec.validation is not None
    file = folder / spec.validation.expectations
    expectations = load_expectations(file)
    channels = checked_channels(spec)
    for name in expectations.leakage.between if expectations.leakage else ():
        if name not in channels:
            raise SpecError(
                f"{file}: leakage.between: {name!r} is none of the inputs that are checked ({', '.join(channels)})"
            )
    return expectations


def parse_expectations(text: str, name: str) -> Expectations:
    """The expectations in a text. name: what errors call it."""
    otherwise = "expectations are a mapping of fields; `ml data infer` writes one"
    return found_right(name, read_model(text, name, Expectations, otherwise))
