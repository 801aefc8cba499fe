"""Functions of AWS Lambda."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging

_GONE = ("ResourceNotFoundException",)
_CONFIGURATION = (
    *(
        "description",
        "environment",
        "handler",
        "kmsKeyArn",
        "loggingConfig",
        "memorySize",
        "role",
        "runtime",
        "timeout",
    ),
)
_EPOCH = (1980, 1, 1, 0, 0, 0)


def _files(archive: Any) -> dict[str, bytes]:
    """Path to content of the archive that a program hands over (`pulumi.AssetArchive` of strings or files)."""
    assets: Mapping[str, Mapping[str, Any]] = (archive or {}).get("assets") or {}
    return {
        name: asset["text"].encode() if "text" in asset else Path(asset["path"]).read_bytes()
        for name, asset in assets.items()
    }


def _alike(archive: Any) -> Any:
    """Two archives of the same files are one and the same code."""
    return {name: hash(content) for name, content in _files(archive).items()} if archive else None


def _zipped(archive: Any) -> bytes:
    """The same bytes for the same files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in sorted(_files(archive).items()):
            made.writestr(zipfile.ZipInfo(name, _EPOCH), content)
    return target.getvalue()


def _check(inputs: Mapping[str, Any]) -> str | None:
    archive = inputs.get("code")
    if isinstance(archive, Mapping) and "assets" not in archive:
        return "the local AWS provider takes the code of a function as an AssetArchive of strings and files."
    return None if archive else "a function needs code (an AssetArchive); images and S3 objects are not taken here."


def _create(context: Context) -> dict[str, Any]:
    members = {f"{name[0].upper()}{name[1:]}": f"${name}" for name in _CONFIGURATION}
    members["KMSKeyArn"] = members.pop("KmsKeyArn")
    return context.create(
        Call(
            "CreateFunction",
            {
                "FunctionName": "$name",
                **members,
                "Architectures": "$architectures",
                "Code": {"ZipFile": _zipped(context.new.get("code"))},
            },
        )
    )


def _update_code(context: Context) -> None:
    context.call(
        "UpdateFunctionCode",
        {
            "FunctionName": context.id,
            "ZipFile": _zipped(context.new.get("code")),
            "Architectures": context.value("architectures"),
        },
    )


def _update_configuration(context: Context) -> None:
    params: dict[str, Any] = {"FunctionName": context.id}
    for name in _CONFIGURATION:
        value = context.value(name)
        member = "KMSKeyArn" if name == "kmsKeyArn" else f"{name[0].upper()}{name[1:]}"
        if value is None:
            value = {"environment": {"variables": {}}, "kmsKeyArn": "", "description": ""}.get(name)
        if value is not None:
            params[member] = value
    context.call("UpdateFunctionConfiguration", params)


def _tell(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    """What was taken back is empty text or an empty structure in the answer."""
    actual["kmsKeyArn"] = actual.get("kmsKeyArn") or None
    if not (actual.get("environment") or {}).get("variables"):
        actual["environment"] = None


FUNCTION = Resource(
    type="aws:lambda/function:Function",
    service="lambda",
    docs=page("function", "lambda"),
    id="{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=64, path="FunctionName"),
        Property("role", required=True),
        Property("handler"),
        Property("runtime"),
        Property("code", path="", alike=_alike),
        Property("architectures", "set", default=["x86_64"]),
        Property("description", default=""),
        Property("environment", "block", fields=(Property("variables", "map"),)),
        Property("kmsKeyArn", path="KMSKeyArn"),
        Property(
            "loggingConfig",
            "block",
            computed=True,
            fields=(Property("logFormat", required=True), Property("logGroup", computed=True)),
        ),
        Property("memorySize", default=128),
        Property("timeout", default=3),
        Property("tags", "map"),
    ),
    create=Function(_create),
    reads=(
        Read("GetFunction", {"FunctionName": "$id"}, "Configuration", gone=_GONE),
        Read("ListTags", {"Resource": "$document.FunctionArn"}, "Tags", into="tags", gone=_GONE),
    ),
    updates=(
        Function(_update_code, on=("code", "architectures")),
        Function(_update_configuration, on=_CONFIGURATION),
    ),
    delete=(Call("DeleteFunction", {"FunctionName": "$id"}, ignore=_GONE),),
    outputs={
        "arn": "FunctionArn",
        "codeSha256": "CodeSha256",
        "lastModified": "LastModified",
        "sourceCodeSize": "CodeSize",
        "version": "Version",
    },
    derived={"invokeArn": "arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations"},
    shape=_tell,
    stable=("arn", "invokeArn"),
    tagging=Tagging(
        member="Tags",
        style="map",
        path="tags",
        add=Call("TagResource", {"Resource": "$arn", "Tags": "$tags"}),
        remove=Call("UntagResource", {"Resource": "$arn", "TagKeys": "$tagKeys"}),
    ),
    unique=("name",),
    check=_check,
)

TYPES = (FUNCTION,)
