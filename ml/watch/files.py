"""A file that a spec names, here or on S3, as a file of this machine."""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.errors import NotFoundError


@contextmanager
def here(s3: Any, place: str) -> Generator[Path]:
    """place: a path, or s3://bucket/key. Raises NotFoundError where there is none."""
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
