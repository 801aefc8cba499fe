"""A checkout whose environment `dev` lies in an AWS account: the AWS server and the API server of this machine.

Nothing leads its commands to the local stack: they find `dev` as an operator's do, by groundwork.yaml, an AWS profile
and the settings file, and keep its state in a bucket of that account.
"""

import json
import re
import sys
from pathlib import Path

from local.paths import ACCOUNT_ID, REGION
from local.providers.install import install_plugins
from tests.checkout import fresh_checkout

ADMINISTRATOR = "user/platform-admin"
OFFICE = "52.95.0.0/24"
"""Stands for the range that a company's people come from; the settings refuse the example in the file."""
PEOPLES_ROLE = "analysts"
"""A role that a company's people have already, for which the page adds access to the cluster."""
READER = {f"GIT_{who}_{what}": "operator" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
FILLED_IN = (
    (r'# groundwork:accountId: "…".*', f'groundwork:accountId: "{ACCOUNT_ID}"'),
    (r"admins: \[.*\]", f"admins: [{ADMINISTRATOR}]"),
    (r"publicAccessCidrs: \[.*\].*", f"publicAccessCidrs: [{OFFICE}]"),
)
"""What docs/platform-engineers.md asks to be filled in before the first command."""


class Operator:
    """Somebody with a checkout, an AWS profile for `dev`, and services that answer as AWS and EKS do."""

    def __init__(self, folder: Path):
        self.checkout = fresh_checkout(folder / "groundwork")
        self._home = folder / "home"
        self._share_the_python_environment()
        self.variables = {
            **READER,
            "PYTHONPATH": str(self.checkout.folder),
            "AWS_CONFIG_FILE": str(self._home / "aws-config"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "PULUMI_HOME": str(self._home / "pulumi"),
            "PULUMI_SKIP_UPDATE_CHECK": "yes",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "yes",
        }

    def begin(self) -> None:
        """Starts the services, with nothing in them but a role of people."""
        self.groundwork("local", "up", "--until", "services")
        install_plugins(self._home / "pulumi")
        self._write_profile("groundwork-dev")
        self._fill_in(self.checkout.folder / "Pulumi.dev.yaml")
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.checkout.aws("iam").create_role(RoleName=PEOPLES_ROLE, AssumeRolePolicyDocument=document)

    def end(self) -> None:
        """Stops them."""
        self.checkout.run(".venv/bin/groundwork", "local", "stop", environment=self.variables)

    def groundwork(self, *arguments: str) -> str:
        """What a command prints."""
        return self.checkout.must(".venv/bin/groundwork", *arguments, environment=self.variables)

    def _share_the_python_environment(self) -> None:
        """The environment of this process under another path; to `make` it is newer than what it is made from."""
        own = self.checkout.folder / ".venv"
        own.mkdir()
        for entry in Path(sys.prefix).iterdir():
            if entry.name != ".installed":
                (own / entry.name).symlink_to(entry)
        (own / ".installed").touch()

    def _write_profile(self, *names: str) -> None:
        root = self.checkout.folder / ".groundwork" / "local"
        ports = json.loads((root / "ports.json").read_text())
        keys = (root / "aws" / "credentials").read_text().split("\n", 1)[1]
        settings = f"region = {REGION}\nendpoint_url = http://127.0.0.1:{ports['aws']}\n{keys}\n"
        (self._home / "aws-config").write_text("".join(f"[profile {name}]\n{settings}" for name in names))

    def _fill_in(self, settings: Path) -> None:
        text = settings.read_text()
        for pattern, value in FILLED_IN:
            text, count = re.subn(pattern, value, text, count=1)
            assert count == 1, f"{settings.name} has nothing like {pattern}"
        settings.write_text(text)
