"""The platform's admin: the IAM user whose access key the local stack's AWS profile holds."""

import configparser
import json
import os
from pathlib import Path

from local.aws_server.operations import ADMIN_USER, REGION, Server, ServerSettings, ServiceError

PROFILE = "groundwork-local"


def ensure_admin(server: Server) -> str:
    """The admin's access key id; makes the user, its policy and a random key at the first start.

    Writes the SDK's configuration and credentials files where the settings name them.
    """
    key = server.records.get("server", "admin-key")
    if key is None:
        for operation, params in (
            ("CreateUser", {"UserName": ADMIN_USER}),
            ("PutUserPolicy", {"UserName": ADMIN_USER, "PolicyName": "admin", "PolicyDocument": _ADMIN_POLICY}),
        ):
            try:
                server.call("iam", operation, params, access_key_id="")
            except ServiceError as error:
                if error.code != "EntityAlreadyExists":
                    raise
        created = server.call("iam", "CreateAccessKey", {"UserName": ADMIN_USER}, access_key_id="")["AccessKey"]
        key = (created["AccessKeyId"], created["SecretAccessKey"])
        server.records.put("server", "admin-key", key)
    write_profile(server.settings, *key)
    return key[0]


_ADMIN_POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


def write_profile(settings: ServerSettings, access_key_id: str, secret_access_key: str) -> None:
    """Writes the two files that the AWS SDKs read, with the profile groundwork-local."""
    if settings.aws_config is not None:
        values = {"region": REGION, "endpoint_url": settings.url, "output": "json"}
        _write(settings.aws_config, f"profile {PROFILE}", values)
    if settings.aws_credentials is not None:
        values = {"aws_access_key_id": access_key_id, "aws_secret_access_key": secret_access_key}
        _write(settings.aws_credentials, PROFILE, values)


def _write(file: Path, section: str, values: dict[str, str]) -> None:
    parser = configparser.RawConfigParser()
    parser[section] = values
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_suffix(".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        parser.write(stream)
    draft.replace(file)
