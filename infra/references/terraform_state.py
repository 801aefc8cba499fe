"""The outputs in a Terraform state file."""

import json
from collections.abc import Mapping
from typing import Any, cast

from infra.references.values import Output, UnreachableError

FORMAT = 4
"""What Terraform has written since 0.12 and OpenTofu from its beginning; fields: `stateV4` and `outputStateV4` in
https://github.com/hashicorp/terraform/blob/v1.5.7/internal/states/statefile/version4.go."""
ENCRYPTED = "encryption_version"
"""The mark of a state that OpenTofu has encrypted: `basedata` in
https://github.com/opentofu/opentofu/blob/v1.7.0/internal/encryption/base.go."""


def outputs_of(content: bytes) -> Mapping[str, Output]:
    """The outputs of the root module, which are all that a state publishes, by name.

    Raises UnreachableError for what is no state file, an encrypted one and one of another format.
    """
    try:
        document: Any = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise UnreachableError("it is no Terraform state file, which is a JSON object")
    state = cast(dict[str, Any], document)
    if ENCRYPTED in state:
        raise UnreachableError(
            "OpenTofu has encrypted it, and its key is not known here: publish the output otherwise (an SSM parameter "
            "or a CloudFormation export), or write the value itself"
        )
    if state.get("version") != FORMAT:
        raise UnreachableError(
            f"it has format {json.dumps(state.get('version'))}, and read is format {FORMAT}: `terraform apply` with "
            "Terraform 0.12 or newer writes that"
        )
    found: Any = state.get("outputs") or {}
    if not isinstance(found, dict):
        raise UnreachableError("its `outputs` are no JSON object")
    given = cast(dict[str, Any], found)
    return {name: _output(name, each) for name, each in given.items()}


def _output(name: str, given: Any) -> Output:
    if not isinstance(given, dict) or "value" not in given:
        raise UnreachableError(f"its output {name!r} has no value")
    each = cast(dict[str, Any], given)
    return Output(value=each["value"], sensitive=each.get("sensitive") is True)
