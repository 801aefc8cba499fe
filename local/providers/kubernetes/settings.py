"""The provider's configuration, as its documentation names it.

https://www.pulumi.com/registry/packages/kubernetes/api-docs/provider/
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.providers.kubernetes import kubeconfig
from local.providers.values import UNKNOWN

SWITCHES: Final = {
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


def parsed(config: Mapping[str, Any]) -> Settings:
    """The settings of a Configure request; what is not known yet counts as not set."""
    known = {name: value for name, value in config.items() if value is not UNKNOWN}
    switches = {
        name
        for name, variable in SWITCHES.items()
        if str(known.get(name, os.environ.get(variable, ""))).lower() in ("true", "1")
    }
    texts = {name: known.get(name) for name in ("kubeconfig", "context", "cluster", "namespace")}
    return Settings(**texts, switches=frozenset(switches))


def replacing_settings(olds: Mapping[str, Any], news: Mapping[str, Any]) -> set[str]:
    """Names of the settings whose change means another cluster."""
    if "clusterIdentifier" in olds or "clusterIdentifier" in news:
        return {"clusterIdentifier"}
    before, after = (
        kubeconfig.server_of(config.get("kubeconfig"), config.get("context"), config.get("cluster"))
        if UNKNOWN not in (config.get("kubeconfig"), config.get("context"), config.get("cluster"))
        else None
        for config in (olds, news)
    )
    return {"kubeconfig", "context", "cluster"} if before and after and before != after else set()
