"""CI's preview role with the genuine engine and API server: it previews a change, and makes none."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checkout import PROFILE, Checkout
from tests.conftest import Platform

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
ROLE = "ci-groundwork-local-preview"


@pytest.fixture(scope="module")
def checkout(platform: Platform) -> Iterator[Checkout]:
    """The platform with the role in `ci.previewRoles`, and without it afterwards."""
    checkout = platform.checkout
    iam, file = checkout.aws("iam"), checkout.folder / "Pulumi.local.yaml"
    before = file.read_text()
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
    change(file, lambda config: config.update({"groundwork:ci": {"previewRoles": [f"role/{ROLE}"]}}))
    checkout.must_pulumi("up", "--yes", "--skip-preview", "--non-interactive")
    try:
        yield checkout
    finally:
        file.write_text(before)
        checkout.must_pulumi("up", "--yes", "--skip-preview", "--non-interactive")
        iam.delete_role(RoleName=ROLE)


def change(file: Path, edit: Any) -> None:
    document = yaml.safe_load(file.read_text())
    edit(document["config"])
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def as_previewer(checkout: Checkout, folder: Path) -> dict[str, str]:
    """The documented environment, with the role's credentials in the place of the administrator's."""
    arn = f"arn:aws:iam::123456789012:role/{ROLE}"
    found = checkout.aws("sts").assume_role(RoleArn=arn, RoleSessionName="ci")["Credentials"]
    credentials = folder / "credentials"
    credentials.write_text(
        f"[{PROFILE}]\naws_access_key_id = {found['AccessKeyId']}\n"
        f"aws_secret_access_key = {found['SecretAccessKey']}\naws_session_token = {found['SessionToken']}\n"
    )
    return checkout.local_environment() | {"AWS_SHARED_CREDENTIALS_FILE": str(credentials)}


def test_the_preview_role_sees_what_a_change_would_do_and_cannot_do_it(checkout: Checkout, tmp_path: Path):
    variables = as_previewer(checkout, tmp_path)

    def more_pods(config: dict[str, Any]) -> None:
        config["groundwork:teams"][0]["quota"]["pods"] += 1

    change(checkout.folder / "Pulumi.local.yaml", more_pods)
    engine = ("--stack", "local", "--non-interactive")
    text = checkout.must("pulumi", "preview", *engine, "--json", environment=variables)
    steps = json.loads(text[text.index("{") :])["steps"]
    planned = {step["urn"].rsplit("::", 1)[1]: step["op"] for step in steps if step["op"] != "same"}
    assert planned == {"team-research-quota": "update"}
    done = checkout.run("pulumi", "up", *engine, "--yes", "--skip-preview", environment=variables)
    assert done.returncode != 0
    assert "may try changes out" in done.stdout
