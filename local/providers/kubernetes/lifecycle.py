"""What happens to one object: found, applied, awaited, deleted."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.kubernetes.api import APPLY, ApiClient, ApiError, ApiResource
from local.providers.kubernetes.objects import manifest, outputs, resource_id, split_id, title
from local.providers.kubernetes.readiness import Readiness, readiness

DEFAULT_TIMEOUT_S = 600.0
"""How long readiness and deletion are waited for, unless the resource's customTimeouts say otherwise: as the genuine
provider does (https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/)."""
_SERVED_WITHIN_S = 2.0
_IMMUTABLE = re.compile(r"immutable|may not (be changed|change)|cannot (be changed|change)|updates to .* are forbidden")
"""How the API server's validation words it (k8s.io/kubernetes, pkg/apis/*/validation)."""
PATCH_FORCE = "pulumi.com/patchForce"
PROPAGATION = "pulumi.com/deletionPropagationPolicy"


class ObjectError(Exception):
    """An operation on an object failed; the message names the object and carries the API server's own."""


class IncompleteError(ObjectError):
    """The object exists, but it is not ready. state: what is known of it."""

    def __init__(self, message: str, object_id: str, state: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.object_id = object_id
        self.state = dict(state)


@dataclass(frozen=True)
class Target:
    """One object on the server."""

    resource: ApiResource
    namespace: str | None
    name: str

    @property
    def path(self) -> str:
        return self.resource.path(self.namespace, self.name)

    @property
    def title(self) -> str:
        return title(self.resource.kind, self.namespace, self.name)

    @property
    def id(self) -> str:
        return resource_id(self.namespace, self.name)


class Cluster:
    """The objects of one cluster. default_namespace: where an object goes that names none."""

    def __init__(self, client: ApiClient, default_namespace: str) -> None:
        self.client = client
        self.default_namespace = default_namespace
        self.cancelled = threading.Event()

    def target(self, inputs: Mapping[str, Any], *, wait_s: float = 0.0) -> Target:
        """The object that the inputs describe. wait_s: how long a kind may still be missing (its definition is new).

        Raises ObjectError when the server does not serve the kind.
        """
        metadata = inputs["metadata"]
        name = metadata.get("name") or f"{metadata.get('generateName', '')}(generated)"
        resource = self._kind(inputs["apiVersion"], inputs["kind"], name, wait_s)
        namespace = (metadata.get("namespace") or self.default_namespace) if resource.namespaced else None
        return Target(resource, namespace, name)

    def target_of_id(self, api_version: str, kind: str, object_id: str) -> Target:
        """The object with an id, `namespace/name` or `name`."""
        namespace, name = split_id(object_id)
        resource = self._kind(api_version, kind, name, 0.0)
        return Target(resource, (namespace or self.default_namespace) if resource.namespaced else None, name)

    def _kind(self, api_version: str, kind: str, name: str, wait_s: float) -> ApiResource:
        deadline = time.monotonic() + wait_s
        while True:
            try:
                return self.client.resource(api_version, kind)
            except ApiError as error:
                if error.status != 404:
                    raise ObjectError(f"{kind} {name}: {error.message}") from error
                if time.monotonic() >= deadline:
                    raise KindNotServedError(f"{kind} {name}: {error.message}") from error
            time.sleep(0.1)

    def find(self, target: Target) -> dict[str, Any] | None:
        """The live object, or None."""
        try:
            return self.client.get(target.path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise _failure(target, "could not be read", error) from error

    def apply(
        self, target: Target, inputs: Mapping[str, Any], manager: str, *, force: bool = False, dry_run: bool = False
    ) -> dict[str, Any]:
        """Server-side apply with strict field validation. Raises ApiError."""
        body = manifest(inputs)
        metadata = body["metadata"]
        if target.namespace:
            metadata["namespace"] = target.namespace
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        if not metadata.get("name"):
            # Apply needs a name; one that the server is to make up comes with a plain create.
            path = target.resource.path(target.namespace)
            return self.client.request("POST", path, query, body)
        query["force"] = "true" if force else "false"
        return self.client.request("PATCH", target.path, query, body, APPLY)

    def create(
        self, inputs: Mapping[str, Any], manager: str, *, upsert: bool, force: bool, hint: str, timeout_s: float
    ) -> tuple[str, dict[str, Any]]:
        """Makes the object and waits until it is ready; gives its id and outputs.

        An object that is there already is refused, unless `upsert` or this very resource made it (an `up` was cut off).
        hint: how to import it. Raises ObjectError, IncompleteError.
        """
        target = self.target(inputs, wait_s=_SERVED_WITHIN_S)
        if inputs["metadata"].get("name"):
            existing = self.find(target)
            if existing is not None and existing["metadata"].get("deletionTimestamp"):
                self._wait_until_gone(target, existing["metadata"]["uid"], timeout_s)
            elif existing is not None and not upsert and not _is_managed_by(existing, manager):
                raise ObjectError(
                    f"{target.title} already exists, and this resource did not make it. Import it ({hint}), give this "
                    "one another name, or set upsertExistingObjects on the provider to take it over."
                )
        try:
            live = self.apply(target, inputs, manager, force=force)
        except ApiError as error:
            raise _failure(target, "could not be created", error) from error
        made = Target(target.resource, target.namespace, live["metadata"]["name"])
        return made.id, self._await_ready(made, live, timeout_s)

    def update(
        self,
        target: Target,
        inputs: Mapping[str, Any],
        manager: str,
        state: Mapping[str, Any],
        force: bool,
        timeout_s: float,
    ) -> dict[str, Any]:
        """Applies changed inputs. What somebody else has set since is only overruled when `state` knows of it.

        state: the outputs as they were last seen. Raises ObjectError, IncompleteError.
        """
        try:
            live = self.apply(target, inputs, manager, force=force)
        except ApiError as error:
            if error.status != 409 or not self._is_as_recorded(target, state):
                raise _failure(target, "could not be updated", error) from error
            try:
                live = self.apply(target, inputs, manager, force=True)
            except ApiError as second:
                raise _failure(target, "could not be updated", second) from second
        return self._await_ready(target, live, timeout_s)

    def _is_as_recorded(self, target: Target, state: Mapping[str, Any]) -> bool:
        live = self.find(target)
        if live is None:
            return False
        seen = {key: value for key, value in state.items() if key != "status" and not key.startswith("__")}
        return {key: value for key, value in outputs(live).items() if key != "status"} == seen

    def delete(self, target: Target, state: Mapping[str, Any], timeout_s: float) -> None:
        """Deletes the object with all that it owns, and waits until it is gone. One that is gone already is fine."""
        metadata = state.get("metadata") or {}
        annotations = metadata.get("annotations") or {}
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": str(annotations.get(PROPAGATION, "foreground")).capitalize(),
        }
        uid = metadata.get("uid")
        if uid:
            # Whoever made a new object of this name meanwhile keeps it.
            options["preconditions"] = {"uid": uid}
        try:
            answer = self.client.request("DELETE", target.path, None, options)
        except ApiError as error:
            if error.status == 404 or (error.status == 409 and "uid" in error.message.lower()):
                return
            raise _failure(target, "could not be deleted", error) from error
        uid = uid or (answer.get("metadata") or {}).get("uid") or (answer.get("details") or {}).get("uid")
        self._wait_until_gone(target, uid, timeout_s)

    def _wait_until_gone(self, target: Target, uid: str | None, timeout_s: float) -> None:
        def is_gone(live: dict[str, Any] | None) -> bool:
            return live is None or (uid is not None and live["metadata"].get("uid") != uid)

        live = self._poll(target, is_gone, timeout_s)
        if live is None or is_gone(live):
            return
        said = [c.get("message") or c.get("reason") for c in (live.get("status") or {}).get("conditions") or []]
        finalizers = live["metadata"].get("finalizers") or []
        reasons = [f"finalizers {', '.join(finalizers)}"] if finalizers else []
        reasons += [text for text in said if text]
        raise ObjectError(
            f"{target.title} is still being deleted {self._after(timeout_s)}"
            + (f"; it waits for: {'; '.join(reasons)}" if reasons else "")
        )

    def _await_ready(self, target: Target, live: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        state = self._readiness(live)
        if state.waiting_for and not state.failed:
            seen = self._poll(target, lambda now: now is None or self._is_settled(now), timeout_s)
            if seen is None:
                raise ObjectError(f"{target.title} was deleted by somebody while it was waited for")
            live, state = seen, self._readiness(seen)
        if state.waiting_for:
            waited = "failed" if state.failed else f"is not ready {self._after(timeout_s)}"
            raise IncompleteError(f"{target.title} {waited}: waiting for {state.waiting_for}", target.id, outputs(live))
        return outputs(live)

    def _is_settled(self, live: Mapping[str, Any]) -> bool:
        state = self._readiness(live)
        return state.failed or not state.waiting_for

    def _readiness(self, live: Mapping[str, Any]) -> Readiness:
        """A workload on a cluster without a single node is as ready as it gets: stored, and seen by its controller."""
        state = readiness(live)
        return Readiness() if state.pods and not self._has_nodes() else state

    def _has_nodes(self) -> bool:
        try:
            return bool(self.client.get("/api/v1/nodes", limit="1").get("items"))
        except ApiError:
            # Who may not list nodes waits, as everywhere else.
            return True

    def _after(self, timeout_s: float) -> str:
        return "yet, and the update was cancelled" if self.cancelled.is_set() else f"after {timeout_s:.0f} s"

    def _poll(
        self, target: Target, until: Callable[[dict[str, Any] | None], bool], timeout_s: float
    ) -> dict[str, Any] | None:
        deadline, pause = time.monotonic() + timeout_s, 0.02
        while True:
            live = self.find(target)
            if until(live) or time.monotonic() > deadline:
                return live
            if self.cancelled.wait(pause):
                return live
            pause = min(pause * 1.5, 1.0)


class KindNotServedError(ObjectError):
    """The API server knows no such kind (yet)."""


def _is_managed_by(live: Mapping[str, Any], manager: str) -> bool:
    return any(entry.get("manager") == manager for entry in live["metadata"].get("managedFields") or [])


def is_immutable_refusal(error: ApiError) -> bool:
    """Whether the server refused a change because the field cannot change."""
    texts = [error.message, *(str(cause.get("message", "")) for cause in error.causes)]
    return error.status == 422 and any(_IMMUTABLE.search(text) for text in texts)


def _failure(target: Target, what: str, error: ApiError) -> ObjectError:
    message = f"{target.title} {what}: {error.message or f'HTTP {error.status}'}"
    if error.status == 409 and any(cause.get("reason") == "FieldManagerConflict" for cause in error.causes):
        message += (
            ". Somebody else has set these fields since. Run `pulumi refresh` to see what they set, "
            f'or put the annotation {PATCH_FORCE}: "true" on the object to overrule them.'
        )
    elif is_immutable_refusal(error):
        message += ". This field cannot change while the object lives: `pulumi up --replace URN` makes a new one."
    elif error.status in (401, 403):
        message += " (who may do what is decided by the cluster's access entries and RBAC)"
    return ObjectError(message)
