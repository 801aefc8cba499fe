"""Keys, buckets and image repositories."""

import json
from typing import Any

import pytest

from components.artifact_store import ArtifactStore, ArtifactStoreArgs
from components.keys import Keys, KeysArgs
from components.record_policy import RECORD_FOLDERS
from components.registry import ImageRegistry, ImageRegistryArgs
from local.aws_server.iam_policy import Policy, evaluate
from ml.audit.log import FOLDER as audit_folder  # noqa: N811 - both are called so
from ml.ledger.entries import FOLDER as ledger_folder  # noqa: N811
from ml.registry.aliases import FOLDER as aliases_folder  # noqa: N811
from tests.unit.parts import KEY, PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record

pytestmark = pytest.mark.unit
BUCKETS = {f"groundwork-dev-{purpose}-{ACCOUNT}" for purpose in ("data", "artifacts", "logs")}


def store(**more: Any) -> Recording:
    args = ArtifactStoreArgs(placement=PLACEMENT, kms_key_arn=KEY, **more)
    return record(lambda: ArtifactStore("store", args, with_aws()))


@pytest.mark.parametrize(
    "guard",
    [
        "bucketOwnershipControls:BucketOwnershipControls",
        "bucketPublicAccessBlock:BucketPublicAccessBlock",
        "bucketVersioning:BucketVersioning",
        "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "bucketPolicy:BucketPolicy",
        "bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    ],
)
def test_every_bucket_has_every_guard(guard: str):
    assert {item.inputs["bucket"] for item in store().of(f"aws:s3/{guard}").values()} == BUCKETS


def test_no_bucket_is_public_and_all_keep_versions():
    recording = store()
    for block in recording.of("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").values():
        assert all(value for key, value in block.inputs.items() if key != "bucket")
    for versioning in recording.of("aws:s3/bucketVersioning:BucketVersioning").values():
        assert versioning.inputs["versioningConfiguration"] == {"status": "Enabled"}
    for ownership in recording.of("aws:s3/bucketOwnershipControls:BucketOwnershipControls").values():
        assert ownership.inputs["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


@pytest.mark.parametrize("purpose", ["data", "artifacts", "logs"])
def test_a_bucket_refuses_requests_without_tls(purpose: str):
    statements = store().policy("aws:s3/bucketPolicy:BucketPolicy", f"store-{purpose}-policy")
    denial = next(item for item in statements if item["Effect"] == "Deny")
    assert denial["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert denial["Resource"] == [
        f"arn:aws:s3:::groundwork-dev-{purpose}-{ACCOUNT}",
        f"arn:aws:s3:::groundwork-dev-{purpose}-{ACCOUNT}/*",
    ]


@pytest.mark.parametrize("folder", ["audit", "ledger"])
def test_nobody_deletes_or_replaces_a_record_of_any_team(folder: str):
    policy = store().policy("aws:s3/bucketPolicy:BucketPolicy", "store-artifacts-policy")
    bucket = f"arn:aws:s3:::groundwork-dev-artifacts-{ACCOUNT}"
    administrator = Policy("administrator", "user", {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})

    def may(action: str, key: str, **context: str) -> bool:
        keys = {"aws:securetransport": ["true"]} | {name: [text] for name, text in context.items()}
        resource = [Policy("bucket", "resource", {"Statement": policy})]
        found = evaluate(action, f"{bucket}/{key}", keys, [administrator], resource_policies=resource)
        return found.decision == "allowed"

    record = f"teams/research/{folder}/endpoint/1.json"
    assert may("s3:PutObject", record, **{"s3:if-none-match": "*"})
    assert may("s3:GetObject", record)
    assert not may("s3:PutObject", record)
    assert not may("s3:PutObject", record, **{"s3:if-match": "an-etag"})
    assert not may("s3:DeleteObject", record)
    assert not may("s3:DeleteObjectVersion", record)
    assert may("s3:DeleteObject", "teams/research/jobs/a/output/model.tar.gz")
    assert may("s3:PutObject", "teams/research/inputs/a/x.csv")


def test_the_folders_that_are_kept_are_those_that_ml_writes():
    assert set(RECORD_FOLDERS) == {aliases_folder, audit_folder, ledger_folder}


def test_data_and_artifacts_are_encrypted_with_our_key_and_logs_with_the_one_that_s3_can_write_with():
    kind = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    rules = {name: item.inputs["rules"][0] for name, item in store().of(kind).items()}
    for purpose in ("data", "artifacts"):
        rule = rules[f"store-{purpose}-encryption"]
        assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": KEY}
        assert rule["bucketKeyEnabled"] is True
    assert rules["store-logs-encryption"]["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}


def test_access_to_data_and_artifacts_is_logged():
    recording = store()
    logging = recording.of("aws:s3/bucketLogging:BucketLogging")
    assert {item.inputs["targetPrefix"] for item in logging.values()} == {"access/data/", "access/artifacts/"}
    assert {item.inputs["targetBucket"] for item in logging.values()} == {f"groundwork-dev-logs-{ACCOUNT}"}
    for item in logging.values():
        assert "store-logs-policy" in item.dependencies
    allowed = recording.policy("aws:s3/bucketPolicy:BucketPolicy", "store-logs-policy")[:2]
    for statement, purpose in zip(allowed, ("data", "artifacts"), strict=True):
        assert statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
        assert statement["Resource"] == f"arn:aws:s3:::groundwork-dev-logs-{ACCOUNT}/access/{purpose}/*"
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_superseded_versions_and_old_logs_expire_but_data_never_does():
    kind = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    rules = {
        name: item.inputs["rules"][0] for name, item in store(retention_days=30, log_retention_days=60).of(kind).items()
    }
    assert {rule["noncurrentVersionExpiration"]["noncurrentDays"] for rule in rules.values()} == {30}
    assert rules["store-logs-lifecycle"]["expiration"] == {"days": 60}
    assert "expiration" not in rules["store-data-lifecycle"]


def test_a_bucket_with_contents_goes_only_where_that_is_set():
    for wanted in (False, True):
        buckets = store(delete_contents=wanted).of("aws:s3/bucket:Bucket").values()
        assert {item.inputs["forceDestroy"] for item in buckets} == {wanted}


def test_every_key_rotates_and_has_an_alias():
    recording = record(lambda: Keys("keys", KeysArgs(placement=PLACEMENT, rotation_days=180), with_aws()))
    keys = recording.of("aws:kms/key:Key")
    assert set(keys) == {"keys-data", "keys-cluster", "keys-logs"}
    assert all(item.inputs["enableKeyRotation"] for item in keys.values())
    assert {item.inputs["rotationPeriodInDays"] for item in keys.values()} == {180}
    aliases = {item.inputs["name"] for item in recording.of("aws:kms/alias:Alias").values()}
    assert aliases == {f"alias/groundwork-dev-{purpose}" for purpose in ("data", "cluster", "logs")}


def test_only_the_log_key_can_be_used_by_a_service_and_only_for_this_account():
    recording = record(lambda: Keys("keys", KeysArgs(placement=PLACEMENT), with_aws()))
    assert [item["Sid"] for item in recording.policy("aws:kms/key:Key", "keys-data")] == ["AccountDecides"]
    logs = recording.policy("aws:kms/key:Key", "keys-logs")[1]
    assert logs["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}
    assert ACCOUNT in str(logs["Condition"]["ArnLike"])


def test_image_tags_never_move_and_images_are_scanned_encrypted_and_expire():
    args = ImageRegistryArgs(placement=PLACEMENT, repositories=["training", "serving"], kms_key_arn=KEY, keep_images=5)
    recording = record(lambda: ImageRegistry("registry", args, with_aws()))
    for repository in recording.of("aws:ecr/repository:Repository").values():
        assert repository.inputs["imageTagMutability"] == "IMMUTABLE"
        assert repository.inputs["imageScanningConfiguration"] == {"scanOnPush": True}
        assert repository.inputs["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": KEY}]
        assert repository.inputs["forceDelete"] is False
    policies = recording.of("aws:ecr/lifecyclePolicy:LifecyclePolicy")
    assert len(policies) == 2
    rules = json.loads(policies["registry-serving-lifecycle"].inputs["policy"])["rules"]
    assert [rule["selection"]["countNumber"] for rule in rules] == [7, 5]
