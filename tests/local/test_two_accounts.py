"""Promotion's way from one account to another, as IAM sees it: the platform's own policies, on two AWS servers."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from components.promotion_policy import PromotionSource, readers_of_key, readers_of_models, reading_from
from tests.local.two_accounts import DEV, PROD, TwoAccounts

pytestmark = pytest.mark.local

BUCKET = f"groundwork-dev-artifacts-{DEV}"
MODEL = "teams/fraud/approved/1/model.tar.gz"
SECRET = "teams/fraud/notes.txt"
SPECIFICATION = {
    "Containers": [{"Image": "serving:1", "ModelDataUrl": f"s3://{BUCKET}/{MODEL}"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}
GROUP = f"arn:aws:sagemaker:us-east-1:{DEV}:model-package-group/fraud-cards"
PACKAGE = f"arn:aws:sagemaker:us-east-1:{DEV}:model-package/fraud-cards/1"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def root(account: str) -> dict[str, str]:
    return {"AWS": f"arn:aws:iam::{account}:root"}


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoAccounts]:
    accounts = TwoAccounts(tmp_path_factory.mktemp("accounts"))
    accounts.start()
    try:
        prepare(accounts)
        yield accounts
    finally:
        accounts.stop()


def prepare(accounts: TwoAccounts) -> None:
    """A model in dev that its policies open to prod, and roles of prod."""
    dev, prod = accounts.dev, accounts.prod
    own = {"Effect": "Allow", "Principal": root(DEV), "Action": "kms:*", "Resource": "*"}
    key = dev.client("kms").create_key(Policy=document(own, *readers_of_key("aws", "us-east-1", [PROD])))
    arn = key["KeyMetadata"]["Arn"]
    dev.client("kms").create_alias(AliasName="alias/groundwork-dev-data", TargetKeyId=arn)
    dev.s3.create_bucket(Bucket=BUCKET)
    policy = document(*readers_of_models(f"arn:aws:s3:::{BUCKET}", "aws", [PROD]))
    dev.s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
    for name in (MODEL, SECRET):
        encrypted = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": arn}
        dev.s3.put_object(Bucket=BUCKET, Key=name, Body=b"weights", Metadata={"kind": "model"}, **encrypted)
    dev.sagemaker.create_model_package_group(ModelPackageGroupName="fraud-cards")
    dev.sagemaker.create_model_package(ModelPackageGroupName="fraud-cards", InferenceSpecification=SPECIFICATION)
    for role, statements in (
        ("groundwork-prod-fraud-submit", _reading()),
        ("groundwork-prod-other-submit", []),
        ("visitor", _reading()),
    ):
        prod.client("iam").create_role(
            RoleName=role,
            AssumeRolePolicyDocument=document({"Effect": "Allow", "Principal": root(PROD), "Action": "sts:AssumeRole"}),
        )
        written = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
        prod.client("iam").put_role_policy(
            RoleName=role, PolicyName="own", PolicyDocument=document(written, *statements)
        )
    prod.s3.create_bucket(Bucket="prod-artifacts")


def _reading() -> list[dict[str, Any]]:
    source = PromotionSource(environment="dev", account_id=DEV)
    return reading_from([source], partition="aws", region="us-east-1", team="fraud")


def as_role(accounts: TwoAccounts, service: str, role: str = "groundwork-prod-fraud-submit") -> Any:
    """A client of prod's server with a role's credentials."""
    sts = accounts.prod.client("sts")
    found = sts.assume_role(RoleArn=f"arn:aws:iam::{PROD}:role/{role}", RoleSessionName="promotion")["Credentials"]
    return boto3.client(
        service,
        endpoint_url=accounts.prod.url,
        region_name="us-east-1",
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["SessionToken"],
        config=Config(retries={"max_attempts": 0}),
    )


def share(accounts: TwoAccounts) -> None:
    """Opens the group to production's account."""
    statement = {
        "Effect": "Allow",
        "Principal": root(PROD),
        "Action": ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
        "Resource": [GROUP, PACKAGE[:-1] + "*"],
    }
    accounts.dev.sagemaker.put_model_package_group_policy(
        ModelPackageGroupName="fraud-cards", ResourcePolicy=document(statement)
    )


