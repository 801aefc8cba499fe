"""The genuine engine refuses what breaks a rule of the policy pack, however it is started, and changes nothing."""

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from tests.checkout import Checkout
from tests.conftest import Platform

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
ROGUE = """

import pulumi
import pulumi_aws as aws

rogue = aws.Provider("rogue", region="us-east-1", profile="groundwork-local")
aws.cloudwatch.LogGroup("rogue", name="rogue", opts=pulumi.ResourceOptions(provider=rogue))
"""


@pytest.fixture
def checkout(platform: Platform) -> Checkout:
    return platform.checkout


@contextmanager
def appended(checkout: Checkout, name: str, text: str) -> Generator[None]:
    """A file of the checkout with something more at its end, for a while."""
    file = checkout.folder / name
    before = file.read_text()
    try:
        file.write_text(before.rstrip("\n") + text)
        yield
    finally:
        file.write_text(before)


def test_a_plain_up_is_refused_by_name_before_anything_is_made(checkout: Checkout):
    with appended(checkout, "infra/__main__.py", ROGUE):
        refused = checkout.pulumi("up", "--yes")
    assert refused.returncode != 0
    for words in ("log-retention", "rogue never expires. Set retentionInDays", "encrypted-at-rest", "tags-present"):
        assert words in refused.stdout, refused.stdout
    groups = checkout.aws("logs").describe_log_groups(logGroupNamePrefix="rogue")["logGroups"]
    assert groups == []


def test_what_is_allowed_comes_from_the_stacks_settings_and_make_asks_the_pack_too(checkout: Checkout):
    settings = (checkout.folder / "Pulumi.local.yaml").read_text()
    assert "groundwork:policy:\n" in settings
    with appended(checkout, "Pulumi.local.yaml", ""):
        group = "groundwork:policy:\n    regions: [eu-central-1]\n"
        (checkout.folder / "Pulumi.local.yaml").write_text(settings.replace("groundwork:policy:\n", group))
        refused = checkout.run("make", "preview", "ENV=local")
    assert refused.returncode != 0
    assert "is made in us-east-1; allowed is eu-central-1" in refused.stdout, refused.stdout


def test_commands_that_take_no_policy_pack_work_in_the_same_environment(checkout: Checkout):
    assert "groundwork-local" in checkout.must_pulumi("stack")
