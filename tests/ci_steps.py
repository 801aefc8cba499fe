"""The shell steps of the pipelines that ship, as a forge runs them: the same text, shell and variables."""

import os
import re
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.checkout import SOURCE, Checkout, newcomers_environment

_JENKINS = re.compile(r"""stage\('([^']+)'\)|\bsh (?:'''(.*?)'''|'([^']*)')""", re.DOTALL)
_EXPRESSION = re.compile(r"\$\{\{ *(.+?) *\}\}")


@dataclass(frozen=True)
class Script:
    """A step with a shell script. name: file, job and number. variables: as the file sets them."""

    name: str
    text: str
    shell: tuple[str, ...]
    variables: Mapping[str, str]

    def run(
        self, checkout: Checkout, forge: Mapping[str, str], expressions: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Runs it in a checkout, with stdout and stderr together.

        forge: variables that the forge's runner sets, and the machine's. expressions: value of each `${{ … }}` that the
        step's variables have; one that is not there is an error, so that nobody forgets what a new one means.
        """
        own = {name: _filled(value, expressions or {}) for name, value in self.variables.items()}
        return subprocess.run(
            [*self.shell, self.text],
            cwd=checkout.folder,
            env={**newcomers_environment(), **forge, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2400,
            check=False,
        )

    def must(self, checkout: Checkout, forge: Mapping[str, str], expressions: Mapping[str, str] | None = None) -> str:
        """What it printed; a failure shows all of it."""
        done = self.run(checkout, forge, expressions)
        assert done.returncode == 0, f"{self.name} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout


def scripts() -> dict[str, Script]:
    """All of them, by name: `preview.yml/fork/1` is the second script of that job."""
    found = [*_github(), *_gitlab(), *_jenkins()]
    return {each.name: each for each in found}


def _github() -> list[Script]:
    """https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell: without
    `shell` a step is run by `bash -e`."""
    found: list[Script] = []
    for file in sorted((SOURCE / ".github" / "workflows").glob("*.yml")):
        for job, document in _loaded(file)["jobs"].items():
            steps = [step for step in document["steps"] if "run" in step]
            for number, step in enumerate(steps):
                assert "${{" not in step["run"], f"{file.name}: what others have written gets into a script"
                variables = {**document.get("env", {}), **step.get("env", {})}
                found.append(Script(f"{file.name}/{job}/{number}", step["run"], ("bash", "-e", "-c"), variables))
    return found


def _gitlab() -> list[Script]:
    """A job's lines are one script, with pipefail: `shells/bash.go` of https://gitlab.com/gitlab-org/gitlab-runner."""
    found: list[Script] = []
    for job, document in _loaded(SOURCE / ".gitlab-ci.yml").items():
        if isinstance(document, dict) and "script" in document:
            text = "\n".join(document["script"])
            variables = {name: str(value) for name, value in document.get("variables", {}).items()}
            found.append(Script(f".gitlab-ci.yml/{job}", text, ("bash", "-eo", "pipefail", "-c"), variables))
    return found


def _jenkins() -> list[Script]:
    """Each `sh` is a script of its own, by the machine's sh with -xe:
    https://www.jenkins.io/doc/pipeline/steps/workflow-durable-task-step/."""
    found: list[Script] = []
    for file in (SOURCE / "Jenkinsfile", SOURCE / ".ci" / "deploy.Jenkinsfile", SOURCE / ".ci" / "drift.Jenkinsfile"):
        stage, number = "", 0
        for match in _JENKINS.finditer(file.read_text()):
            named, block, line = match.groups()
            if named:
                stage, number = named, 0
                continue
            text = textwrap.dedent(block) if block is not None else line
            assert "\\" not in text, f"{file.name}: Groovy reads a backslash in a string"
            found.append(Script(f"{file.name}/{stage}/{number}", text, ("sh", "-xe", "-c"), {}))
            number += 1
    return found


def _loaded(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())


def _filled(value: str, expressions: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda found: expressions[found[1]], value)


def program(folder: Path, name: str, script: str) -> dict[str, str]:
    """A stand-in for a program of the runner's machine; the PATH that has it first."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/usr/bin/env bash\nset -eu\n{script}\n")
    file.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
