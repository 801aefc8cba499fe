"""Reads what other people publish, for a command that runs beside the program and not in it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar, cast

from infra.references.from_aws import AwsReader
from infra.references.resolve import Sources
from infra.references.values import Output, Outputs, UnreachableError
from local.errors import LocalStackError
from operations.engine_run import StackEngine, stack_engine
from operations.environments import OperatedEnvironment, boto_session

Made = TypeVar("Made")
SECRET = "[secret]"  # noqa: S105 - what stands where a secret is, and no secret
"""What `pulumi stack output` shows for a secret without --show-secrets: cmd/pulumi/stack/stack_output.go."""


def environment_sources(env: OperatedEnvironment, session: Any | None = None) -> Sources:
    """How places are read for an environment. Nothing is opened before it is asked for.

    session: a boto3 session to ask AWS with, instead of one of the environment's profile.
    """
    reader = AwsReader(lambda: session or _told(lambda: boto_session(env)), env.account_id)
    return Sources(
        exports=reader.exports,
        state=reader.state,
        stack=lambda name: stack_outputs(_told(lambda: stack_engine(env)), name),
    )


def stack_outputs(engine: StackEngine, name: str) -> Outputs:
    """Another stack's outputs, its secrets unread. Raises UnreachableError."""
    done = replace(engine, stack=name).quiet("stack", "output", "--json")
    if done.returncode:
        said = done.stderr.strip().removeprefix("error: ")
        raise UnreachableError(f"{said}; stacks are looked for in this stack's own backend")
    outputs = cast(dict[str, Any], json.loads(done.stdout or "{}"))
    return Outputs(
        where=f"the stack {name}",
        values={key: Output(value=value, sensitive=_holds_secret(value)) for key, value in outputs.items()},
        hint="An output is there once the stack has been brought up",
    )


def _holds_secret(value: Any) -> bool:
    match value:
        case dict():
            return any(_holds_secret(each) for each in cast(dict[str, Any], value).values())
        case list():
            return any(_holds_secret(each) for each in cast(list[Any], value))
        case _:
            return value == SECRET


def _told(make: Callable[[], Made]) -> Made:
    try:
        return make()
    except LocalStackError as error:
        raise UnreachableError(str(error.message).rstrip(".")) from None
