"""A fresh checkout, as a newcomer has it, and the platform that `make local` brings up in it."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from operations.rehearsal.sources import Source, write

SOURCE = Path(__file__).parents[1]
MINUTES = 60
PROFILE = "groundwork-local"


@dataclass(frozen=True)
class Checkout:
    """A clone with nothing but what git holds; commands run in it see none of this process's AWS or Pulumi settings."""

    folder: Path

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the checkout's folder with stdout and stderr together; whatever it answers."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env={**newcomers_environment(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=40 * MINUTES,
            check=False,
        )

    def must(self, *command: str, environment: Mapping[str, str] | None = None) -> str:
        """What a command printed; a failure shows all of it."""
        done = self.run(*command, environment=environment)
        assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout

    def local_environment(self) -> dict[str, str]:
        """The variables of the documented line `eval "$(make -s local-env)"`."""
        script = 'eval "$(make -s local-env)"; env -0'
        text = self.must("bash", "-c", script)
        return dict(entry.split("=", 1) for entry in text.split("\0") if "=" in entry)

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A plain `pulumi` command of somebody who ran the documented line."""
        return self.run("pulumi", *arguments, "--stack", "local", environment=self.local_environment())

    def must_pulumi(self, *arguments: str) -> str:
        return self.must("pulumi", *arguments, "--stack", "local", environment=self.local_environment())

    def aws(self, service: str) -> Any:
        """A boto3 client of the checkout's AWS server."""
        root = self.folder / ".groundwork" / "local" / "aws"
        variables = {"AWS_CONFIG_FILE": str(root / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(root / "credentials")}
        before = {name: os.environ.get(name) for name in variables}
        os.environ.update(variables)
        try:
            client = boto3.Session(profile_name=PROFILE).client(service)
            client._request_signer._credentials.get_frozen_credentials()
            return client
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def status(self) -> dict[str, Any]:
        """What `groundwork local status -o json` says; its exit status tells the same and is not looked at here."""
        return json.loads(self.run(".venv/bin/groundwork", "local", "status", "-o", "json").stdout)


def newcomers_environment() -> dict[str, str]:
    """This process's variables without those that would lead a command somewhere."""
    unwanted = ("AWS_", "PULUMI_", "KUBE", "MLFLOW_", "SAGEMAKER_", "VIRTUAL_ENV", "MAKE", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def fresh_checkout(folder: Path) -> Checkout:
    """A new repository in `folder` with one commit: the files that git holds or would take up here."""
    write(SOURCE, Source(None, "this checkout"), folder)
    checkout = Checkout(folder)
    checkout.must("git", "init", "--quiet")
    checkout.must("git", "add", "--all")
    author = ("-c", "user.name=newcomer", "-c", "user.email=newcomer@example.com")
    checkout.must("git", *author, "commit", "--quiet", "--message", "as cloned")
    return checkout
