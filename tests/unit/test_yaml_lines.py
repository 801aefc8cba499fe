"""Keys are put into a YAML file by its lines."""

from pathlib import Path

import pytest
import yaml

from operations.yaml_lines import NotEditableError, with_keys

pytestmark = pytest.mark.unit
SHIPPED = (Path(__file__).parents[2] / "groundwork.yaml").read_text()
VALUES = {"backend": "s3://b?region=us-east-1&x=y", "secretsProvider": "awskms://alias/k?region=us-east-1"}
PATH = ("environments", "dev")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "environments:\n",
        "environments: {}\n",
        "environments:\n  dev:\n",
        "environments:\n  dev: {}   # ours\n  prod: {}\n",
        "environments:\n  dev:   # ours\n  prod: {}\n",
        "environments:\n  # one\n  dev:\n    # why\n    profile: ours   # people's\n\n  # two\n  prod: {}\n",
        "environments:\n  prod: {profile: x}\n",
        "environments: {prod: {profile: x}}\n",
        "environments: {dev: {profile: x}, prod: {}}\n",
        "environments: {dev: {}, prod: {}}\n",
        "environments:\n  dev: {backend: 's3://old', profile: x}\n",
        "environments:\n  dev:\n    backend: s3://old\n    profile: x",
        "accounts: {main: {}}\nenvironments:\n    dev:\n        profile: x\n",
        SHIPPED,
    ],
)
def test_the_keys_are_there_and_everything_else_stays(text: str):
    edited = with_keys(text, PATH, VALUES)
    before, after = yaml.safe_load(text) or {}, yaml.safe_load(edited)
    own = ((before.get("environments") or {}).get("dev") or {}) | VALUES
    assert after == before | {"environments": (before.get("environments") or {}) | {"dev": own}}
    for line in text.splitlines():
        if "#" in line:
            assert line.split("#")[1] in edited
    assert with_keys(edited, PATH, VALUES) == edited


def test_the_shipped_file_gets_two_lines():
    edited = with_keys(SHIPPED, PATH, VALUES)
    lines = [f"    {key}: {value}" for key, value in VALUES.items()]
    assert edited.replace("  dev:\n" + "\n".join(lines) + "\n", "  dev: {}\n") == SHIPPED


def test_a_file_that_no_key_fits_into_is_left_to_its_owner():
    with pytest.raises(NotEditableError):
        with_keys("environments: [dev]\n", PATH, VALUES)
