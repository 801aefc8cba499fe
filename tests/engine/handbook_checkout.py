"""A checkout whose environment `dev` lies in an AWS account: the AWS server and the API server of this machine.

Nothing leads its commands to the local stack: they find `dev` as an operator's do, by groundwork.yaml, an AWS profile
and the settings file, and keep its state in a bucket of that account.
"""

import json
import re
import sys
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

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
OF_THE_ACCOUNT = ((r'"ACCOUNT"', f'"{ACCOUNT_ID}"'), (r"OWNER/REPOSITORY", "groundwork-local/platform"))
"""And docs/ci.md, wherever it stands."""


class Operator:
    """Somebody with a checkout, an AWS profile for `dev`, and services that answer as AWS and EKS do."""

    def __init__(self, folder: Path):
        self.checkout = fresh_checkout(folder / "groundwork")
        self._home = folder / "home"
        self._share_the_python_environment()
        self._over = threading.Event()
        self._at_the_console = threading.Thread(target=self._confirm_connections, daemon=True)
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
        self._write_profile("groundwork-dev", "groundwork-main")
        fill_in(self.checkout.folder / "Pulumi.dev.yaml", FILLED_IN, times=1)
        fill_in(self.checkout.folder / "account" / "Pulumi.main.yaml", OF_THE_ACCOUNT)
        self._at_the_console.start()
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT_ID}:root"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        self.checkout.aws("iam").create_role(RoleName=PEOPLES_ROLE, AssumeRolePolicyDocument=document)

    def end(self) -> None:
        """Stops them."""
        self._over.set()
        if self._at_the_console.is_alive():
            self._at_the_console.join()
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

    def _confirm_connections(self) -> None:
        """What a person does in the console, whenever a connection waits for it."""
        client = self.checkout.aws("codeconnections")
        while not self._over.wait(1):
            for each in client.list_connections()["Connections"]:
                if each["ConnectionStatus"] == "PENDING":
                    arn = quote(each["ConnectionArn"], safe="")
                    url = f"{client.meta.endpoint_url}/_groundwork/codeconnections/confirm?arn={arn}"
                    urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=30).close()


def fill_in(settings: Path, values: Sequence[tuple[str, str]], *, times: int = 0) -> None:
    """Puts values in the place of patterns; times: how often at the most, 0 for wherever they stand."""
    text = settings.read_text()
    for pattern, value in values:
        text, count = re.subn(pattern, value, text, count=times)
        assert count, f"{settings.name} has nothing like {pattern}"
    settings.write_text(text)
