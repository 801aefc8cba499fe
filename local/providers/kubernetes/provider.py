"""The provider as the engine sees it: Pulumi's ResourceProvider service over any kind of a Kubernetes API."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import empty_pb2

from local.kubernetes.api import ApiError
from local.providers.kubernetes import kubeconfig
from local.providers.kubernetes.answers import diff_response, fail, fail_incomplete, properties
from local.providers.kubernetes.check import checked
from local.providers.kubernetes.difference import Change, changes, within
from local.providers.kubernetes.drift import imported_inputs, refreshed_inputs
from local.providers.kubernetes.lifecycle import (
    DEFAULT_TIMEOUT_S,
    PATCH_FORCE,
    Cluster,
    IncompleteError,
    KindNotServedError,
    ObjectError,
    is_immutable_refusal,
)
from local.providers.kubernetes.objects import (
    FIELD_MANAGER,
    IMPORTED,
    UnsupportedTypeError,
    field_manager,
    is_annotated,
    name_of,
    outputs,
    split_id,
    type_of,
    version_and_kind,
)
from local.providers.kubernetes.replacement import replaces
from local.providers.kubernetes.settings import Settings, parsed, replacing_settings
from local.providers.recorded import recorded_caller
from local.providers.stubs import plugin_pb2, provider_pb2, provider_pb2_grpc
from local.providers.values import UNKNOWN, contains_unknown, from_struct, to_struct


class KubernetesProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves every kind that the API server serves. Each failure is one message that names the object."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._settings = Settings()
        self._connected: Cluster | None = None
        self._connecting = threading.Lock()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self._version)

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ProviderHandshakeResponse()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        if self._connected:
            self._connected.cancelled.set()
        return empty_pb2.Empty()

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "kubernetes", "version": self._version}))

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        olds = from_struct(request.old_inputs if request.HasField("old_inputs") else request.olds)
        news = from_struct(request.news)
        changed = list(changes(olds, news))
        replaced = replacing_settings(olds, news)
        return diff_response(changed, {change.path for change in changed if change.path[0] in replaced})

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._settings = parsed(from_struct(request.args))
        self._connected = None
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        def work() -> Any:
            inputs, failures = checked(
                request.urn, from_struct(request.news), from_struct(request.olds), request.randomSeed
            )
            return provider_pb2.CheckResponse(
                inputs=to_struct(inputs),
                failures=[provider_pb2.CheckFailure(property=prop, reason=reason) for prop, reason in failures],
            )

        return _guarded(context, work)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        state, news = from_struct(request.olds), from_struct(request.news)
        olds = from_struct(request.old_inputs) if request.HasField("old_inputs") else state
        if state.get(IMPORTED) and olds == imported_inputs(_object(state)):
            olds = within(olds, news)

        def work() -> Any:
            changed = list(changes(olds, news))
            if not changed:
                return diff_response([], set())
            group = str(news["apiVersion"]).rpartition("/")[0]
            moved = self._is_moved(request.id, news)
            replaced = {
                change.path
                for change in changed
                if replaces(group, news["kind"], change.path, self._settings.mutable)
                and (change.path != ("metadata", "namespace") or moved)
            }
            if not replaced and not contains_unknown(news) and not recorded_caller():
                replaced = self._immutable(request.urn, request.id, news, state, changed)
            # Two objects of one name cannot be there at once.
            same_name = news["metadata"].get("name") == split_id(request.id)[1] and not moved
            return diff_response(changed, replaced, delete_first=bool(replaced) and same_name)

        return _guarded(context, work)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs = from_struct(request.properties)
        if request.preview:
            return _guarded(
                context,
                lambda: provider_pb2.CreateResponse(properties=properties(self._planned(inputs, request.urn))),
            )
        manager = field_manager(request.urn)

        def work() -> Any:
            token, name = type_of(request.urn), name_of(request.urn)
            object_id, state = self._cluster().create(
                inputs,
                manager,
                upsert="upsertExistingObjects" in self._settings.switches,
                force=self._force(inputs),
                hint=f"`pulumi import {token} {name} NAMESPACE/NAME`",
                timeout_s=request.timeout or DEFAULT_TIMEOUT_S,
            )
            return provider_pb2.CreateResponse(id=object_id, properties=properties({**state, FIELD_MANAGER: manager}))

        return _guarded(context, work, inputs, manager)

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs, state = from_struct(request.inputs), from_struct(request.properties)

        def work() -> Any:
            version, kind = version_and_kind(type_of(request.urn))
            cluster = self._cluster()
            try:
                target = cluster.target_of_id(str(inputs.get("apiVersion") or version), kind, request.id)
            except KindNotServedError:
                return provider_pb2.ReadResponse()
            live = cluster.find(target)
            if live is None:
                return provider_pb2.ReadResponse()
            seen = outputs(live)
            if state.get("metadata"):
                kept = {key: state[key] for key in (FIELD_MANAGER, IMPORTED) if key in state}
                found = refreshed_inputs(inputs, state, live)
            else:
                kept = {FIELD_MANAGER: field_manager(request.urn), IMPORTED: True}
                found = imported_inputs(live)
            return provider_pb2.ReadResponse(
                id=target.id, properties=properties({**seen, **kept}), inputs=properties(found)
            )

        return _guarded(context, work)

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        state, news = from_struct(request.olds), from_struct(request.news)
        manager = state.get(FIELD_MANAGER) or field_manager(request.urn)
        if request.preview:
            return _guarded(
                context,
                lambda: provider_pb2.UpdateResponse(
                    properties=properties(self._planned(news, request.urn, request.id, state))
                ),
            )

        def work() -> Any:
            cluster = self._cluster()
            target = cluster.target_of_id(news["apiVersion"], news["kind"], request.id)
            seen = cluster.update(target, news, manager, state, self._force(news), request.timeout or DEFAULT_TIMEOUT_S)
            return provider_pb2.UpdateResponse(properties=properties({**seen, FIELD_MANAGER: manager}))

        return _guarded(context, work, news, manager)

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        state = from_struct(request.properties)

        def work() -> Any:
            version, kind = version_and_kind(type_of(request.urn))
            cluster = self._cluster()
            try:
                target = cluster.target_of_id(str(state.get("apiVersion") or version), kind, request.id)
                cluster.delete(target, state, request.timeout or DEFAULT_TIMEOUT_S)
            except KindNotServedError:
                pass
            except ObjectError as error:
                unreachable = isinstance(error.__cause__, ApiError) and error.__cause__.status == 0
                if not unreachable:
                    raise
                if "deleteUnreachable" not in self._settings.switches:
                    raise ObjectError(
                        f"{error}. If the cluster is gone for good, PULUMI_K8S_DELETE_UNREACHABLE=true drops its "
                        "objects from the state."
                    ) from error
            return empty_pb2.Empty()

        return _guarded(context, work)

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        fail(context, f"{request.tok}: the local Kubernetes provider has no functions.")

    def _cluster(self) -> Cluster:
        # Once for all requests, or each would run the kubeconfig's exec command.
        with self._connecting:
            if self._connected is None:
                settings = self._settings
                connection = kubeconfig.connect(settings.kubeconfig, settings.context, settings.cluster)
                self._connected = Cluster(connection.client, settings.namespace or connection.namespace)
            return self._connected

    def _force(self, inputs: Mapping[str, Any]) -> bool:
        return "enablePatchForce" in self._settings.switches or is_annotated(inputs, PATCH_FORCE)

    def _is_moved(self, object_id: str, news: Mapping[str, Any]) -> bool:
        """Whether the inputs lead to another namespace than the object is in: saying `default` out loud is no move."""
        metadata = news["metadata"]
        if not isinstance(metadata, Mapping) or metadata.get("namespace") is UNKNOWN:
            return True
        there = split_id(object_id)[0]
        if there is None:
            return False
        return (metadata.get("namespace") or self._cluster().default_namespace) != there

    def _immutable(
        self, urn: str, object_id: str, news: Mapping[str, Any], state: Mapping[str, Any], changed: list[Change]
    ) -> set[tuple[str | int, ...]]:
        """The changes that the API server refuses because their field cannot change, found by a dry run."""
        try:
            cluster = self._cluster()
            target = cluster.target_of_id(news["apiVersion"], news["kind"], object_id)
            manager = state.get(FIELD_MANAGER) or field_manager(urn)
            cluster.apply(target, news, manager, force=True, dry_run=True)
        except ApiError as error:
            if not is_immutable_refusal(error):
                return set()  # the update itself, or its preview, will say it
            fields = [str(cause.get("field") or "") for cause in error.causes]
            named = {c.path for c in changed if any(_is_at(c.path, path) for path in fields)}
            return named or {c.path for c in changed if c.path[0] != "metadata"}
        except (ObjectError, kubeconfig.KubeconfigError):
            return set()
        return set()

    def _planned(
        self, inputs: Mapping[str, Any], urn: str, object_id: str | None = None, state: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The object as the API server says it would become; the bare inputs where it cannot say yet.

        It cannot when a value, the kind or the namespace comes with this very update, or when an object that is to be
        replaced still has the name.
        """
        plan = {key: value for key, value in inputs.items() if key != "__defaults"}
        if contains_unknown(inputs) or not inputs["metadata"].get("name"):
            return plan
        if recorded_caller():
            return {**(state or {}), **plan}
        cluster = self._cluster()
        try:
            if object_id is None:
                target = cluster.target(inputs)
                if cluster.find(target) is not None:
                    return plan
            else:
                target = cluster.target_of_id(inputs["apiVersion"], inputs["kind"], object_id)
            manager = (state or {}).get(FIELD_MANAGER) or field_manager(urn)
            would_be = cluster.apply(target, inputs, manager, force=True, dry_run=True)
        except KindNotServedError:
            return plan
        except ApiError as error:
            if error.status == 404:
                return plan
            title = f"{inputs['kind']} {object_id or inputs['metadata']['name']}"
            raise ObjectError(f"{title} would be refused: {error.message}") from error
        planned = outputs(would_be)
        if object_id is None:
            planned.pop("status", None)
            planned["metadata"] = {**planned["metadata"], "uid": UNKNOWN, "creationTimestamp": UNKNOWN}
        return planned


def _object(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in state.items() if not key.startswith("__")}


def _is_at(path: tuple[str | int, ...], field_path: str) -> bool:
    dotted = ".".join(str(part) for part in path if not isinstance(part, int))
    bare = ".".join(part.split("[")[0] for part in field_path.split("."))
    return bool(bare) and (dotted == bare or dotted.startswith(f"{bare}.") or bare.startswith(f"{dotted}."))


def _guarded(
    context: Any, work: Callable[[], Any], inputs: Mapping[str, Any] | None = None, manager: str | None = None
) -> Any:
    try:
        return work()
    except IncompleteError as error:
        state = {**error.state, FIELD_MANAGER: manager}
        fail_incomplete(context, str(error), error.object_id, state, inputs or {})
    except (ObjectError, UnsupportedTypeError, kubeconfig.KubeconfigError) as error:
        fail(context, str(error))
    except ApiError as error:
        fail(context, error.message)
