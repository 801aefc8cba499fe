"""A program that waits for its resources itself, on the genuine engine."""

import json
from pathlib import Path

import pytest

from infra import settling
from tests.local.engine_project import Project, new_project
from tests.local.test_language_host import COMPONENT

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]
PROGRAM = COMPONENT.replace('Thing("thing")', "").replace("import pulumi", "import pulumi, settling")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return new_project(tmp_path)


def write(project: Project, body: str) -> None:
    source = Path(settling.__file__).read_text()
    project.write(f"{PROGRAM}\ndef program():\n{body}\n\nsettling.run_settled(program)\n", settling=source)


def test_every_resource_and_every_output_of_a_settled_program_is_in_the_state(project: Project) -> None:
    body = "    things = [Thing(f'thing-{number}') for number in range(50)]\n    pulumi.export('urn', things[-1].urn)"
    write(project, body)
    done = project.run("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(project.run("stack", "output", "--json").stdout)["urn"].endswith("::thing-49")
    resources = json.loads(project.run("stack", "export").stdout)["deployment"]["resources"]
    assert len([entry for entry in resources if entry["type"] == "groundwork:test:Thing"]) == 50


def test_a_settled_program_ends_when_a_resource_fails_and_says_which(project: Project) -> None:
    write(project, "    Thing('twin')\n    Thing('twin')")
    done = project.run("up", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert "Duplicate resource URN" in done.stdout + done.stderr
    assert "twin" in done.stdout + done.stderr
