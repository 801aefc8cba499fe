"""Calls to the AWS API: one client a service and region, made on first use, with errors that a user can act on."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from local.providers.recorded import recorded_caller

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.model import OperationModel
    from botocore.session import Session

_CONNECTIONS = 64
"""More than the engine ever asks for at once, so that no call waits for a connection."""


class AwsError(Exception):
    """An operation failed.

    code: AWS's error code; empty when no answer came.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The provider's configuration (https://www.pulumi.com/registry/packages/aws/installation-configuration/)."""

    region: str | None = None
    profile: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    token: str | None = None
    allowed_account_ids: tuple[str, ...] = ()
    forbidden_account_ids: tuple[str, ...] = ()
    default_tags: Mapping[str, str] = field(default_factory=dict)


class Aws:
    """The AWS API as one caller sees it. Safe to use from many threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._session: Session | None = None
        self._clients: dict[tuple[str, str | None], BaseClient] = {}
        self._lock = threading.RLock()
        self._identity: dict[str, str] | None = None

    @property
    def region(self) -> str:
        """The provider's region. Raises AwsError where neither configuration, environment nor profile names one."""
        region = self.settings.region or self._botocore().get_config_variable("region")
        if not region:
            raise AwsError("No AWS region is set: set aws:region, AWS_REGION or the profile's region.")
        return str(region)

    @property
    def account_id(self) -> str:
        """Account of the caller. Raises AwsError where STS does not answer."""
        return self.identity()["Account"]

    def identity(self) -> Mapping[str, str]:
        """What STS says about the caller: Account, Arn, UserId. Asked once."""
        if caller := recorded_caller():
            return {"Account": caller.split(":")[4], "Arn": caller, "UserId": "recorded"}
        with self._lock:
            if self._identity is None:
                answer = self.call("sts", "GetCallerIdentity", {})
                self._identity = {name: answer[name] for name in ("Account", "Arn", "UserId")}
            return self._identity

    def check_account(self) -> None:
        """Raise AwsError unless the caller's account is one that the provider may touch."""
        allowed, forbidden = self.settings.allowed_account_ids, self.settings.forbidden_account_ids
        if (allowed and self.account_id not in allowed) or self.account_id in forbidden:
            raise AwsError(
                f"AWS account ID not allowed: {self.account_id} ({self.identity()['Arn']}). "
                f"The provider allows {', '.join(allowed) or 'every account but ' + ', '.join(forbidden)}: "
                "check which profile the stack uses."
            )

    def operation(self, service: str, operation: str, region: str | None = None) -> "OperationModel":
        """Botocore's model of an operation."""
        return self._client(service, region).meta.service_model.operation_model(operation)

    def call(
        self, service: str, operation: str, params: Mapping[str, Any], *, region: str | None = None, subject: str = ""
    ) -> dict[str, Any]:
        """Make one call and return its answer.

        region: another one than the provider's; subject: what the call is for, for messages.
        Raises AwsError naming service, operation, subject and what AWS said.
        """
        from botocore import xform_name
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        where = f"{service}:{operation}" + (f" for {subject}" if subject else "")
        if recorded_caller():
            raise AwsError(f"{where}: this preview has a recorded state, and no account that could be asked.")
        client = self._client(service, region)
        try:
            answer = getattr(client, xform_name(operation))(**params)
        except ClientError as error:
            raise _explained(error, where, client.meta.endpoint_url) from error
        except ResponseParserError as error:
            raise _not_implemented(where, client.meta.endpoint_url) from error
        except BotoCoreError as error:
            raise AwsError(f"{where}: {error}") from error
        answer.pop("ResponseMetadata", None)
        return answer

    def _client(self, service: str, region: str | None) -> "BaseClient":
        key = (service, region)
        client = self._clients.get(key)
        if client is not None:
            return client
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        with self._lock:
            if key not in self._clients:
                try:
                    self._clients[key] = self._botocore().create_client(
                        service,
                        region_name=region or self.settings.region,
                        aws_access_key_id=self.settings.access_key,
                        aws_secret_access_key=self.settings.secret_key,
                        aws_session_token=self.settings.token,
                        # A local server that fails will fail again: a retry only delays the message.
                        config=Config(
                            retries={"total_max_attempts": 1},
                            max_pool_connections=_CONNECTIONS,
                            s3={"addressing_style": "path"},
                            user_agent_extra="groundwork-provider",
                        ),
                    )
                except BotoCoreError as error:
                    raise AwsError(f"No client for the AWS service {service}: {error}") from error
            return self._clients[key]

    def _botocore(self) -> "Session":
        with self._lock:
            if self._session is None:
                from botocore.session import Session

                self._session = Session(profile=self.settings.profile)
            return self._session


def _explained(error: Any, where: str, endpoint: str) -> AwsError:
    details = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code, message = str(details.get("Code", "")), str(details.get("Message", "")).strip()
    text = f"{code} {message}".lower()
    if status in (404, 500, 501) and (
        code in ("", str(status)) or "<html" in text or "not been implemented" in text or "notimplemented" in text
    ):
        return _not_implemented(where, endpoint)
    return AwsError(f"{where}: {code}: {message}" if message else f"{where}: {code}", code)


def _not_implemented(where: str, endpoint: str) -> AwsError:
    return AwsError(f"{where}: the AWS server at {endpoint} does not implement this operation.", "NotImplemented")
