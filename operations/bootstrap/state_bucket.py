"""The S3 bucket that keeps the state: versioned, encrypted by its KMS key, closed to the public, over TLS only."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

from operations.bootstrap.names import TAG, StateNames
from operations.bootstrap.state_key import StateKey
from operations.bootstrap.step import MISSING, BootstrapError, Step
from operations.calls import code_of

OLD_VERSIONS_DAYS = 90
"""How long a superseded state can still be brought back."""
RULE = "groundwork-state"
TLS_ONLY = "TlsOnly"
PATIENCE = 10
"""Tries, a second apart, while S3 is busy with another change of the same bucket
(OperationAborted, https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html)."""
NONE_YET = (
    "NoSuchPublicAccessBlockConfiguration",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchTagSet",
    "NoSuchBucket",
)
CLOSED = {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True}


class StateBucket:
    """The bucket with its settings. What else its policy, rules and tags say is kept."""

    def __init__(self, s3: Any, names: StateNames, key: StateKey, *, environment: str, account_id: str, region: str):
        self._s3 = s3
        self._names = names
        self._key = key
        self._environment = environment
        self._region = region
        self._its = {"Bucket": names.bucket, "ExpectedBucketOwner": account_id}
        self.what = f"bucket {names.bucket}"

    def steps(self) -> Iterator[Step]:
        """The bucket, then its settings; closed to the public first."""
        yield self
        yield _Setting(self, "public access", "not blocked", self._is_closed, self._close)
        yield _Setting(self, "ownership", "access control lists are on", self._is_owned, self._own)
        yield _Setting(self, "policy", "takes requests without TLS", self._is_tls_only, self._refuse_plain)
        yield _Setting(self, "versions", "off", self._is_versioned, self._version)
        yield _Setting(self, "encryption", "not by the KMS key", self._is_encrypted, self._encrypt)
        yield _Setting(self, "lifecycle", "old versions are kept for ever", self._expires, self._expire)
        yield _Setting(self, "tags", f"no {TAG}", self._is_tagged, self._tag)

    def look(self) -> str | None:
        """Whether the bucket is there. Raises BootstrapError for another's, and for one in another region."""
        try:
            answer = self._s3.head_bucket(**self._its)
        except self._s3.exceptions.ClientError as error:
            if code_of(error) in ("404", "NoSuchBucket"):
                return MISSING
            if code_of(error) in ("403", "AccessDenied"):
                raise BootstrapError(
                    f"The bucket {self._names.bucket} is another account's, or the profile may not look at it.",
                    hint="Name another one in groundwork.yaml (`backend: s3://…`), or use a profile that may.",
                ) from None
            raise
        found = answer.get("BucketRegion") or self._region
        if found != self._region:
            raise BootstrapError(f"The bucket {self._names.bucket} is in {found}, the environment in {self._region}.")
        return None

    def mend(self) -> None:
        """Makes the bucket."""
        # us-east-1 is where S3 makes a bucket that says nothing, and no constraint that it takes
        # (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
        place = (
            {"CreateBucketConfiguration": {"LocationConstraint": self._region}} if self._region != "us-east-1" else {}
        )
        try:
            self._s3.create_bucket(Bucket=self._names.bucket, ObjectOwnership="BucketOwnerEnforced", **place)
        except self._s3.exceptions.BucketAlreadyOwnedByYou:
            return
        except self._s3.exceptions.BucketAlreadyExists:
            raise BootstrapError(
                f"The bucket name {self._names.bucket} is another account's.",
                hint="Name another one in groundwork.yaml: `backend: s3://…`.",
            ) from None

    def ask(self, operation: str) -> dict[str, Any]:
        """A setting as S3 has it; empty where there is none."""
        try:
            return getattr(self._s3, operation)(**self._its)
        except self._s3.exceptions.ClientError as error:
            if code_of(error) in NONE_YET:
                return {}
            raise

    def change(self, operation: str, **values: Any) -> None:
        """A setting changed, with patience for S3's own order."""
        for left in reversed(range(PATIENCE)):
            try:
                getattr(self._s3, operation)(**self._its, **values)
                return
            except self._s3.exceptions.ClientError as error:
                if code_of(error) != "OperationAborted" or not left:
                    raise
                time.sleep(1)

    def _is_closed(self) -> bool:
        return self.ask("get_public_access_block").get("PublicAccessBlockConfiguration") == CLOSED

    def _close(self) -> None:
        self.change("put_public_access_block", PublicAccessBlockConfiguration=CLOSED)

    def _is_owned(self) -> bool:
        rules = self.ask("get_bucket_ownership_controls").get("OwnershipControls", {}).get("Rules", [])
        return [rule["ObjectOwnership"] for rule in rules] == ["BucketOwnerEnforced"]

    def _own(self) -> None:
        controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        self.change("put_bucket_ownership_controls", OwnershipControls=controls)

    def _statements(self) -> list[dict[str, Any]]:
        policy = json.loads(self.ask("get_bucket_policy").get("Policy") or "{}")
        found: Any = policy.get("Statement", [])
        return cast(list[dict[str, Any]], found if isinstance(found, list) else [found])

    def _tls_only(self) -> dict[str, Any]:
        arn = f"arn:{self._s3.meta.partition}:s3:::{self._names.bucket}"
        return {
            "Sid": TLS_ONLY,
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }

    def _is_tls_only(self) -> bool:
        return self._tls_only() in self._statements()

    def _refuse_plain(self) -> None:
        others = [statement for statement in self._statements() if statement.get("Sid") != TLS_ONLY]
        document = {"Version": "2012-10-17", "Statement": [*others, self._tls_only()]}
        self.change("put_bucket_policy", Policy=json.dumps(document))

    def _is_versioned(self) -> bool:
        return self.ask("get_bucket_versioning").get("Status") == "Enabled"

    def _version(self) -> None:
        self.change("put_bucket_versioning", VersioningConfiguration={"Status": "Enabled"})

    def _is_encrypted(self) -> bool:
        if not self._key.is_known:
            return False
        rules = self.ask("get_bucket_encryption").get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
        wanted = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self._key.arn}
        return any(rule.get("ApplyServerSideEncryptionByDefault") == wanted for rule in rules)

    def _encrypt(self) -> None:
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self._key.arn}
        rules = [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
        self.change("put_bucket_encryption", ServerSideEncryptionConfiguration={"Rules": rules})

    def _rules(self) -> list[dict[str, Any]]:
        return self.ask("get_bucket_lifecycle_configuration").get("Rules", [])

    def _expires(self) -> bool:
        nothing: dict[str, Any] = {}
        own = next((rule for rule in self._rules() if rule.get("ID") == RULE), nothing)
        days = own.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
        return own.get("Status") == "Enabled" and days == OLD_VERSIONS_DAYS

    def _expire(self) -> None:
        own = {
            "ID": RULE,
            "Status": "Enabled",
            "Filter": {"Prefix": self._names.folder},
            "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSIONS_DAYS},
            # Every lock that an engine gave back leaves a delete marker.
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        }
        others = [rule for rule in self._rules() if rule.get("ID") != RULE]
        self.change("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": [*others, own]})

    def _tags(self) -> list[dict[str, str]]:
        return self.ask("get_bucket_tagging").get("TagSet", [])

    def _is_tagged(self) -> bool:
        return any(tag["Key"] == TAG for tag in self._tags())

    def _tag(self) -> None:
        tags = [*self._tags(), {"Key": TAG, "Value": self._environment}]
        self.change("put_bucket_tagging", Tagging={"TagSet": tags})


class _Setting:
    """One setting of the bucket."""

    def __init__(
        self, bucket: StateBucket, name: str, wrong: str, is_right: Callable[[], bool], put: Callable[[], None]
    ):
        self.what = f"{bucket.what}, {name}"
        self._bucket = bucket
        self._wrong = wrong
        self._is_right = is_right
        self._put = put

    def look(self) -> str | None:
        if self._bucket.look() == MISSING:
            return MISSING
        return None if self._is_right() else self._wrong

    def mend(self) -> None:
        self._put()
