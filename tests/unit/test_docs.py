"""The documentation names only what is there."""

import re
from pathlib import Path

import pytest

from tests.resource_page import ENVIRONMENTS, component_reasons, page
from tests.unit.recording import record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_every_test_that_a_page_names_is_there(file: Path):
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", file.read_text()):
        source = ROOT / path
        assert source.exists(), f"{path} is not there"
        assert not name or f"def {name}(" in source.read_text(), f"{path} has no {name}"


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_every_link_to_a_file_of_ours_leads_there(file: Path):
    for target in re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", file.read_text()):
        assert (file.parent / target).exists(), f"{file.name} links to {target}"


def test_the_page_of_resources_is_what_the_program_makes():
    assert (ROOT / "docs" / "resources.md").read_text() == page(), "write it again: python -m tests.resource_page"


def test_the_example_of_adopting_has_the_number_of_devs_resources():
    page_of_resources = (ROOT / "docs" / "resources.md").read_text()
    (together,) = re.findall(r"(\d+) in dev", page_of_resources)
    providers = re.findall(r"\(pulumi providers\) \| \d+ \| (\d+) \|", page_of_resources)
    (shown,) = re.findall(r"dev: \d+ of the (\d+) resources", (ROOT / "docs" / "adoption.md").read_text())
    assert int(shown) == int(together) - sum(map(int, providers))


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_component_says_what_it_is_for(environment: str):
    from infra.stack import deploy

    recording = record(deploy, stack=environment, config=settings_of(environment))
    components = {item.type for item in recording.registrations if not item.custom}
    assert {type_ for type_ in components if not component_reasons().get(type_)} == set()
