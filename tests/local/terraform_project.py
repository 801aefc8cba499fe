"""A Terraform project of a test's own, whose state lies in a bucket of the AWS server; run by a genuine Terraform."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.acquire.acquire import acquire
from local.acquire.tools import TERRAFORM
from tests.local.aws_server_process import AwsServerProcess

BACKEND = """
terraform {
  backend "s3" {
    bucket                      = "BUCKET"
    key                         = "KEY"
    region                      = "us-east-1"
    encrypt                     = true
    endpoint                    = "ENDPOINT"
    force_path_style            = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
  }
}
"""
"""The old spelling of the address, which Terraform 1.5 has and newer ones still take."""


@dataclass(frozen=True)
class TerraformProject:
    """A folder with a configuration that needs no provider but Terraform's own."""

    folder: Path
    terraform: Path
    server: AwsServerProcess

    def write(self, configuration: str) -> None:
        """Replaces what the project says besides its backend."""
        (self.folder / "main.tf").write_text(configuration)

    def run(self, *arguments: str) -> str:
        """Runs a command, which must succeed; returns what it printed."""
        answer = subprocess.run(
            [str(self.terraform), *arguments],
            cwd=self.folder,
            # The caller's own Terraform settings stay out; nobody is asked about newer versions.
            env={
                **{name: value for name, value in self.server.environment.items() if not name.startswith("TF_")},
                "TF_CLI_CONFIG_FILE": os.devnull,
                "TF_IN_AUTOMATION": "1",
                "CHECKPOINT_DISABLE": "1",
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer.stdout

    def apply(self) -> None:
        """Brings the state to what the configuration says."""
        self.run("apply", "-auto-approve", "-input=false", "-no-color")


def terraform_project(folder: Path, server: AwsServerProcess, bucket: str, key: str) -> TerraformProject:
    """An empty project whose state is to lie in a bucket that is there. Gets Terraform where the machine has none."""
    folder.mkdir(parents=True)
    found = acquire(TERRAFORM, folder / "acquire.log", print)
    backend = BACKEND.replace("BUCKET", bucket).replace("KEY", key).replace("ENDPOINT", server.url)
    (folder / "backend.tf").write_text(backend)
    project = TerraformProject(folder, found.program("terraform"), server)
    project.run("init", "-input=false", "-no-color")
    return project
