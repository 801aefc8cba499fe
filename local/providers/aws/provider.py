"""The provider as the engine sees it: Pulumi's ResourceProvider service over the resource table.

The service is written on the SDK's own messages and not on `pulumi.provider.experimental`: that base class keeps the
old inputs from `diff` (without them a refreshed drift cannot be told from a changed program), cannot report a resource
that exists but is not complete, and imports the whole SDK. Requests run in threads, because the AWS client blocks.
"""

import json
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, empty_pb2

from local.providers import created
from local.providers.aws import lifecycle
from local.providers.aws.clients import Aws, AwsError, Settings
from local.providers.aws.diff import difference
from local.providers.aws.inputs import checked
from local.providers.aws.invokes import INVOKES
from local.providers.aws.table import Property, Resource
from local.providers.aws.tags import all_tags
from local.providers.aws.types import RESOURCES
from local.providers.stubs import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from local.providers.values import UNKNOWN, from_struct, to_struct

_INTERNAL = ("id", "__defaults")


class AwsProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves the resource types of the table. Each failure is one message that names what was being done."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._aws = Aws(Settings())

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self._version)

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        from local.providers.aws.schema import schema

        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema(self._version)))

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_UNKNOWN)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._aws = Aws(_settings(from_struct(request.args)))
        try:
            if self._aws.settings.allowed_account_ids or self._aws.settings.forbidden_account_ids:
                self._aws.check_account()
        except AwsError as error:
            _fail(context, str(error))
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        resource = _resource(request.urn, context)
        inputs, failures = checked(
            resource,
            _name(request.urn),
            from_struct(request.news),
            from_struct(request.olds),
            request.randomSeed,
            self._aws.settings.default_tags,
        )
        return provider_pb2.CheckResponse(
            inputs=to_struct(inputs),
            failures=[provider_pb2.CheckFailure(property=prop, reason=reason) for prop, reason in failures],
        )

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        resource = _resource(request.urn, context)
        state, news = from_struct(request.olds), from_struct(request.news)
        olds = from_struct(request.old_inputs) if request.HasField("old_inputs") else state
        result = difference(self._aws, resource, olds, news, state, list(request.ignoreChanges))
        kinds = provider_pb2.PropertyDiff.Kind
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if result.changes else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=result.replaces,
            stables=[*resource.stable, "id"] if not result.replaces else [],
            deleteBeforeReplace=result.delete_first,
            diffs=sorted({change.path.split(".")[0] for change in result.changes}),
            detailedDiff={
                change.path: provider_pb2.PropertyDiff(
                    kind=kinds.Value(change.kind + ("_REPLACE" if change.replaces else "")), inputDiff=change.input
                )
                for change in result.changes
            },
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        resource, inputs = _resource(request.urn, context), from_struct(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=to_struct(self._planned(resource, inputs)))

        def work() -> Any:
            made = partial(created.note, request.urn)
            found = lifecycle.create(self._aws, resource, _name(request.urn), inputs, request.timeout, made)
            return provider_pb2.CreateResponse(id=found.id, properties=to_struct(found.state))

        return _guarded(context, work, inputs)

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        resource = _resource(request.urn, context)
        inputs, state = from_struct(request.inputs), from_struct(request.properties)

        def work() -> Any:
            found = lifecycle.read(self._aws, resource, _name(request.urn), request.id, inputs, state)
            if found is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=found.id, properties=to_struct(found.state), inputs=to_struct(found.inputs)
            )

        return _guarded(context, work, inputs)

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        resource = _resource(request.urn, context)
        state, news = from_struct(request.olds), from_struct(request.news)
        olds = from_struct(request.old_inputs) if request.HasField("old_inputs") else state
        if request.preview:
            properties = {**state, **self._planned(resource, news, known=state)}
            return provider_pb2.UpdateResponse(properties=to_struct(properties))

        def work() -> Any:
            found = lifecycle.update(
                self._aws, resource, _name(request.urn), request.id, olds, news, state, request.timeout
            )
            return provider_pb2.UpdateResponse(properties=to_struct(found.state))

        return _guarded(context, work, news)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        resource, state = _resource(request.urn, context), from_struct(request.properties)

        def work() -> Any:
            lifecycle.delete(self._aws, resource, _name(request.urn), request.id, state, request.timeout)
            return empty_pb2.Empty()

        return _guarded(context, work, {})

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        function = INVOKES.get(request.tok)
        if function is None:
            _fail(context, f"{request.tok}: the local AWS provider knows the functions {', '.join(sorted(INVOKES))}.")

        def work() -> Any:
            answer = provider_pb2.InvokeResponse()
            getattr(answer, "return").CopyFrom(to_struct(function(self._aws, from_struct(request.args))))
            return answer

        return _guarded(context, work, {})

    def _planned(
        self, resource: Resource, inputs: Mapping[str, Any], known: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The properties that a create (or, with what is `known`, an update) will lead to, as far as one can tell."""
        plan: dict[str, Any] = {} if known else dict.fromkeys((*resource.outputs, *resource.derived), UNKNOWN)
        for prop in resource.properties:
            if prop.name not in inputs and not (known and prop.computed):
                plan[prop.name] = UNKNOWN if prop.computed else prop.default
        if resource.tagging:
            plan["tagsAll"] = all_tags(self._aws.settings.default_tags, inputs.get("tags"))
        told = {name: value for name, value in inputs.items() if name not in _INTERNAL}
        for prop in resource.properties:
            told = {**told, **_kept(prop, told.get(prop.name), (known or {}).get(prop.name))}
        return {**plan, **told}


def _kept(prop: Property, told: Any, known: Any) -> dict[str, Any]:
    """A block with what AWS had put into it, such as a cluster's own security group: an update leaves that alone."""
    if prop.kind != "block" or not isinstance(told, Mapping) or not isinstance(known, Mapping):
        return {}
    computed = {each.name for each in prop.fields if each.computed and each.name in known}
    return {prop.name: {**{name: known[name] for name in computed}, **told}}


def _guarded(context: Any, work: Callable[[], Any], inputs: Mapping[str, Any]) -> Any:
    try:
        return work()
    except lifecycle.IncompleteError as error:
        _fail_incomplete(context, error, inputs)
    except AwsError as error:
        _fail(context, str(error))
    except Exception as error:
        traceback.print_exc()
        _fail(context, f"The local AWS provider failed (its own fault): {type(error).__name__}: {error}")


def _fail(context: Any, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError


def _fail_incomplete(context: Any, error: lifecycle.IncompleteError, inputs: Mapping[str, Any]) -> NoReturn:
    """Tell the engine that the resource exists, so that it is kept in the state and completed by the next `up`."""
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=error.resource_id, properties=to_struct(error.state), reasons=[str(error)], inputs=to_struct(inputs)
        )
    )
    code, number = grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNKNOWN.value[0]
    status = status_pb2.Status(code=number, message=str(error), details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, str(error))
    raise AssertionError


def _resource(urn: str, context: Any) -> Resource:
    token = urn.split("::")[2].rpartition("$")[2]
    resource = RESOURCES.get(token)
    if resource is None:
        _fail(
            context,
            f"{token} is not a resource type that the local AWS provider knows "
            f"({len(RESOURCES)} are; `groundwork local types` lists them).",
        )
    return resource


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]


def _settings(config: Mapping[str, Any]) -> Settings:
    values = {name: _parsed(value) for name, value in config.items() if value is not UNKNOWN}
    default_tags = values.get("defaultTags") or {}
    return Settings(
        region=values.get("region"),
        profile=values.get("profile"),
        access_key=values.get("accessKey"),
        secret_key=values.get("secretKey"),
        token=values.get("token"),
        allowed_account_ids=tuple(values.get("allowedAccountIds") or ()),
        forbidden_account_ids=tuple(values.get("forbiddenAccountIds") or ()),
        default_tags=dict(default_tags.get("tags") or {}),
    )


def _parsed(value: Any) -> Any:
    """The SDK sends structured configuration as JSON text."""
    if isinstance(value, str) and value[:1] in "[{":
        return json.loads(value)
    return value
