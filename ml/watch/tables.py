"""A reference table in batches, from a file here or on S3: CSV, JSON lines or Parquet, never whole in memory."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from ml.errors import SpecError
from ml.watch.files import here

BATCH_ROWS = 65_536
ENDINGS = (".csv", ".csv.gz", ".jsonl", ".parquet")


@contextmanager
def opened(s3: Any, place: str) -> Generator[Path]:
    """A table as a file of this machine. place: a path, or s3://bucket/key. Raises NotFoundError and SpecError."""
    if not place.endswith(ENDINGS):
        raise SpecError(f"{place}: the name of a table ends with {', '.join(ENDINGS)}")
    with here(s3, place) as file:
        yield file


def batches(file: Path) -> Iterator[Any]:
    """A table's rows as pandas data frames, in their order. Raises SpecError for what is no table."""
    pandas: Any = import_module("pandas")
    try:
        if file.name.endswith(".parquet"):
            parquet: Any = import_module("pyarrow.parquet")
            with parquet.ParquetFile(file) as table:
                for batch in table.iter_batches(BATCH_ROWS):
                    yield batch.to_pandas()
        elif file.name.endswith(".jsonl"):
            yield from pandas.read_json(file, lines=True, chunksize=BATCH_ROWS)
        else:
            yield from pandas.read_csv(file, chunksize=BATCH_ROWS)
    except (ValueError, OSError) as error:
        raise SpecError(f"{file.name}: is no table: {error}") from error
