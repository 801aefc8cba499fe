"""The folder that everything of the local stack lies in."""

from pathlib import Path

import pytest

from local.paths import Paths, make_private

pytestmark = pytest.mark.unit


def test_other_users_cannot_look_into_the_local_stacks_folder(tmp_path: Path):
    paths = Paths(tmp_path)
    paths.run.mkdir(parents=True)
    make_private(paths.local)
    assert paths.local.stat().st_mode & 0o777 == 0o700
