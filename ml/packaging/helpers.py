"""What goes with the driver into a job: one archive that Python imports from, the same bytes for the same modules."""

import functools
import io
import zipfile
from pathlib import Path

FILE_NAME = "groundwork.zip"
ROOT = Path(__file__).parents[1]


@functools.cache
def helper_archive() -> bytes:
    """The modules beside the driver, and `ml.checkpoints` for scripts in images without `ml`."""
    modules = {path.name: path.read_bytes() for path in sorted((ROOT / "driver").glob("groundwork_*.py"))}
    modules["ml/__init__.py"] = b""
    modules["ml/checkpoints.py"] = (ROOT / "checkpoints.py").read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in modules.items():
            # The earliest date that the format has: the archive's digest names it, so it depends on contents alone.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()
