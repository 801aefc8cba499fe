"""Where the local stack of a checkout keeps its files, and where every checkout's tools are cached."""

import os
from dataclasses import dataclass
from pathlib import Path

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
PROFILE = "groundwork-local"
"""The AWS account, region and profile that the local stack plays. The account is the one that moto answers with."""


@dataclass(frozen=True)
class Paths:
    """The local stack's files, all under one folder that git ignores.

    checkout: root of the checkout. Everything is derived from it, so a test passes a temporary folder.
    """

    checkout: Path

    @property
    def local(self) -> Path:
        """Folder of everything below."""
        return self.checkout / ".groundwork" / "local"

    @property
    def policies(self) -> Path:
        """The policy pack that every engine run of this checkout is held to."""
        return self.checkout / "policies"

    @property
    def ports_file(self) -> Path:
        """Ports chosen for this checkout (`local.supervisor.ports`)."""
        return self.local / "ports.json"

    @property
    def aws_config(self) -> Path:
        """AWS SDK configuration with the profile groundwork-local: endpoint_url and region."""
        return self.local / "aws" / "config"

    @property
    def aws_credentials(self) -> Path:
        """Credentials of that profile; the AWS server writes them at its first start."""
        return self.local / "aws" / "credentials"

    @property
    def kubernetes(self) -> Path:
        """Certificates, webhook and authorization configuration of the Kubernetes control plane."""
        return self.local / "kubernetes"

    @property
    def kubernetes_ca(self) -> Path:
        """Certificate of the authority that signed the Kubernetes API server's own certificate, PEM."""
        return self.kubernetes / "ca.crt"

    @property
    def logs(self) -> Path:
        """One `<service>.log` a service, and one a build."""
        return self.local / "logs"

    @property
    def run(self) -> Path:
        """Process ids, the supervisor's socket and status; empty of meaning once nothing runs."""
        return self.local / "run"

    @property
    def mlflow_request(self) -> Path:
        """Written by the AWS server when a tracking server was created: {"name", "artifact_store_uri"}."""
        return self.run / "mlflow.json"

    @property
    def monitoring(self) -> Path:
        """Configuration and rule files of the local Prometheus, and its ports."""
        return self.local / "monitoring"

    @property
    def monitoring_request(self) -> Path:
        """Written when somebody has asked for the local Prometheus: where its programs are."""
        return self.run / "monitoring.json"

    @property
    def prometheus_data(self) -> Path:
        """The local Prometheus' database."""
        return self.local / "data" / "prometheus"

    @property
    def aws_data(self) -> Path:
        """The AWS server's journal, snapshots and object bodies."""
        return self.local / "data" / "aws"

    @property
    def etcd_data(self) -> Path:
        """etcd's data folder."""
        return self.local / "data" / "etcd"

    @property
    def mlflow_data(self) -> Path:
        """Folder of MLflow's SQLite database."""
        return self.local / "data" / "mlflow"

    @property
    def engine(self) -> Path:
        """Folder of this checkout's engine, when it was built from source."""
        return self.local / "engine"

    @property
    def pulumi_home(self) -> Path:
        """PULUMI_HOME of the local stack alone, with our two provider plugins."""
        return self.local / "pulumi-home"

    @property
    def pulumi_state(self) -> Path:
        """Folder of the file:// backend."""
        return self.local / "pulumi-state"

    @property
    def passphrase_file(self) -> Path:
        """Passphrase of the local stack's secrets, which is no secret itself (`local.environment`)."""
        return self.local / "passphrase"

    def log(self, name: str) -> Path:
        """Log file of the service or step `name`."""
        return self.logs / f"{name}.log"


def make_private(folder: Path) -> None:
    """Make a folder that other users of this machine cannot look into, or close one that is there."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def cache_folder() -> Path:
    """Folder for tools that every checkout of this user shares; a folder a tool and version under it."""
    if chosen := os.environ.get("GROUNDWORK_CACHE"):
        return Path(chosen)
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "groundwork"
    return Path.home() / ".cache" / "groundwork"


def this_checkout() -> Paths:
    """The checkout that this module belongs to."""
    return Paths(Path(__file__).resolve().parent.parent)
