"""An earlier program's platform becomes this one's on the local stack, and nothing in it is lost by accident."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.environment import POLICY_PACK, local_environment
from local.paths import Paths
from tests.checkout import PROFILE, SOURCE, Checkout, fresh_checkout
from tests.conftest import Said
from tests.engine.older_program import MissingCommitError, Start, extract, starts
from tests.upgrades import announcements, losses, missing, moves, unannounced

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]

SERVICES = """
import sys
from pathlib import Path
from local.paths import Paths
from local.progress import Progress
{step}
"""
START = SERVICES.format(
    step="""
from local.pulumi_stack import prepare
from local.up import up
up(Paths(Path(sys.argv[1])), Progress(sys.stderr), until="services")
prepare(Paths(Path(sys.argv[1])), print)
"""
)
STOP = SERVICES.format(step="from local.down import stop; stop(Paths(Path(sys.argv[1])), Progress(sys.stderr))")
PAYLOAD = b"what a team has put into its bucket"


def services(script: str, checkout: Checkout) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script, str(checkout.folder)],
        cwd=SOURCE,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Program:
    """The program in a folder, as the engine runs it on the local services of `checkout`."""

    folder: Path
    stack: str
    checkout: Checkout

    def settings(self) -> dict[str, Any]:
        """Its own settings of the environment, with the local account's names where a company's own are expected."""
        document = yaml.safe_load((self.folder / f"Pulumi.{self.stack}.yaml").read_text())
        config = document["config"]
        if self.stack != "local":
            config["groundwork:profile"] = PROFILE
            config["groundwork:accountId"] = "123456789012"
            config["groundwork:cluster"]["admins"] = ["user/platform-admin"]
            if "publicAccessCidrs" in config["groundwork:cluster"]:
                config["groundwork:cluster"]["publicAccessCidrs"] = ["52.95.0.0/24"]
            # The pool of policies judges a protected environment; a failing test must be able to leave it.
            config["groundwork:protection"] = {"protect": False, "clusterDeletion": False, "deleteContents": True}
            config["groundwork:policy"] = {**config.get("groundwork:policy", {}), "protectStateful": False}
            (self.folder / f"Pulumi.{self.stack}.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        return config

    def pulumi(self, *arguments: str, judged: bool = True) -> str:
        """What the engine prints. judged: by the policy pack that the program brings, where it has one."""
        variables = local_environment(Paths(self.checkout.folder))
        pack = self.folder / "policies"
        variables[POLICY_PACK] = str(pack) if judged and (pack / "PulumiPolicy.yaml").exists() else ""
        if not variables[POLICY_PACK]:
            del variables[POLICY_PACK]
        done = subprocess.run(
            ["pulumi", *arguments, "--stack", self.stack, "--non-interactive", "--color=never"],
            cwd=self.folder,
            env={**self._inherited(), **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout[-6000:] + done.stderr[-3000:]
        assert done.returncode == 0, (
            f"`pulumi {' '.join(arguments)}` in {self.folder} ended with {done.returncode}:\n{said}"
        )
        return done.stdout

    def groundwork(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of the program's own checkout."""
        return subprocess.run(
            [sys.executable, "-c", "from operations.cli import main; main()", *arguments],
            cwd=self.folder,
            env=self._inherited(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def steps(self) -> list[dict[str, Any]]:
        """What an `up` would do."""
        text = self.pulumi("preview", "--json", judged=False)
        return json.loads(text[text.index("{") :])["steps"]

    def resources(self) -> list[dict[str, Any]]:
        """What is recorded of the stack."""
        return json.loads(self.pulumi("stack", "export"))["deployment"]["resources"]

    def _inherited(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PULUMI_", "KUBE"))}


@dataclass(frozen=True)
class Upgrade:
    """An environment between two programs."""

    start: Start
    before: Program
    now: Program


CASES = [
    pytest.param(start, id=f"{start.commit[:10]}-{start.environment}", marks=() if index == 0 else pytest.mark.full)
    for index, start in enumerate(starts())
]


@pytest.fixture
def upgrade(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Upgrade]:
    """An earlier program whose platform is up, and today's, which is not run yet."""
    start: Start = request.param
    older = tmp_path / "before"
    try:
        extract(start.commit, older)
    except MissingCommitError as error:
        pytest.skip(str(error))
    checkout = fresh_checkout(tmp_path / "now")
    (checkout.folder / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    before, now = (Program(folder, start.environment, checkout) for folder in (older, checkout.folder))
    try:
        services(START, checkout)
        before.settings()
        now.settings()
        if start.environment != "local":
            before.pulumi("stack", "init", "--secrets-provider", "passphrase")
        before.pulumi("up", "--yes", "--skip-preview")
        yield Upgrade(start, before, now)
    finally:
        services(STOP, checkout)


@pytest.mark.parametrize("upgrade", CASES, indirect=True)
def test_an_upgrade_takes_nothing_away_that_the_changelog_does_not_name(upgrade: Upgrade, said: Said):
    before, now = upgrade.before, upgrade.now
    s3 = now.checkout.aws("s3")
    bucket = f"groundwork-{before.stack}-data-123456789012"
    s3.put_object(Bucket=bucket, Key="teams/research/kept.txt", Body=PAYLOAD)
    recorded = before.resources()

    announced = announcements((now.folder / "CHANGELOG.md").read_text())
    announced -= announcements((before.folder / "CHANGELOG.md").read_text())
    steps = now.steps()
    lost = losses(steps)
    hint = "Keep it, or announce it in CHANGELOG.md: - Replaces `TYPE` `NAME`: why, and what to do (or Deletes)"
    assert [str(loss) for loss in unannounced(lost, announced)] == [], hint
    told = [f"{move.before} → {move.after}" for move in moves(steps)]
    assert told == [], "An alias (pulumi.ResourceOptions.aliases) keeps a thing that has another name now."

    now.pulumi("up", "--yes", "--skip-preview")
    kept = now.resources()
    assert missing(recorded, kept, announced) == []
    if not missing(recorded, kept):
        assert s3.get_object(Bucket=bucket, Key="teams/research/kept.txt")["Body"].read() == PAYLOAD
    # What has been upgraded is what the program would make anew.
    assert [step["urn"] for step in now.steps() if step["op"] != "same"] == []
    if now.stack == "local":
        _everything_runs_what_is_wanted_and_two_versions_at_once_are_refused(now)
    said(f"upgraded {len(recorded)} resources to {len(kept)}; gone: {', '.join(map(str, lost)) or 'none'}")


def _everything_runs_what_is_wanted_and_two_versions_at_once_are_refused(now: Program) -> None:
    planned = now.groundwork("upgrade", "plan", now.stack, "-o", "json")
    assert planned.returncode == 0, planned.stderr
    document = json.loads(planned.stdout)
    assert [step["what"] for step in document["steps"] if not step["done"]] == []
    assert {"engine", "provider aws", "control plane"} <= {step["what"] for step in document["steps"]}
    file = now.folder / "Pulumi.local.yaml"
    settings = yaml.safe_load(file.read_text())
    running = settings["config"]["groundwork:cluster"]["version"]
    settings["config"]["groundwork:cluster"]["version"] = f"1.{int(running.removeprefix('1.')) + 2}"
    file.write_text(yaml.safe_dump(settings, sort_keys=False))
    refused = now.groundwork("upgrade", "plan", now.stack)
    assert refused.returncode == 1
    assert "EKS takes one minor version at a time" in refused.stdout
