"""Where the program reads settings that stand elsewhere: AWS by the environment's profile, stacks by the engine."""

from collections.abc import Mapping
from typing import Any, cast

import pulumi

from infra.references.resolve import Sources, has_references
from infra.references.values import Output, Outputs, UnreachableError

READ_STACK_OUTPUTS = "pulumi:pulumi:readStackOutputs"
"""A function of the engine itself, which StackReference is built on: pkg/resource/deploy/builtins.go. It answers at
once, where a StackReference is a resource whose outputs come after the graph has its shape."""


def program_sources(environment: str, raw: Mapping[str, Any]) -> Sources | None:
    """Sources for these settings; None where no setting is a reference, so that nothing is opened for nothing."""
    if not has_references(dict(raw)):
        return None
    # Importing AWS's SDK takes a third of a second.
    from infra.references.from_aws import AwsReader

    def open_session() -> Any:
        import boto3

        profile = str(raw.get("profile") or f"groundwork-{environment}")
        return boto3.Session(profile_name=profile, region_name=str(raw.get("region")))

    reader = AwsReader(open_session, str(raw.get("accountId") or ""))
    return Sources(exports=reader.exports, state=reader.state, stack=stack_outputs)


def stack_outputs(name: str) -> Outputs:
    """Another stack's outputs, as the engine reads them from this stack's backend. Raises UnreachableError."""
    try:
        answer = pulumi.runtime.invoke(READ_STACK_OUTPUTS, {"name": name}).value
    except Exception as error:  # the SDK raises no narrower one
        said = str(error).removeprefix(f"invoke of {READ_STACK_OUTPUTS} failed: ").strip()
        raise UnreachableError(f"{said}; stacks are looked for in this stack's own backend") from None
    found = cast(dict[str, Any], answer)
    secret = set(cast(list[str], found["secretOutputNames"]))
    outputs = cast(dict[str, Any], _whole(found["outputs"]))
    return Outputs(
        where=f"the stack {name}",
        values={key: Output(value=value, sensitive=key in secret) for key, value in outputs.items()},
        hint="An output is there once the stack has been brought up",
    )


def _whole(value: Any) -> Any:
    """The value with whole numbers as such: on their way from the engine all numbers are fractions."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _whole(each) for key, each in cast(dict[str, Any], value).items()}
        case list():
            return [_whole(each) for each in cast(list[Any], value)]
        case _:
            return value


def summary(origins: Mapping[str, str]) -> str:
    """What came from elsewhere, for whoever reads a preview. Values are the resources' to show."""
    count = "1 setting comes" if len(origins) == 1 else f"{len(origins)} settings come"
    return "\n".join([f"{count} from elsewhere:", *(f"  {path}: {reference}" for path, reference in origins.items())])
