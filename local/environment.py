"""The environment variables that lead the AWS SDKs, Pulumi and MLflow to the local stack of a checkout."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from local.acquire.chosen import program
from local.errors import LocalStackError
from local.paths import PROFILE, Paths
from local.supervisor.ports import Ports, kept_ports

PASSPHRASE = "groundwork-local"  # noqa: S105
"""Encrypts the local stack's secrets. Not a secret: Pulumi.local.yaml carries the salt that belongs to it, everybody's
checkout has the same one, and what it encrypts opens nothing but this machine's own stack."""

LOOPBACK = "127.0.0.1,localhost"
POLICY_PACK = "PULUMI_OPTION_POLICY_PACK"
"""How the engine reads its flag --policy-pack from the environment: commands without that flag leave it alone."""


def local_environment(paths: Paths) -> dict[str, str]:
    """What `make -s local-env` prints: everything that a plain `pulumi`, `aws`, `ml` or `mlflow` needs.

    Raises LocalStackError when the stack has never been up.
    """
    ports = kept_ports(paths.ports_file)
    if ports is None:
        raise LocalStackError("The local stack of this checkout has never been up.", hint="Run `make local`.")
    folders = [str(program(paths, "pulumi").parent), str(Path(sys.executable).parent)]
    rest = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder not in folders]
    return {
        **aws_environment(paths, ports),
        "PULUMI_HOME": str(paths.pulumi_home),
        # Without sidecar files: the state itself is replaced whole, but a kill can leave half of a sidecar, and with it
        # a state that does not load.
        "PULUMI_BACKEND_URL": f"file://{paths.pulumi_state}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(paths.passphrase_file),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        POLICY_PACK: str(paths.policies),
        # The local plugins are the only ones; a missing one must be an error and not a download.
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PATH": os.pathsep.join([*folders, *rest]),
    }


def aws_environment(paths: Paths, ports: Ports) -> dict[str, str]:
    """The part for the AWS SDKs and MLflow. The profile carries the address, so AWS_ENDPOINT_URL is not set."""
    return {
        "AWS_CONFIG_FILE": str(paths.aws_config),
        "AWS_SHARED_CREDENTIALS_FILE": str(paths.aws_credentials),
        "AWS_PROFILE": PROFILE,
        "SAGEMAKER_MLFLOW_CUSTOM_ENDPOINT": f"http://127.0.0.1:{ports.mlflow}",
        "NO_PROXY": _with_loopback(os.environ.get("NO_PROXY", "")),
        "no_proxy": _with_loopback(os.environ.get("no_proxy", "")),
    }


UNSET = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_PROFILE")
"""Variables that would win over the profile and lead a command elsewhere."""


def process_environment(paths: Paths) -> dict[str, str]:
    """The caller's environment, led to the local stack; for child processes."""
    inherited = {name: value for name, value in os.environ.items() if name not in UNSET}
    return inherited | local_environment(paths)


def as_shell(environment: Mapping[str, str]) -> str:
    """Lines for `eval`."""
    lines = [f"unset {' '.join(UNSET)}"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    return "\n".join(lines)


def _with_loopback(hosts: str) -> str:
    return ",".join(filter(None, (hosts, LOOPBACK))) if LOOPBACK not in hosts else hosts
