"""A reference table in batches, from a file here or on S3: CSV, JSON lines or Parquet, never whole in memory."""

import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.errors import NotFoundError, SpecError

BATCH_ROWS = 65_536
ENDINGS = (".csv", ".csv.gz", ".jsonl", ".parquet")


@contextmanager
def opened(s3: Any, place: str) -> Generator[Path]:
    """A table as a file of this machine. place: a path, or s3://bucket/key. Raises NotFoundError and SpecError."""
    if not place.endswith(ENDINGS):
        raise SpecError(f"{place}: the name of a table ends with {', '.join(ENDINGS)}")
    if not place.startswith("s3://"):
        if not Path(place).is_file():
            raise NotFoundError(f"{place}: no such file")
        yield Path(place)
        return
    bucket, _, key = place.removeprefix("s3://").partition("/")
    with tempfile.TemporaryDirectory(prefix="ml-watch-") as folder:
        file = Path(folder) / Path(key).name
        try:
            body: Any = s3.get_object(Bucket=bucket, Key=key)["Body"]
        except ClientError as error:
            if error_details(error).code in {"NoSuchKey", "NoSuchBucket", "404"}:
                raise NotFoundError(f"{place}: no such object") from error
            raise
        with file.open("wb") as target:
            shutil.copyfileobj(body, target, 1 << 20)
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
