"""DVC's remote in the platform's data bucket: below the team's own prefix, through the environment's AWS profile.

A remote is named as its environment is. Its address goes to `.dvc/config`, which is under version control, and the
profile to `.dvc/config.local`, which is not: it is this machine's (https://dvc.org/doc/user-guide/project-structure/configuration).
"""

import logging
import os
from pathlib import Path
from typing import Any

from ml.errors import SpecError
from platform_contract import PlatformContract, Team

FOLDER = "dvc"


def remote_url(team: Team) -> str:
    """Where a team's data sets lie: one object a content, named by its digest."""
    return f"{team.data_uri}/{FOLDER}"


def configure(folder: Path, contract: PlatformContract, team: Team, profile: str | None) -> str:
    """Make a folder a DVC project where it is none, and set the environment's remote; returns the remote's URL.

    The first remote of a project becomes its default. Raises SpecError where DVC refuses.
    """
    # Before DVC is imported: it reports its use to its makers unless told not to.
    os.environ.setdefault("DVC_NO_ANALYTICS", "true")
    from dvc.config import Config
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    name, url = contract.platform.environment, remote_url(team)
    try:
        if not (folder / ".dvc").is_dir():
            root = _git_root(folder)
            init: Any = Repo.init
            # DVC congratulates on stdout, which is for the command's result.
            logging.getLogger("dvc").setLevel(logging.WARNING)
            init(str(folder), no_scm=root is None, subdir=root is not None and root != folder.resolve()).close()
        config: Any = Config(dvc_dir=str(folder / ".dvc"), validate=False)
        with config.edit("repo") as written:
            written.setdefault("remote", {})[name] = {"url": url}
            written.setdefault("core", {})["analytics"] = False
            written["core"].setdefault("remote", name)
        if profile:
            with config.edit("local") as written:
                written.setdefault("remote", {}).setdefault(name, {})["profile"] = profile
    except DvcException as error:
        raise SpecError(f"DVC: {error}") from error
    return url


def _git_root(folder: Path) -> Path | None:
    """The folder whose repository this one is in."""
    found = folder.resolve()
    return next((one for one in (found, *found.parents) if (one / ".git").exists()), None)
