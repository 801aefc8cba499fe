"""A Pulumi project of a test's own, run by the genuine engine with our language host beside it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from local.acquire.acquire import find
from local.acquire.tools import PULUMI
from local.language_host.install import ensure
from local.providers.install import install_plugins
from operations import engine_run, environments
from operations.engine_run import StackEngine
from operations.environments import OperatedEnvironment


@dataclass
class Project:
    """A Pulumi project in a folder of its own, with an engine that has our language host beside it."""

    folder: Path
    engine: Path
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """Beside those of this process, such as where an AWS server of the test's own is."""

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
            **self.variables,
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


def new_project(folder: Path, variables: Mapping[str, str] | None = None) -> Project:
    """A project with an empty stack `test`, its own state and our provider plugins; all under `folder`."""
    found = find(PULUMI, ("path",))
    assert found is not None, "the Pulumi engine is not there yet: `make local` brings it"
    engines, project = folder / "engine", folder / "project"
    for each in (engines, project, folder / "state"):
        each.mkdir(parents=True)
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
    made = Project(project, engine, variables or {})
    assert made.run("stack", "init", "test").returncode == 0
    return made


def must(project: Project, *arguments: str) -> str:
    """What a command printed; a failure shows all of it."""
    result = project.run(*arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def environment_of(project: Project, checkout: Path) -> OperatedEnvironment:
    """The project's stack as groundwork.yaml would have it. checkout: where its settings file is."""
    return OperatedEnvironment(
        name="test",
        profile="groundwork-local",
        account_id="123456789012",
        region="us-east-1",
        backend=project.environment()["PULUMI_BACKEND_URL"],
        secrets_provider=None,
        checkout=checkout,
        project=environments.Project("probe", "environments"),
    )


def lead(project: Project, environment: Any, patch: pytest.MonkeyPatch, *users: ModuleType) -> None:
    """Leads every `groundwork` command about `test` to the project's stack, with the local AWS profile.

    environment: what a command is to read of groundwork.yaml. users: modules that hold the functions which find these
    by names of their own.
    """
    engine = StackEngine(program=project.engine, folder=project.folder, stack="test", variables=project.environment())
    found = {
        "stack_engine": lambda _: engine,
        "environment": lambda _: environment,
        "boto_session": lambda _: boto3.Session(profile_name="groundwork-local"),
    }
    for module in (engine_run, environments, *users):
        for name in found.keys() & vars(module).keys():
            patch.setattr(module, name, found[name])
