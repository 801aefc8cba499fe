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
from operations.environments import boto_session, engine_variables, environment
from operations.state_store import bucket_of, checkpoint
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


def pulumi(checkout: Path, *arguments: str, **more: str) -> str:
    env = environment("dev", checkout)
    engine, variables = find_engine(Paths(checkout)), engine_variables(env)
    answer = subprocess.run(
        [str(engine), *arguments, "--stack", "dev", "--non-interactive", "--color=never"],
        cwd=env.folder,
        env=variables
        | more
        | {"PATH": f"{engine.parent}{os.pathsep}{variables['PATH']}", "PULUMI_SKIP_UPDATE_CHECK": "true"},
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


def states(server: AwsServerProcess) -> list[str]:
    """Names of the files in the bucket that hold a stack's state."""
    folder = STATE.rsplit("/", 1)[0]
    listed = server.client("s3", region_name="eu-central-1").list_objects_v2(Bucket=BUCKET, Prefix=f"{folder}/")
    return [each["Key"].rsplit("/", 1)[1] for each in listed["Contents"] if not each["Key"].endswith(".bak")]


def test_a_compressed_state_is_read_as_a_plain_one_is(server: AwsServerProcess, checkout: Path):
    assert CliRunner().invoke(app, ["bootstrap", "dev", "--yes"]).exit_code == 0
    env = environment("dev", checkout)
    assert env.backend
    for variable, suffix in (("ZSTD", ".zst"), ("GZIP", ".gz"), ("ZSTD", ".zst"), ("", "")):
        chosen = {f"PULUMI_DIY_BACKEND_{variable}": "true"} if variable else {}
        pulumi(checkout, "up", "--yes", "--skip-preview", **chosen)
        assert states(server) == [f"dev.json{suffix}"]
        found = checkpoint(bucket_of(env.backend, boto_session(env)), "dev")
        assert found is not None
        assert [each["type"] for each in found["resources"]] == ["pulumi:pulumi:Stack"]
        # Bootstrap finds it too, and takes what the settings file has lost out of it.
        said = yaml.safe_load((checkout / "Pulumi.dev.yaml").read_text())["encryptedkey"]
        add_environment(checkout, "dev")
        assert "mended  stack dev" in CliRunner().invoke(app, ["bootstrap", "dev", "--yes"]).output
        assert yaml.safe_load((checkout / "Pulumi.dev.yaml").read_text())["encryptedkey"] == said


def test_the_key_of_a_stacks_secrets_is_changed_and_the_old_one_is_needed_no_more(
    server: AwsServerProcess, checkout: Path
):
    assert CliRunner().invoke(app, ["bootstrap", "dev", "--yes"]).exit_code == 0
    pulumi(checkout, "up", "--yes", "--skip-preview")
    kms = server.client("kms", region_name="eu-central-1")
    old = kms.describe_key(KeyId="alias/groundwork-state-dev")["KeyMetadata"]["KeyId"]
    new = kms.create_key(Description="the next one")["KeyMetadata"]["KeyId"]
    settings = checkout / "Pulumi.dev.yaml"
    before = yaml.safe_load(settings.read_text())

    pulumi(checkout, "stack", "change-secrets-provider", f"awskms://{new}?region=eu-central-1")
    after = yaml.safe_load(settings.read_text())
    assert after["secretsprovider"] == f"awskms://{new}?region=eu-central-1"
    assert after["encryptedkey"] != before["encryptedkey"]
    assert "# settings of dev" in settings.read_text()
    kms.disable_key(KeyId=old)
    assert pulumi(checkout, "stack", "output", "word", "--show-secrets").strip() == "nobody-reads-this"
    pulumi(checkout, "up", "--yes", "--skip-preview")
    state = server.client("s3", region_name="eu-central-1").get_object(Bucket=BUCKET, Key=STATE)["Body"].read().decode()
    assert json.loads(state)["checkpoint"]["latest"]["secrets_providers"]["state"]["url"] == after["secretsprovider"]
    assert "nobody-reads-this" not in state
