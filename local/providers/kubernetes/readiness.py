"""When an object counts as ready, a rule a kind; a kind without a rule is ready once it is stored.

Sources: `kubectl rollout status` for workloads, the API conventions' conditions for the rest
(https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

SKIP_AWAIT = "pulumi.com/skipAwait"
"""Annotation by which a program says that it does not want to wait for this object."""


@dataclass(frozen=True)
class Readiness:
    """waiting_for: None when ready, else what is missing. failed: it will not become ready by itself.

    pods: only running pods can bring it, so in a cluster without a node there is nothing to wait for.
    """

    waiting_for: str | None = None
    failed: bool = False
    pods: bool = False


Rule = Callable[[Mapping[str, Any]], Readiness]
_READY = Readiness()


def readiness(live: Mapping[str, Any]) -> Readiness:
    """How far the object is. The group, not the version, of its kind decides."""
    annotations = live.get("metadata", {}).get("annotations") or {}
    if annotations.get(SKIP_AWAIT) == "true":
        return _READY
    version = live.get("apiVersion", "")
    rule = _RULES.get((version.rpartition("/")[0], live.get("kind", "")))
    return rule(live) if rule else _READY


def _status(live: Mapping[str, Any]) -> Mapping[str, Any]:
    return live.get("status") or {}


def _condition(live: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for condition in _status(live).get("conditions") or []:
        if condition.get("type") == name:
            return condition
    return {}


def _needs_condition(name: str) -> Rule:
    def rule(live: Mapping[str, Any]) -> Readiness:
        condition = _condition(live, name)
        if condition.get("status") == "True":
            return _READY
        said = condition.get("message") or condition.get("reason")
        return Readiness(f"condition {name}" + (f" ({said})" if said else ""))

    return rule


def _namespace(live: Mapping[str, Any]) -> Readiness:
    phase = _status(live).get("phase")
    return _READY if phase in ("Active", None) else Readiness(f"phase Active (it is {phase})")


def _is_observed(live: Mapping[str, Any]) -> bool:
    return _status(live).get("observedGeneration", 0) >= live.get("metadata", {}).get("generation", 0)


def _deployment(live: Mapping[str, Any]) -> Readiness:
    if not _is_observed(live):
        return Readiness("the deployment controller")
    progress = _condition(live, "Progressing")
    if progress.get("reason") == "ProgressDeadlineExceeded":
        return Readiness(progress.get("message") or "its progress deadline", failed=True)
    status, wanted = _status(live), live.get("spec", {}).get("replicas", 1)
    updated, total, available = (status.get(k, 0) for k in ("updatedReplicas", "replicas", "availableReplicas"))
    if updated >= wanted and total <= updated and available >= wanted:
        return _READY
    missing = f"{wanted} available replicas (there are {available}, {updated} of them of this revision)"
    return Readiness(missing, pods=True)


def _stateful_set(live: Mapping[str, Any]) -> Readiness:
    if not _is_observed(live):
        return Readiness("the stateful set controller")
    status, wanted = _status(live), live.get("spec", {}).get("replicas", 1)
    ready, updated = status.get("readyReplicas", 0), status.get("updatedReplicas", 0)
    if ready >= wanted and (updated >= wanted or status.get("updateRevision") == status.get("currentRevision")):
        return _READY
    return Readiness(f"{wanted} ready replicas (there are {ready}, {updated} of them of this revision)", pods=True)


def _daemon_set(live: Mapping[str, Any]) -> Readiness:
    if not _is_observed(live):
        return Readiness("the daemon set controller")
    status = _status(live)
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if updated >= wanted and available >= wanted:
        return _READY
    return Readiness(f"{wanted} available pods (there are {available})")


def _job(live: Mapping[str, Any]) -> Readiness:
    failure = _condition(live, "Failed")
    if failure.get("status") == "True":
        return Readiness(f"its completion: {failure.get('reason')}: {failure.get('message')}", failed=True)
    if _condition(live, "Complete").get("status") == "True" or live.get("spec", {}).get("suspend"):
        return _READY
    status = _status(live)
    return Readiness(f"its completion ({status.get('active', 0)} pods active, {status.get('failed', 0)} failed)")


def _pod(live: Mapping[str, Any]) -> Readiness:
    phase = _status(live).get("phase")
    if phase == "Succeeded":
        return _READY
    if phase == "Failed":
        return Readiness(f"readiness: {_status(live).get('message') or 'the pod failed'}", failed=True)
    return _needs_condition("Ready")(live)


def _service(live: Mapping[str, Any]) -> Readiness:
    if live.get("spec", {}).get("type") != "LoadBalancer" or (_status(live).get("loadBalancer") or {}).get("ingress"):
        return _READY
    return Readiness("the address of its load balancer")


def _resource_quota(live: Mapping[str, Any]) -> Readiness:
    # Until the controller has counted, the quota is not enforced.
    hard, counted = live.get("spec", {}).get("hard") or {}, _status(live).get("hard") or {}
    return _READY if hard == counted else Readiness("the quota controller's first count")


def _volume_claim(live: Mapping[str, Any]) -> Readiness:
    # A claim whose class binds late waits for its first pod, so that Pending is all it can be.
    phase = _status(live).get("phase", "Pending")
    return Readiness("a volume: the one it had is lost", failed=True) if phase == "Lost" else _READY


_RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("", "Namespace"): _namespace,
    ("", "PersistentVolumeClaim"): _volume_claim,
    ("", "Pod"): _pod,
    ("", "ResourceQuota"): _resource_quota,
    ("", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _needs_condition("Established"),
    ("apiregistration.k8s.io", "APIService"): _needs_condition("Available"),
    ("apps", "DaemonSet"): _daemon_set,
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("batch", "Job"): _job,
}
