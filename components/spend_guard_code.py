"""What the spend guard's Lambda function consists of: files of this project, as text."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pulumi

HANDLER = "spend_guard.handler.handler"
_ROOT = Path(__file__).parents[1]
_FOLDERS = ("spend_guard", "prices")
_DATA = ("prices/data/sagemaker.csv",)
_LEFT_OUT = ("prices/make_ec2.py", "prices/table.py")
"""For people at this project, and not for the function."""


@cache
def files() -> Mapping[str, str]:
    """Path in the archive to content: the guard, the prices, and of the price list what SageMaker costs."""
    sources = sorted(path for folder in _FOLDERS for path in (_ROOT / folder).glob("*.py"))
    names = [path.relative_to(_ROOT).as_posix() for path in sources]
    return {name: (_ROOT / name).read_text(encoding="utf-8") for name in (*names, *_DATA) if name not in _LEFT_OUT}


def code() -> pulumi.AssetArchive:
    """The archive. Its files are text, so that no path of a machine gets into the state, and unchanged code is no
    change."""
    return pulumi.AssetArchive({name: pulumi.StringAsset(text) for name, text in files().items()})