def test_each_server_is_an_account_of_its_own(accounts: TwoAccounts) -> None:
    for server, account in ((accounts.dev, DEV), (accounts.prod, PROD)):
        identity = server.client("sts").get_caller_identity()
        assert identity["Account"] == account
        assert identity["Arn"] == f"arn:aws:iam::{account}:user/platform-admin"
    assert accounts.prod.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"] == []


def test_a_package_is_read_from_the_other_account_once_its_group_is_open(accounts: TwoAccounts) -> None:
    sagemaker = as_role(accounts, "sagemaker")
    with pytest.raises(ClientError, match=r"AccessDeniedException.*no resource-based policy allows"):
        sagemaker.describe_model_package(ModelPackageName=PACKAGE)
    share(accounts)
    found = sagemaker.describe_model_package(ModelPackageName=PACKAGE)
    assert found["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == f"s3://{BUCKET}/{MODEL}"
    listed = sagemaker.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
    assert [each["ModelPackageArn"] for each in listed] == [PACKAGE]
    with pytest.raises(ClientError, match=r"no identity-based policy allows the sagemaker:DescribeModelPackage"):
        as_role(accounts, "sagemaker", "groundwork-prod-other-submit").describe_model_package(ModelPackageName=PACKAGE)
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package(ModelPackageName=PACKAGE.replace(DEV, "111122223333"))


def test_a_model_is_copied_from_the_other_accounts_bucket(accounts: TwoAccounts) -> None:
    s3 = as_role(accounts, "s3")
    assert s3.get_object(Bucket=BUCKET, Key=MODEL)["Body"].read() == b"weights"
    assert s3.head_object(Bucket=BUCKET, Key=MODEL)["ContentLength"] == 7
    s3.copy_object(Bucket="prod-artifacts", Key="models/1", CopySource={"Bucket": BUCKET, "Key": MODEL})
    copied = accounts.prod.s3.get_object(Bucket="prod-artifacts", Key="models/1")
    assert (copied["Body"].read(), copied["Metadata"]) == (b"weights", {"kind": "model"})


def test_what_is_not_shared_stays(accounts: TwoAccounts) -> None:
    s3 = as_role(accounts, "s3")
    for key in (SECRET, "teams/ranking/approved/1/model.tar.gz"):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.get_object(Bucket=BUCKET, Key=key)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket=BUCKET)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.put_object(Bucket=BUCKET, Key="teams/fraud/approved/2", Body=b"x")
    # Neither the roles that the bucket does not name, nor a role without a policy of its own.
    for role in ("visitor", "groundwork-prod-other-submit"):
        with pytest.raises(ClientError, match="AccessDenied"):
            as_role(accounts, "s3", role).get_object(Bucket=BUCKET, Key=MODEL)
    with pytest.raises(ClientError, match="AccessDenied"):
        as_role(accounts, "s3", "visitor").copy_object(Bucket="prod-artifacts", Key="x", CopySource=f"{BUCKET}/{MODEL}")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.get_object(Bucket="nobodys-bucket", Key=MODEL)


def test_a_key_that_is_not_open_keeps_the_model_shut(accounts: TwoAccounts) -> None:
    closed = accounts.dev.client("kms").create_key()["KeyMetadata"]["Arn"]
    key = MODEL.replace("/1/", "/2/")
    accounts.dev.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=closed)
    with pytest.raises(ClientError, match="perform: kms:Decrypt"):
        as_role(accounts, "s3").get_object(Bucket=BUCKET, Key=key)


def test_a_server_that_only_says_that_it_is_another_account_is_refused(accounts: TwoAccounts) -> None:
    caller = {"account_id": PROD, "arn": "a", "principal_arn": "a", "principal_id": "a", "session_name": "a"}
    request = urllib.request.Request(
        f"{accounts.dev.url}/{BUCKET}/{MODEL}",
        headers={"X-Groundwork-Peer-Token": "guessed", "X-Groundwork-Caller": json.dumps(caller)},
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request, timeout=10)
