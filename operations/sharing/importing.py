"""A throw-away stack of a shared state, on which the genuine engine previews without an account.

The engine, the program and the policy pack are those of every preview. The provider plugins are the local stack's: the
genuine ones ask AWS who they are before they compare anything.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import yaml

from local.environment import POLICY_PACK
from local.errors import LocalStackError
from local.paths import Paths
from local.providers.install import install_plugins
from local.providers.recorded import RECORDED
from operations.engine import find_engine
from operations.engine_run import StackEngine
from operations.environments import OperatedEnvironment
from operations.sharing.defaults import without_defaults
from operations.sharing.model import SharedState
from operations.sharing.settings import written

CONFIG_FILE = "PULUMI_OPTION_CONFIG_FILE"
"""How the engine reads its flag --config-file from the environment."""
_LEADING = ("AWS_", "PULUMI_", "KUBE", "MLFLOW_", "SAGEMAKER_")
"""Beginnings of variables that lead to an account, a cluster or a backend."""
NOWHERE = "http://127.0.0.1:9"
"""The discard port, on which nothing listens: whatever asks AWS all the same is refused at once."""
PASSPHRASE = "throw-away"  # noqa: S105 - of a state without secrets that lives as long as one command


@contextmanager
def imported(environment: OperatedEnvironment, shared: SharedState) -> Generator[tuple[StackEngine, bool]]:
    """The engine on a stack of that state, and whether a secret setting is withheld; gone with the context.

    Raises LocalStackError: a state of another environment, or one that the engine does not take.
    """
    if shared.environment != environment.name:
        raise LocalStackError(
            f"The shared state is of {shared.environment!r}, and {environment.name!r} was to be previewed.",
            hint=f"Name that environment, or share the state: groundwork stack share {environment.name} FILE",
        )
    program = find_engine(Paths(environment.checkout))
    with tempfile.TemporaryDirectory(prefix="groundwork-shared-") as name:
        folder = Path(name)
        withheld = _project(environment, folder)
        variables = _variables(environment, shared, folder, program)
        _make(folder, environment, shared, program, variables)
        variables[CONFIG_FILE] = str(folder / environment.settings_file.name)
        yield (
            StackEngine(program=program, folder=environment.folder, stack=environment.name, variables=variables),
            withheld,
        )


def _project(environment: OperatedEnvironment, folder: Path) -> bool:
    """A project of the same name: what `stack init` writes into a settings file must not reach the checkout's."""
    document = {"name": environment.project.name, "runtime": "python"}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return written(environment, folder / environment.settings_file.name)


def _variables(environment: OperatedEnvironment, shared: SharedState, folder: Path, program: Path) -> dict[str, str]:
    home, state, config, keys = (folder / each for each in ("home", "state", "aws-config", "aws-credentials"))
    state.mkdir()
    home.mkdir()
    install_plugins(home)
    config.write_text(f"[profile {environment.profile}]\nregion = {environment.region}\n", encoding="utf-8")
    keys.touch()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEADING)}
    return {
        **kept,
        "PATH": os.pathsep.join([str(program.parent), str(Path(sys.executable).parent), kept["PATH"]]),
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(keys),
        "AWS_PROFILE": environment.profile,
        "AWS_ENDPOINT_URL": NOWHERE,
        "AWS_EC2_METADATA_DISABLED": "true",
        "KUBECONFIG": os.devnull,
        "PULUMI_HOME": str(home),
        "PULUMI_BACKEND_URL": f"file://{state}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # The genuine plugins would be of no use; a missing one must be an error and not a download.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        POLICY_PACK: str(Paths(environment.checkout).policies),
        RECORDED: shared.caller,
    }


def _make(
    folder: Path, environment: OperatedEnvironment, shared: SharedState, program: Path, variables: dict[str, str]
) -> None:
    file = folder / "deployment.json"
    file.write_text(json.dumps({"version": 3, "deployment": without_defaults(shared.deployment)}), encoding="utf-8")
    commands = (
        ("stack", "init", environment.name, "--secrets-provider", "passphrase"),
        ("stack", "import", "--stack", environment.name, "--file", str(file)),
    )
    for command in commands:
        done = subprocess.run(
            [str(program), *command, "--non-interactive"],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise LocalStackError(
                f"The engine does not take the shared state: `pulumi {' '.join(command[:2])}`: {said}"
            )
