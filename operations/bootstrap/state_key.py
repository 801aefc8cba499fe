"""The KMS key that encrypts the state and its secrets."""

import time
from collections.abc import Iterator
from typing import Any

from operations.bootstrap.names import TAG, StateNames
from operations.bootstrap.step import MISSING, BootstrapError, Step
from operations.calls import code_of

PATIENCE = 30
"""Seconds until a new alias must be known."""
LOST = "Without this key nobody can read the state's secrets."


class StateKey:
    """The key by its alias, with what it needs. A key that groundwork.yaml names is only looked at."""

    def __init__(self, kms: Any, names: StateNames, environment: str):
        self._kms = kms
        self._names = names
        self._environment = environment
        self._arn: str | None = None

    @property
    def arn(self) -> str:
        """The key's ARN; known once it was found or made."""
        if self._arn is None:
            raise BootstrapError(f"There is no KMS key {self._names.key_id} yet.")
        return self._arn

    @property
    def is_known(self) -> bool:
        """Whether the key was found or made."""
        return self._arn is not None

    def steps(self) -> Iterator[Step]:
        """The key and its alias, and its yearly rotation."""
        yield _Key(self)
        if self._names.ours:
            yield _Rotation(self)

    def find(self) -> bool:
        """Whether the key is there. Raises BootstrapError for one that cannot encrypt."""
        try:
            key = self._kms.describe_key(KeyId=self._names.key_id)["KeyMetadata"]
        except self._kms.exceptions.NotFoundException:
            if not self._names.ours:
                raise BootstrapError(
                    f"groundwork.yaml names the KMS key {self._names.key_id}, which is not there.",
                    hint="Take `secretsProvider` out to have one made.",
                ) from None
            return False
        state, key_id = key["KeyState"], key["KeyId"]
        if state == "PendingDeletion":
            mend = f"aws kms cancel-key-deletion --key-id {key_id} && aws kms enable-key --key-id {key_id}"
            raise BootstrapError(f"The KMS key {self._names.key_id} will be deleted. {LOST}", hint=f"Keep it: `{mend}`")
        if state != "Enabled":
            raise BootstrapError(
                f"The KMS key {self._names.key_id} is {state}. {LOST}", hint=f"`aws kms enable-key --key-id {key_id}`"
            )
        if key.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT" or key.get("KeyManager") != "CUSTOMER":
            raise BootstrapError(f"The KMS key {self._names.key_id} is no symmetric key of the account's own.")
        self._arn = key["Arn"]
        return True

    def make(self) -> None:
        """A key with its alias. A run that ended between the two left a tagged key, which is taken."""
        key_id = self._without_alias() or self._new()
        try:
            self._kms.create_alias(AliasName=self._names.key_id, TargetKeyId=key_id)
        except self._kms.exceptions.AlreadyExistsException:
            # Somebody else's bootstrap was quicker: this key has encrypted nothing.
            self._kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
        # A new alias may take some seconds until every call knows it
        # (https://docs.aws.amazon.com/kms/latest/developerguide/accessing-kms.html#programming-eventual-consistency).
        for _ in range(PATIENCE):
            if self.find():
                return
            time.sleep(1)
        raise BootstrapError(
            f"The alias {self._names.key_id} was made and KMS does not know it yet.", hint="Run it again."
        )

    def rotates(self) -> bool:
        """Whether the key's material is rotated every year."""
        return bool(self._kms.get_key_rotation_status(KeyId=self.arn)["KeyRotationEnabled"])

    def rotate(self) -> None:
        """Switches the yearly rotation on."""
        self._kms.enable_key_rotation(KeyId=self.arn)

    @property
    def what(self) -> str:
        """Its name."""
        return f"KMS key {self._names.key_id}"

    def _new(self) -> str:
        # Without a policy of its own, AWS's default one: IAM policies of the account decide
        # (https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html).
        return self._kms.create_key(
            Description=f"Pulumi state of {self._environment} and its secrets",
            Tags=[{"TagKey": TAG, "TagValue": self._environment}],
        )["KeyMetadata"]["KeyId"]

    def _without_alias(self) -> str | None:
        aliased = {
            alias.get("TargetKeyId")
            for page in self._kms.get_paginator("list_aliases").paginate()
            for alias in page["Aliases"]
        }
        for page in self._kms.get_paginator("list_keys").paginate():
            for key in page["Keys"]:
                if key["KeyId"] not in aliased and self._is_ours(key["KeyId"]):
                    return key["KeyId"]
        return None

    def _is_ours(self, key_id: str) -> bool:
        try:
            tags = self._kms.list_resource_tags(KeyId=key_id)["Tags"]
            tagged = {"TagKey": TAG, "TagValue": self._environment} in tags
            return tagged and self._kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Enabled"
        except self._kms.exceptions.ClientError as error:
            # Keys of others may refuse to be looked at; then they are none of ours.
            if code_of(error) in ("AccessDeniedException", "NotFoundException"):
                return False
            raise


class _Key:
    def __init__(self, key: StateKey):
        self._key = key
        self.what = key.what

    def look(self) -> str | None:
        return None if self._key.find() else MISSING

    def mend(self) -> None:
        self._key.make()


class _Rotation:
    def __init__(self, key: StateKey):
        self._key = key
        self.what = f"{key.what}, rotation"

    def look(self) -> str | None:
        if not self._key.find():
            return MISSING
        return None if self._key.rotates() else "off"

    def mend(self) -> None:
        self._key.rotate()
