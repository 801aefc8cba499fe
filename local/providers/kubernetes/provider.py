"""The provider as the engine sees it: Pulumi's ResourceProvider service over any kind of a Kubernetes API."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2, empty_pb2

from local.kubernetes.api import ApiError
from local.providers.kubernetes import kubeconfig
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
from local.providers.stubs import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from local.providers.values import UNKNOWN, contains_unknown, from_struct, to_struct

_SWITCHES = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
}
"""The provider's settings that are true or false, and the variables that set them where the program does not."""


@dataclass(frozen=True)
class Settings:
    """The provider's configuration, by the names of its documentation."""

    kubeconfig: str | None = None
    context: str | None = None
    cluster: str | None = None
    namespace: str | None = None
    switches: frozenset[str] = field(default_factory=frozenset)

    @property
    def mutable(self) -> frozenset[str]:
        kinds = {"ConfigMap": "enableConfigMapMutable", "Secret": "enableSecretMutable"}
        return frozenset(kind for kind, switch in kinds.items() if switch in self.switches)


class KubernetesProvider(provider_pb2_grpc.ResourceProviderServicer):
    """Serves every kind that the API server serves. Each failure is one message that names the object."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._settings = Settings()
        self._connected: Cluster | None = None

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
        replaced = _replacing_settings(olds, news)
        return _diff_response(changed, {change.path for change in changed if change.path[0] in replaced})

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        config = {name: value for name, value in from_struct(request.args).items() if value is not UNKNOWN}
        switches = {
            name
            for name, variable in _SWITCHES.items()
            if str(config.get(name, os.environ.get(variable, ""))).lower() in ("true", "1")
        }
        texts = {name: config.get(name) for name in ("kubeconfig", "context", "cluster", "namespace")}
        self._settings = Settings(**texts, switches=frozenset(switches))
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
        if state.get(IMPORTED):
            olds = within(olds, news)

        def work() -> Any:
            changed = list(changes(olds, news))
            if not changed:
                return _diff_response([], set())
            group = str(news["apiVersion"]).rpartition("/")[0]
            moved = self._is_moved(request.id, news)
            replaced = {
                change.path
                for change in changed
                if replaces(group, news["kind"], change.path, self._settings.mutable)
                and (change.path != ("metadata", "namespace") or moved)
            }
            if not replaced and not contains_unknown(news):
                replaced = self._immutable(request.urn, request.id, news, state, changed)
            # Two objects of one name cannot be there at once.
            same_name = news["metadata"].get("name") == split_id(request.id)[1] and not moved
            return _diff_response(changed, replaced, delete_first=bool(replaced) and same_name)

        return _guarded(context, work)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        inputs = from_struct(request.properties)
        if request.preview:
            return _guarded(
                context,
                lambda: provider_pb2.CreateResponse(properties=to_struct(self._planned(inputs, request.urn))),
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
            return provider_pb2.CreateResponse(id=object_id, properties=to_struct({**state, FIELD_MANAGER: manager}))

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
                id=target.id, properties=to_struct({**seen, **kept}), inputs=to_struct(found)
            )

        return _guarded(context, work)

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        state, news = from_struct(request.olds), from_struct(request.news)
        manager = state.get(FIELD_MANAGER) or field_manager(request.urn)
        if request.preview:
            return _guarded(
                context,
                lambda: provider_pb2.UpdateResponse(
                    properties=to_struct(self._planned(news, request.urn, request.id, state))
                ),
            )

        def work() -> Any:
            cluster = self._cluster()
            target = cluster.target_of_id(news["apiVersion"], news["kind"], request.id)
            seen = cluster.update(target, news, manager, state, self._force(news), request.timeout or DEFAULT_TIMEOUT_S)
            return provider_pb2.UpdateResponse(properties=to_struct({**seen, FIELD_MANAGER: manager}))

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
        _fail(context, f"{request.tok}: the local Kubernetes provider has no functions.")

    def _cluster(self) -> Cluster:
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
        wanted = metadata.get("namespace")
        if wanted is None:
            settings = self._settings
            context = kubeconfig.connect(settings.kubeconfig, settings.context, settings.cluster)
            wanted = settings.namespace or context.namespace
        return wanted != there

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


def _is_at(path: tuple[str | int, ...], field_path: str) -> bool:
    dotted = ".".join(str(part) for part in path if not isinstance(part, int))
    bare = ".".join(part.split("[")[0] for part in field_path.split("."))
    return bool(bare) and (dotted == bare or dotted.startswith(f"{bare}.") or bare.startswith(f"{dotted}."))


def _replacing_settings(olds: Mapping[str, Any], news: Mapping[str, Any]) -> set[str]:
    """Settings whose change means another cluster (https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider/)."""
    if "clusterIdentifier" in olds or "clusterIdentifier" in news:
        return {"clusterIdentifier"}
    before, after = (
        kubeconfig.server_of(config.get("kubeconfig"), config.get("context"), config.get("cluster"))
        if UNKNOWN not in (config.get("kubeconfig"), config.get("context"), config.get("cluster"))
        else None
        for config in (olds, news)
    )
    return {"kubeconfig", "context", "cluster"} if before and after and before != after else set()


def _diff_response(changed: list[Change], replaced: set[tuple[str | int, ...]], delete_first: bool = False) -> Any:
    kinds = provider_pb2.PropertyDiff.Kind
    detailed = {
        change.shown: provider_pb2.PropertyDiff(
            kind=kinds.Value(change.kind + ("_REPLACE" if change.path in replaced else "")), inputDiff=True
        )
        for change in changed
    }
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=sorted(change.shown for change in changed if change.path in replaced),
        deleteBeforeReplace=delete_first,
        diffs=sorted({str(change.path[0]) for change in changed}),
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )


def _guarded(
    context: Any, work: Callable[[], Any], inputs: Mapping[str, Any] | None = None, manager: str | None = None
) -> Any:
    try:
        return work()
    except IncompleteError as error:
        state = {**error.state, FIELD_MANAGER: manager}
        _fail_incomplete(context, str(error), error.object_id, state, inputs or {})
    except (ObjectError, UnsupportedTypeError, kubeconfig.KubeconfigError) as error:
        _fail(context, str(error))
    except ApiError as error:
        _fail(context, error.message)


def _fail(context: Any, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError


def _fail_incomplete(
    context: Any, message: str, object_id: str, state: Mapping[str, Any], inputs: Mapping[str, Any]
) -> NoReturn:
    """Tells the engine that the object exists, so that it is kept in the state and completed by the next `up`."""
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=object_id, properties=to_struct(state), reasons=[message], inputs=to_struct(inputs)
        )
    )
    code = grpc.StatusCode.UNKNOWN
    status = status_pb2.Status(code=code.value[0], message=message, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, message)
    raise AssertionError
