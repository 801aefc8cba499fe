"""Models between accounts: what one side opens and the other may read, by the documents that the program renders."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from infra.stack import deploy
from local.aws_server.iam_policy import Policy, evaluate
from tests.unit.iam_lint import lint
from tests.unit.recording import ACCOUNT, Recording, record
from tests.unit.roles import roles_of
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit
PROD = "210987654321"
BUCKET = f"arn:aws:s3:::groundwork-dev-artifacts-{ACCOUNT}"
MODEL = f"{BUCKET}/teams/research/jobs/research-loans-1/output/model.tar.gz"
MEMBER = f"arn:aws:iam::{PROD}:role/groundwork-prod-research-submit"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/1"
GIVEN = {"aws:SecureTransport": "true", "kms:ViaService": "s3.us-east-1.amazonaws.com"}


@pytest.fixture(scope="module")
def dev() -> Recording:
    """The account that models come from."""
    return record(deploy, stack="dev", config={**settings_of("dev"), "promotion": {"to": [PROD]}})


@pytest.fixture(scope="module")
def prod() -> Recording:
    """An environment that models go to; in a recording every account has one number."""
    sources = [{"environment": "dev", "accountId": PROD}]
    return record(deploy, stack="prod", config={**settings_of("prod"), "promotion": {"sources": sources}})


def opened(document: str, action: str, resource: str, principal: str, **more: str) -> bool:
    """Whether a resource's policy lets a principal of the other account do something."""
    context: Mapping[str, Any] = {**GIVEN, "aws:PrincipalArn": principal, **more}
    keys = {key.lower(): [value] for key, value in context.items()}
    policy = Policy("bucket", "resource", json.loads(document))
    return evaluate(action, resource, keys, [], resource_policies=[policy]).decision == "allowed"


def test_members_of_the_other_account_read_registered_models_and_nothing_else(dev: Recording) -> None:
    text = dev.one("aws:s3/bucketPolicy:BucketPolicy", "store-artifacts-policy").inputs["policy"]
    assert list(lint(text, "resource")) == []
    assert opened(text, "s3:GetObject", MODEL, MEMBER)
    assert opened(text, "s3:GetObject", f"{BUCKET}/teams/research/registry/loans/3/card.html", MEMBER)
    assert opened(text, "s3:ListBucket", BUCKET, MEMBER, **{"s3:prefix": "teams/research/inputs/abc/"})
    assert not opened(text, "s3:ListBucket", BUCKET, MEMBER, **{"s3:prefix": "teams/research/"})
    assert not opened(text, "s3:PutObject", MODEL, MEMBER)
    for other in ("audit/1.json", "ledger/x/opened.json", "code/abc/source.tar.gz", "checkpoints/x"):
        assert not opened(text, "s3:GetObject", f"{BUCKET}/teams/research/{other}", MEMBER)
    for stranger in (
        f"arn:aws:iam::{PROD}:role/admin",
        "arn:aws:iam::111122223333:role/groundwork-prod-research-submit",
    ):
        assert not opened(text, "s3:GetObject", MODEL, stranger)


def test_they_decrypt_what_s3_gives_them_and_nothing_by_themselves(dev: Recording) -> None:
    text = dev.one("aws:kms/key:Key", "keys-data").inputs["policy"]
    assert list(lint(text, "key")) == []
    decrypts = [one for one in json.loads(text)["Statement"] if one["Sid"] == "PromotionsDecrypt"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": decrypts})
    assert opened(policy, "kms:Decrypt", KEY, MEMBER)
    assert not opened(policy, "kms:Decrypt", KEY, MEMBER, **{"kms:ViaService": "ec2.us-east-1.amazonaws.com"})
    assert not opened(policy, "kms:Encrypt", KEY, MEMBER)
    for name in ("keys-cluster", "keys-logs"):
        assert "Promotions" not in dev.one("aws:kms/key:Key", name).inputs["policy"]


def test_without_accounts_to_promote_to_nothing_is_open() -> None:
    closed = record(deploy, stack="dev", config=settings_of("dev"))
    assert "Promotions" not in closed.one("aws:s3/bucketPolicy:BucketPolicy", "store-artifacts-policy").inputs["policy"]
    assert "Promotions" not in closed.one("aws:kms/key:Key", "keys-data").inputs["policy"]


def test_a_member_reads_where_models_come_from_and_writes_nothing_there(prod: Recording) -> None:
    member = roles_of(prod)["team-research-submit"]
    bucket = f"arn:aws:s3:::groundwork-dev-artifacts-{PROD}"
    model = f"{bucket}/teams/research/jobs/research-loans-1/output/model.tar.gz"
    assert member.may("s3:GetObject", model)
    assert not member.may("s3:PutObject", model)
    assert not member.may("s3:GetObject", f"{bucket}/teams/ranking/jobs/x/output/model.tar.gz")
    assert not member.may("s3:GetObject", f"{bucket}/teams/research/audit/1.json")
    package = f"arn:aws:sagemaker:us-east-1:{PROD}:model-package/research-loans/3"
    assert member.may("sagemaker:DescribeModelPackage", package)
    assert not member.may("sagemaker:UpdateModelPackage", package)
    key = f"arn:aws:kms:us-east-1:{PROD}:key/1"
    via = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    assert member.may("kms:Decrypt", key, {**via, "kms:ResourceAliases": "alias/groundwork-dev-data"})
    assert not member.may("kms:Decrypt", key, {**via, "kms:ResourceAliases": "alias/groundwork-dev-cluster"})
    assert not member.may("kms:Decrypt", key, {"kms:ResourceAliases": "alias/groundwork-dev-data"})


def test_what_a_member_may_do_about_models_is_one_that_aws_understands(prod: Recording) -> None:
    text = prod.one("aws:iam/policy:Policy", "team-research-models").inputs["policy"]
    assert list(lint(text, "identity", limit=6144)) == []
