"""A function as it is kept: its configuration, its tags, and the archive with its code."""

import base64
import hashlib
import io
import re
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.aws_server.operations import Call, Server, ServiceError

KIND = "lambda:function"
MOST_VARIABLE_BYTES = 4096
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html (environment variables)"""
MOST_ZIP_BYTES = 50 * 1024 * 1024
"""Of an archive in the request, by the same page."""
DEFAULTS: Mapping[str, Any] = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "PackageType": "Zip",
    "Architectures": ["x86_64"],
    "EphemeralStorage": {"Size": 512},
    "TracingConfig": {"Mode": "PassThrough"},
}
"""What CreateFunction fills in (https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html)."""


@dataclass(frozen=True)
class Function:
    """One function. configuration: what GetFunctionConfiguration answers. digest: SHA-256 of its archive, in hex."""

    configuration: dict[str, Any]
    digest: str
    tags: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def name(self) -> str:
        """FunctionName."""
        return self.configuration["FunctionName"]

    @property
    def arn(self) -> str:
        """FunctionArn."""
        return self.configuration["FunctionArn"]

    def archive(self, server: Server) -> Path:
        """Where its code lies."""
        return server.settings.state_dir / "lambda" / f"{self.digest}.zip"


def name_in(text: str) -> str:
    """A function's name out of a name, an ARN or a part of one."""
    match = re.fullmatch(r"(?:arn:[^:]+:lambda:[^:]*:)?(?:\d{12}:)?(?:function:)?([\w-]+)(?::[\w$-]+)?", text)
    if match is None:
        raise ServiceError("InvalidParameterValueException", f"{text!r} is neither a function's name nor its ARN.")
    return match[1]


def find(call: Call, name: str) -> Function:
    """A function of the caller's region. Raises ResourceNotFoundException."""
    found = call.server.records.get(KIND, f"{call.region}/{name_in(name)}")
    if found is None:
        arn = f"arn:aws:lambda:{call.region}:{call.account_id}:function:{name_in(name)}"
        raise ServiceError("ResourceNotFoundException", f"Function not found: {arn}", status=404)
    return found


def save(call: Call, function: Function) -> dict[str, Any]:
    """Keep it; what GetFunctionConfiguration answers."""
    call.server.records.put(KIND, f"{call.region}/{function.name}", function)
    return function.configuration


def with_code(call: Call, configuration: dict[str, Any], code: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The configuration with what follows from the code, and the code's digest. The archive is on disk then."""
    content = _content(call, code)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.namelist()
    except zipfile.BadZipFile as error:
        raise ServiceError(
            "InvalidParameterValueException",
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        ) from error
    digest = hashlib.sha256(content)
    folder = call.server.settings.state_dir / "lambda"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{digest.hexdigest()}.zip").write_bytes(content)
    made = {"CodeSha256": base64.b64encode(digest.digest()).decode(), "CodeSize": len(content)}
    return configuration | made, digest.hexdigest()


def _content(call: Call, code: Mapping[str, Any]) -> bytes:
    if content := code.get("ZipFile"):
        if len(content) > MOST_ZIP_BYTES:
            raise ServiceError("RequestEntityTooLargeException", "The archive has more than 50 MB.", status=413)
        return content
    if code.get("S3Bucket") and code.get("S3Key"):
        request = {"Bucket": code["S3Bucket"], "Key": code["S3Key"]}
        return call.server.call("s3", "GetObject", request, region=call.region)["Body"]
    raise ServiceError("InvalidParameterValueException", "The local AWS server runs functions from a zip archive.")


def checked(call: Call, configuration: dict[str, Any]) -> dict[str, Any]:
    """The configuration with its defaults. Raises ServiceError for what AWS refuses, or what cannot run here."""
    runtime = configuration.get("Runtime") or ""
    if configuration.get("PackageType") == "Image" or not runtime.startswith("python3."):
        raise ServiceError(
            "InvalidParameterValueException",
            f"The local AWS server runs Python functions only, not {runtime or 'images'}.",
        )
    if not configuration.get("Handler"):
        raise ServiceError("InvalidParameterValueException", "Handler is required for a zip archive.")
    variables = (configuration.get("Environment") or {}).get("Variables") or {}
    if sum(len(key.encode()) + len(value.encode()) for key, value in variables.items()) > MOST_VARIABLE_BYTES:
        raise ServiceError(
            "InvalidParameterValueException",
            "Lambda was unable to configure your environment variables because the environment variables you have "
            "provided exceeded the 4KB limit.",
        )
    require_role(call.server, configuration["Role"])
    name = configuration["FunctionName"]
    logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}", **(configuration.get("LoggingConfig") or {})}
    return {**DEFAULTS, **configuration, "LoggingConfig": logging} | {
        "LastModified": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "+0000",
        "RevisionId": str(uuid.uuid4()),
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }


def require_role(server: Server, role_arn: str, service: str = "lambda.amazonaws.com") -> None:
    """Raises InvalidParameterValueException unless the role exists and a service may assume it."""
    try:
        role = server.call("iam", "GetRole", {"RoleName": role_arn.rpartition("/")[2]})["Role"]
        if service in str(role["AssumeRolePolicyDocument"]):
            return
    except ServiceError as error:
        if error.code != "NoSuchEntity":
            raise
    raise ServiceError(
        "InvalidParameterValueException", f"The role defined for the function cannot be assumed by Lambda: {role_arn}"
    )
