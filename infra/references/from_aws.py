"""CloudFormation exports and Terraform state files, read with an environment's own profile."""

from collections.abc import Callable
from typing import Any, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.references.terraform_state import outputs_of
from infra.references.values import CommaSeparated, Output, Outputs, UnreachableError

PATIENCE = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 4, "mode": "standard"})
LARGEST_STATE = 256 * 1024 * 1024
"""Bytes. The program holds the file in memory; one of this size is no state of a network or a cluster."""
WORKSPACES = (
    "A workspace other than `default` keeps its state under env:/WORKSPACE/ before the key "
    "(or the backend's workspace_key_prefix)"
)
"""https://developer.hashicorp.com/terraform/language/backend/s3 (workspace_key_prefix)"""


class AwsReader:
    """Reads what CloudFormation and Terraform publish in one environment's account."""

    def __init__(self, open_session: Callable[[], Any], account_id: str) -> None:
        """open_session: makes a boto3 session of the environment's profile and region, when something is to be read.

        account_id: the only account that the environment may touch; empty where its settings name none.
        """
        self._open_session = open_session
        self._account_id = account_id
        self._session: Any = None

    def exports(self) -> Outputs:
        """All exports of the account in the environment's region. Raises UnreachableError."""
        with _Told("cloudformation:ListExports"):
            pages: Any = self._client("cloudformation").get_paginator("list_exports").paginate()
            found = {
                str(each["Name"]): Output(value=CommaSeparated(each["Value"]))
                for page in pages
                for each in page["Exports"]
            }
        where = f"CloudFormation in {self._session.region_name} ({self._profile()})"
        return Outputs(where=where, values=found, kind="export", hint="Exports belong to one region and one account")

    def state(self, bucket: str, key: str) -> Outputs:
        """The outputs in a Terraform state file. Raises UnreachableError."""
        with _Told("s3:GetObject on it, and kms:Decrypt with its key where it has one"):
            try:
                answer: Any = self._client("s3").get_object(Bucket=bucket, Key=key)
            except ClientError as error:
                raise _missing(error, bucket, key) from None
            if int(answer["ContentLength"]) > LARGEST_STATE:
                raise UnreachableError(f"it has {answer['ContentLength']} bytes, and {LARGEST_STATE} are read at most")
            content: bytes = answer["Body"].read()
        return Outputs(where=f"the state s3://{bucket}/{key}", values=outputs_of(content), hint=WORKSPACES)

    def _client(self, service: str) -> Any:
        if self._session is None:
            self._session = self._checked()
        return self._session.client(service, config=PATIENCE)

    def _checked(self) -> Any:
        """A session in the right account: an export of this name in another one would be somebody else's network."""
        session = self._open_session()
        if self._account_id:
            there = str(session.client("sts", config=PATIENCE).get_caller_identity()["Account"])
            if there != self._account_id:
                raise UnreachableError(
                    f"profile {session.profile_name} is of account {there}, and the only account that this environment "
                    f"may touch is {self._account_id} (accountId)"
                )
        return session

    def _profile(self) -> str:
        return f"profile {self._session.profile_name}" + (f", account {self._account_id}" if self._account_id else "")


def _missing(error: ClientError, bucket: str, key: str) -> Exception:
    """S3's own answers for what is not there, in words; any other error as it is."""
    match _code(error):
        case "NoSuchBucket":
            return UnreachableError(f"there is no bucket {bucket}")
        case "NoSuchKey":
            return UnreachableError(f"the bucket {bucket} has no object {key}. {WORKSPACES}")
        case _:
            return error


def _code(error: ClientError) -> str:
    return str(cast(Any, error.response).get("Error", {}).get("Code", ""))


class _Told:
    """Turns what AWS's SDK raises into a sentence. needs: the permission without which AWS refuses."""

    def __init__(self, needs: str) -> None:
        self._needs = needs

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ClientError):
            denied = _code(error).startswith("AccessDenied") or _code(error) == "UnauthorizedOperation"
            hint = f"; whoever previews needs {self._needs}" if denied else ""
            raise UnreachableError(f"{str(error).rstrip('.')}{hint}") from None
        if isinstance(error, BotoCoreError):
            raise UnreachableError(str(error).rstrip(".")) from None
