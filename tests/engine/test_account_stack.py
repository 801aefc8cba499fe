"""The account's own stack on the local AWS server, by its own commands: up, confirmed, and back to nothing.

It stands beside an environment in the same account, and goes without touching it.
"""

import functools
import json
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from tests.checkout import Checkout
from tests.conftest import Platform

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
ENVIRONMENT_PREFIX = "groundwork-local-"
"""What the environment beside it has names its resources with."""


@pytest.fixture(scope="module")
def checkout(platform: Platform) -> Checkout:
    return platform.checkout


def account(checkout: Checkout, command: str, *options: str) -> str:
    """What `groundwork account …` prints."""
    return checkout.must(".venv/bin/groundwork", "account", command, "local", "--", "--non-interactive", *options)


@functools.cache
def local_environment(checkout: Checkout) -> dict[str, str]:
    """Asking for it takes seconds, and it stays the same."""
    return checkout.local_environment()


def outputs(checkout: Checkout) -> dict[str, Any]:
    variables = local_environment(checkout)
    text = checkout.must(
        "pulumi", "-C", "account", "stack", "output", "--json", "--stack", "local", environment=variables
    )
    return json.loads(text)


def confirm(checkout: Checkout, arn: str) -> None:
    """What a person does in the console."""
    ports = json.loads((checkout.folder / ".groundwork" / "local" / "ports.json").read_text())
    url = f"http://127.0.0.1:{ports['aws']}/_groundwork/codeconnections/confirm?arn={quote(arn, safe='')}"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10) as answer:
        assert answer.status == 200


def set_connection(checkout: Checkout, state: str) -> None:
    file = checkout.folder / "account" / "Pulumi.local.yaml"
    document = yaml.safe_load(file.read_text())
    document["config"]["groundwork-account:github"]["connection"] = state
    file.write_text(yaml.safe_dump(document, sort_keys=False))


def environment_stack(checkout: Checkout) -> bytes:
    root = checkout.folder / ".groundwork" / "local" / "pulumi-state" / ".pulumi" / "stacks"
    return Path(root / "groundwork" / "local.json").read_bytes()


def test_the_account_comes_up_and_says_what_a_person_has_to_do(checkout: Checkout):
    before = environment_stack(checkout)
    told = account(checkout, "up", "--yes", "--skip-preview")
    assert "is PENDING: open https://console.aws.amazon.com/" in told
    found = outputs(checkout)
    assert len(found["toDo"]) == 1
    assert found["runners"] == {}
    assert found["roles"]["dev"]["deploy"] == "arn:aws:iam::123456789012:role/ci-groundwork-dev-deploy"
    assert environment_stack(checkout) == before


def test_a_second_preview_is_empty(checkout: Checkout):
    account(checkout, "preview", "--expect-no-changes")


def test_what_says_confirmed_too_early_is_refused_with_the_reason(checkout: Checkout):
    set_connection(checkout, "confirmed")
    failed = checkout.run(
        *(".venv/bin/groundwork", "account", "up", "local"),
        *("--", "--non-interactive", "--yes", "--skip-preview"),
    )
    assert failed.returncode != 0
    assert "is PENDING and not AVAILABLE" in failed.stdout


def test_once_confirmed_the_runners_come_and_the_next_preview_is_empty(checkout: Checkout):
    confirm(checkout, outputs(checkout)["connections"]["github"]["arn"])
    account(checkout, "up", "--yes", "--skip-preview", "--refresh")
    found = outputs(checkout)
    assert set(found["runners"]) == {"cpu", "gpu"}
    assert found["toDo"] == []
    account(checkout, "preview", "--expect-no-changes")
    codebuild = checkout.aws("codebuild")
    [gpu] = codebuild.batch_get_projects(names=["groundwork-gpu"])["projects"]
    assert gpu["environment"]["type"] == "LINUX_GPU_CONTAINER"
    assert gpu["webhook"]["filterGroups"] == [[{"type": "EVENT", "pattern": "WORKFLOW_JOB_QUEUED"}]]


def test_a_refresh_finds_nothing(checkout: Checkout):
    checkout.must(
        *("pulumi", "-C", "account", "refresh", "--preview-only", "--expect-no-changes", "--stack", "local"),
        *("--non-interactive",),
        environment=local_environment(checkout),
    )


def test_a_destroy_leaves_nothing_of_the_account_and_the_environment_untouched(checkout: Checkout):
    before = environment_stack(checkout)
    account(checkout, "down", "--yes", "--skip-preview")
    iam = checkout.aws("iam")
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    assert [role for role in iam.list_roles()["Roles"] if role["RoleName"].startswith("ci-groundwork-")] == []
    policies = [policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"]]
    assert [name for name in policies if name.startswith(("ci-groundwork-", "groundwork-boundary"))] == []
    projects = checkout.aws("codebuild").list_projects()["projects"]
    assert [name for name in projects if not name.startswith(ENVIRONMENT_PREFIX)] == []
    assert checkout.aws("codebuild").list_source_credentials()["sourceCredentialsInfos"] == []
    assert checkout.aws("codeconnections").list_connections()["Connections"] == []
    buckets = [bucket["Name"] for bucket in checkout.aws("s3").list_buckets()["Buckets"]]
    assert [name for name in buckets if "ci-cache" in name] == []
    assert environment_stack(checkout) == before
    set_connection(checkout, "made")
