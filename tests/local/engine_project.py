"""A Pulumi project of a test's own, run by the genuine engine with our language host beside it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.acquire.acquire import find
from local.acquire.tools import PULUMI
from local.language_host.install import ensure
from local.providers.install import install_plugins


@dataclass
class Project:
    """A Pulumi project in a folder of its own, with an engine that has our language host beside it."""

    folder: Path
    engine: Path

    def write(self, program: str, **files: str) -> None:
        (self.folder / "__main__.py").write_text(program)
        for name, content in files.items():
            (self.folder / f"{name}.py").write_text(content)

    def environment(self) -> dict[str, str]:
        root = self.folder.parent
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        return {
            **kept,
            "PATH": f"{self.engine.parent}{os.pathsep}{kept['PATH']}",
            "PULUMI_HOME": str(root / "home"),
            "PULUMI_BACKEND_URL": f"file://{root / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def command(self, *arguments: str) -> list[str]:
        return [str(self.engine), *arguments, "--non-interactive", "--color=never"]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def config(self, settings: Mapping[str, str]) -> None:
        for name, value in settings.items():
            assert self.run("config", "set", name, value).returncode == 0


def new_project(folder: Path) -> Project:
    """A project with an empty stack `test`, its own state and our provider plugins; all under `folder`."""
    found = find(PULUMI, ("path",))
    assert found is not None, "the Pulumi engine is not there yet: `make local` brings it"
    engines, project = folder / "engine", folder / "project"
    for each in (engines, project, folder / "state"):
        each.mkdir()
    engine = engines / "pulumi"
    try:
        os.link(found.program("pulumi"), engine)
    except OSError:
        shutil.copy2(found.program("pulumi"), engine)
    ensure(engines)
    install_plugins(folder / "home")
    (project / "Pulumi.yaml").write_text(
        f"name: probe\nruntime:\n  name: python\n  options:\n    virtualenv: {sys.prefix}\n"
    )
    made = Project(project, engine)
    assert made.run("stack", "init", "test").returncode == 0
    return made


def must(project: Project, *arguments: str) -> str:
    """What a command printed; a failure shows all of it."""
    result = project.run(*arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout
