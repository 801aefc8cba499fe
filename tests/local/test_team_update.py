"""`groundwork team` under the genuine engine: one team's resources come, change and go, and no other is touched."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from operations.leftovers import subject
from operations.leftovers.finding import Fate, Finding
from operations.team_commands import app
from operations.teams import run
from operations.teams.work import TeamWork
from tests.local.aws_server_process import AwsServerProcess
from tests.local.engine_project import Project, environment_of, lead, must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(900)]
PROGRAM = """
import json
import pulumi
import pulumi_aws as aws

provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local")
config = pulumi.Config("groundwork")
teams = {team["name"]: team for team in config.require_object("teams")}
statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Group(pulumi.ComponentResource):
    def __init__(self, kind, name, opts=None):
        super().__init__(kind, name, None, opts)
        self.opts = pulumi.ResourceOptions(parent=self, provider=provider)

    def role(self, name, **more):
        return aws.iam.Role(name, name=f"test-{name}", assume_role_policy=trust, opts=self.opts, **more)

    def parameter(self, name, path, text):
        path = f"/groundwork/test{path}"
        return aws.ssm.Parameter(name, name=path, type="String", insecure_value=text, opts=self.opts)


training = Group("groundwork:ml:Training", "training")
contract = Group("groundwork:platform:Contract", "contract")
for name, team in teams.items():
    role = training.role(f"training-{name}")
    own = Group("groundwork:ml:Team", f"team-{name}")
    own.role(f"team-{name}-submit", description=json.dumps(team.get("members", [])))
    document = {**team, "data_uri": "s3://d/t", "artifact_uri": "s3://a/t"}
    text = role.arn.apply(lambda arn, document=document: json.dumps({**document, "role": arn}))
    contract.parameter(f"contract-team-{name}", f"/contract/teams/{name}", text)
contract.parameter("contract-team-index-0", "/contract/team-index/0", json.dumps(sorted(teams)))
contract.parameter("contract-platform", "/contract/platform", config.get("release") or "1")
guard = Group("groundwork:guardrails:SpendGuard", "guard", pulumi.ResourceOptions(depends_on=[contract]))
guard.parameter("guard-every", "/guard", "5")
"""
SETTINGS = """
config:
  groundwork:region: us-east-1
  groundwork:teams:   # who is here
    - name: a
      members: [role/a]   # the first
    - name: a-b
"""


@pytest.fixture
def project(server: AwsServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A stack with two teams that is up, and that `groundwork team … test` is led to."""
    made = new_project(tmp_path / "engine-home")
    made.write(PROGRAM)
    file = settings(made)
    file.write_text(f"{file.read_text().rstrip()}{SETTINGS}")
    must(made, "up", "--yes", "--skip-preview")
    lead(made, environment_of(made, made.folder), monkeypatch, run, subject)
    return made


def settings(project: Project) -> Path:
    return project.folder / "Pulumi.test.yaml"


@dataclass(frozen=True)
class Told:
    """How a command ended, and what it printed: the result, and with what went before it."""

    status: int
    out: str
    all: str


class Command:
    """`groundwork team …` of this process, with what the engine that it starts prints."""

    def __init__(self, capfd: pytest.CaptureFixture[str]):
        self._capfd = capfd

    def __call__(self, *arguments: str) -> Told:
        self._capfd.readouterr()
        status = app(list(arguments), standalone_mode=False) or 0
        told = self._capfd.readouterr()
        return Told(status, told.out, told.out + told.err)

    def done(self, *arguments: str) -> dict[str, Any]:
        """What a command that did something says of it."""
        told = self(*arguments, "-y", "-o", "json")
        assert told.status == 0, told.all
        return json.loads(told.out)


@pytest.fixture
def team(project: Project, capfd: pytest.CaptureFixture[str]) -> Command:
    return Command(capfd)


def state(project: Project) -> dict[str, dict[str, Any]]:
    """Every resource of the stack by its name and type, as recorded, without the stack's own outputs."""
    resources = json.loads(must(project, "stack", "export"))["deployment"]["resources"]
    kept = [each for each in resources if each["type"] != "pulumi:pulumi:Stack"]
    return {each["urn"].split("::", 2)[-1]: each for each in kept}


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Names of the resources that came, went or are not as they were, their times included."""
    return {key.split("::")[-1] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def test_a_team_comes_changes_and_goes_and_nothing_but_its_own_is_touched(
    project: Project, team: Command, server: AwsServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_text, first = settings(project).read_text(), state(project)

    added = team.done("add", "test", "vision", "--member", "role/v", "--gpus", "2")
    own = {"training-vision", "team-vision", "team-vision-submit", "contract-team-vision"}
    assert {each["name"]: each["whose"] for each in added["steps"]} == {
        **dict.fromkeys(own - {"team-vision"}, "own"),
        "contract-team-index-0": "shared",
    }
    assert differing(first, state(project)) == {*own, "contract-team-index-0"}
    # A full update afterwards does nothing; it writes down that the guard depends on one team more.
    must(project, "up", "--yes", "--skip-preview", "--expect-no-changes")
    assert "# who is here" in settings(project).read_text()

    before = state(project)
    changed = team.done("change", "test", "vision", "--member", "role/w", "--drop-member", "role/v")
    assert {each["name"] for each in changed["steps"]} == {"team-vision-submit", "contract-team-vision"}
    assert differing(before, state(project)) == {"team-vision-submit", "contract-team-vision"}

    job = Finding(kind="training job", id="j", name="vision-train", why="its name", fate=Fate.LEFTOVER, item={})
    stopped: list[str] = []
    monkeypatch.setattr(run, "work_of", lambda *_: TeamWork(at_aws=[job], in_cluster=["pod notebook"]))
    monkeypatch.setattr(run, "stop", lambda name, *_: stopped.append(name) or [])
    refused = team("remove", "test", "vision", "-y")
    assert refused.status == 1
    assert "vision still has training job vision-train, pod notebook" in refused.all
    assert stopped == []
    gone = team.done("remove", "test", "vision", "--stop-jobs")
    assert stopped == ["vision"]
    assert gone["kept"][:2] == ["s3://d/t/ with all that is in it", "s3://a/t/ with all that is in it"]
    assert settings(project).read_text() == first_text
    assert differing(first, state(project)) <= {"contract-team-index-0", "guard"}
    must(project, "preview", "--expect-no-changes")
    names = {each["Name"] for each in server.client("ssm").describe_parameters()["Parameters"]}
    assert names == {
        "/groundwork/test/guard",
        *(f"/groundwork/test/contract/{each}" for each in ("platform", "team-index/0", "teams/a", "teams/a-b")),
    }


def test_what_else_waits_is_left_alone_and_what_would_take_part_of_it_along_is_refused(
    project: Project, team: Command
) -> None:
    assert team("add", "test", "vision").status == 2, "nobody could be asked"
    assert team("change", "test", "a", "-y").status == 2, "nothing was asked for"
    assert team("add", "test", "Vision!", "-y").status == 1
    unknown = team("apply", "test", "vision", "-y")
    assert unknown.status == 1
    assert "has a team 'vision'; the stack has a, a-b" in unknown.all
    rows = json.loads(team("list", "test", "-o", "json").out)
    assert [(row["name"], row["state"], row["members"]) for row in rows] == [("a", "up", ["role/a"]), ("a-b", "up", [])]

    must(project, "config", "set", "groundwork:release", "2")
    text = settings(project).read_text()
    settings(project).write_text(text.replace("- name: a-b", "- name: a-b\n      members: [role/b]"))
    before = state(project)
    told = team("diff", "test", "a-b", "-o", "json")
    assert told.status == 3, told.all
    document = json.loads(told.out)
    assert {each["name"] for each in document["steps"]} == {"team-a-b-submit", "contract-team-a-b"}
    assert [each["name"] for each in document["pending"]] == ["contract-platform"]
    assert state(project) == before
    assert team.done("apply", "test", "a-b")["outcome"] == "done"
    assert differing(before, state(project)) == {"team-a-b-submit", "contract-team-a-b"}
    again = team("apply", "test", "a-b", "-y")
    assert again.status == 0
    assert "nothing to change" in again.out
    assert "waits for `groundwork stack up test`: contract-platform" in again.out

    # The list of teams is one for all: another team that waits in the settings would come into it, too.
    settings(project).write_text(settings(project).read_text().replace("- name: a-b", "- name: other\n    - name: a-b"))
    edited, before = settings(project).read_text(), state(project)
    refused = team("add", "test", "vision", "-y")
    assert refused.status == 1
    assert "contract-team-index-0 would change for other as well" in refused.all
    assert state(project) == before
    assert settings(project).read_text() == edited
