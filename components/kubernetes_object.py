"""Kubernetes objects of kinds that the provider's SDK has no class for, with all their fields."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s


class KubernetesObject(pulumi.CustomResource):
    """An object as a manifest has it. `apiextensions.CustomResource` passes a `spec` and drops every other field."""

    def __init__(
        self,
        name: str,
        *,
        api_version: str,
        kind: str,
        metadata: k8s.meta.v1.ObjectMetaArgs,
        fields: Mapping[str, Any],
        opts: pulumi.ResourceOptions,
    ):
        properties = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}
        super().__init__(f"kubernetes:{api_version}:{kind}", name, properties, opts)
