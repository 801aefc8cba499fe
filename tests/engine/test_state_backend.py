"""The genuine engine keeps a stack's state in the bucket that bootstrap made, its secrets under bootstrap's KMS key."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from local.paths import Paths
from operations import bootstrap_command
from operations.cli import app
from operations.engine import find_engine
from operations.environments import engine_variables, environment
from tests.local.aws_server_process import AwsServerProcess
from tests.local.bootstrap_checkout import ACCOUNT, add_environment, make_checkout, write_profile

pytestmark = pytest.mark.engine
BUCKET = f"groundwork-state-dev-{ACCOUNT}"
STATE = ".pulumi/stacks/groundwork/dev.json"
PROGRAM = """\
import pulumi

pulumi.export("word", pulumi.Output.secret("nobody-reads-this"))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AwsServerProcess]:
    folder = tmp_path / "aws"
    folder.mkdir()
    process = AwsServerProcess(folder)
    process.start()
    yield process
    process.ensure_stopped()


@pytest.fixture
def checkout(server: AwsServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in [name for name in os.environ if name.startswith(("AWS_", "PULUMI_"))]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    write_profile(tmp_path / "config", server, "dev")
    checkout = make_checkout(tmp_path / "checkout")
    (checkout / "Pulumi.yaml").write_text(
        f"name: groundwork\nruntime:\n  name: python\n  options:\n    virtualenv: {sys.prefix}\n"
    )
    (checkout / "__main__.py").write_text(PROGRAM)
    add_environment(checkout, "dev")
    monkeypatch.setattr(bootstrap_command, "environment", partial(environment, checkout=checkout))
    return checkout


def pulumi(checkout: Path, *arguments: str) -> str:
    env = environment("dev", checkout)
    engine, variables = find_engine(Paths(checkout)), engine_variables(env)
    answer = subprocess.run(
        [str(engine), *arguments, "--stack", "dev", "--non-interactive", "--color=never"],
        cwd=env.folder,
        env=variables | {"PATH": f"{engine.parent}{os.pathsep}{variables['PATH']}", "PULUMI_SKIP_UPDATE_CHECK": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_state_and_secrets_lie_where_bootstrap_made_room_for_them(server: AwsServerProcess, checkout: Path):
    bootstrap = partial(CliRunner().invoke, app)
    made = bootstrap(["bootstrap", "dev", "--yes"])
    assert made.exit_code == 0, made.output
    settings = (checkout / "Pulumi.dev.yaml").read_text()
    assert "# settings of dev" in settings
    assert "# near us" in settings
    said = yaml.safe_load(settings)
    assert said["secretsprovider"] == "awskms://alias/groundwork-state-dev?region=eu-central-1"

    pulumi(checkout, "up", "--yes", "--skip-preview")
    s3: Any = server.client("s3", region_name="eu-central-1")
    state = s3.get_object(Bucket=BUCKET, Key=STATE)["Body"].read().decode()
    providers = json.loads(state)["checkpoint"]["latest"]["secrets_providers"]
    assert (providers["type"], providers["state"]["url"]) == ("cloud", said["secretsprovider"])
    assert "nobody-reads-this" not in state
    assert pulumi(checkout, "stack", "output", "word", "--show-secrets").strip() == "nobody-reads-this"
    versions = s3.list_object_versions(Bucket=BUCKET, Prefix=STATE)["Versions"]
    assert len(versions) > 1

    again = bootstrap(["bootstrap", "dev", "--yes"])
    assert "nothing was to do" in again.output

    # Somebody else's checkout, from before the lines were committed.
    add_environment(checkout, "dev")
    mended = bootstrap(["bootstrap", "dev", "--yes"])
    assert "mended  stack dev" in mended.output
    assert yaml.safe_load((checkout / "Pulumi.dev.yaml").read_text())["encryptedkey"] == said["encryptedkey"]
    assert pulumi(checkout, "stack", "output", "word", "--show-secrets").strip() == "nobody-reads-this"
