"""The table as a Pulumi package schema (https://www.pulumi.com/docs/iac/extending-pulumi/schema/).

`pulumi import` and `pulumi package get-schema` read it. It describes what this plugin takes; programs use the genuine
SDK, which is generated from the genuine schema.
"""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.table import Property, Resource
from local.providers.aws.types import RESOURCES

_ANY = {"$ref": "pulumi.json#/Any"}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_CONFIGURATION: Mapping[str, Any] = {
    "region": {"type": "string"},
    "profile": {"type": "string"},
    "accessKey": {"type": "string", "secret": True},
    "secretKey": {"type": "string", "secret": True},
    "token": {"type": "string", "secret": True},
    "allowedAccountIds": {"type": "array", "items": {"type": "string"}},
    "forbiddenAccountIds": {"type": "array", "items": {"type": "string"}},
    "defaultTags": {"$ref": "#/types/aws:index/ProviderDefaultTags:ProviderDefaultTags"},
}


def schema(version: str) -> dict[str, Any]:
    """The schema document. version: that of the SDK that the plugin answers for."""
    types: dict[str, Any] = {
        "aws:index/ProviderDefaultTags:ProviderDefaultTags": {"type": "object", "properties": {"tags": _TEXTS}}
    }
    return {
        "name": "aws",
        "version": version,
        "description": "The part of AWS that the local stack serves.",
        "config": {"variables": _CONFIGURATION},
        "provider": {"inputProperties": _CONFIGURATION},
        "resources": {token: _resource(resource, types) for token, resource in RESOURCES.items()},
        "types": types,
        "language": {"python": {"readme": "", "compatibility": "tfbridge20"}},
    }


def _resource(resource: Resource, types: dict[str, Any]) -> dict[str, Any]:
    module, _, name = resource.type.removeprefix("aws:").partition("/")
    owner = f"aws:{module}/{{}}:{{}}"
    kind = name.rpartition(":")[2]
    inputs: dict[str, Any] = {}
    for prop in resource.properties:
        inputs[prop.name] = _property(prop, owner, kind, types)
        if prop.replaces and prop.replaces_if is None:
            inputs[prop.name]["willReplaceOnChanges"] = True
    outputs = {**inputs, **{each: dict(_ANY) for each in (*resource.outputs, *resource.derived)}}
    if resource.tagging:
        outputs["tagsAll"] = dict(_TEXTS)
    return {
        "description": resource.docs,
        "inputProperties": inputs,
        "requiredInputs": [prop.name for prop in resource.properties if prop.required],
        "properties": outputs,
    }


def _property(prop: Property, owner: str, parent: str, types: dict[str, Any]) -> dict[str, Any]:
    if prop.kind in ("block", "blocks", "blockset"):
        name = parent + prop.name[:1].upper() + prop.name[1:]
        token = owner.format(name, name)
        types[token] = {
            "type": "object",
            "properties": {each.name: _property(each, owner, name, types) for each in prop.fields},
            "required": [each.name for each in prop.fields if each.required],
        }
        reference = {"$ref": f"#/types/{token}"}
        return reference if prop.kind == "block" else {"type": "array", "items": reference}
    if prop.kind == "set":
        return {"type": "array", "items": {"type": "string"}}
    if prop.kind == "map":
        return dict(_TEXTS)
    if prop.kind == "json":
        return {"type": "string"}
    if isinstance(prop.default, bool):
        return {"type": "boolean"}
    return dict(_ANY)
