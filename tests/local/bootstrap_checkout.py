"""A checkout of a test's own with one environment, and an AWS profile that leads to a test's AWS server."""

from pathlib import Path

import yaml

from tests.local.aws_server_process import AwsServerProcess

ACCOUNT = "123456789012"
PROJECT = """\
name: groundwork
runtime:
  name: python
"""


def make_checkout(folder: Path) -> Path:
    """An empty checkout: the project, and groundwork.yaml without an environment."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Pulumi.yaml").write_text(PROJECT)
    (folder / "groundwork.yaml").write_text("# ours\nenvironments: {}\n")
    return folder


def add_environment(checkout: Path, name: str, *, account_id: str = ACCOUNT, region: str = "eu-central-1") -> None:
    """Settings with a comment in them, which has to survive."""
    account = f'  groundwork:accountId: "{account_id}"\n' if account_id else ""
    (checkout / f"Pulumi.{name}.yaml").write_text(
        f"# settings of {name}\nconfig:\n  groundwork:region: {region}   # near us\n{account}"
    )


def write_profile(file: Path, server: AwsServerProcess, *names: str) -> None:
    """An AWS configuration whose profiles are the server's admin."""
    keys = (server.folder / "credentials").read_text().split("\n", 1)[1]
    settings = f"region = us-east-1\nendpoint_url = {server.url}\n{keys}\n"
    file.write_text("".join(f"[profile groundwork-{name}]\n{settings}" for name in names))


def entry(checkout: Path, name: str) -> dict[str, str]:
    """What groundwork.yaml says about an environment."""
    return yaml.safe_load((checkout / "groundwork.yaml").read_text())["environments"][name]
