"""Configuration files of the control plane: who may ask, and who decides.

As on EKS, a bearer token is an AWS identity, and what Kubernetes' own RBAC has no opinion on is decided by the access
policies of the cluster's access entries. Both questions go to the AWS server's webhooks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.kubernetes.certificates import ControlPlaneFiles

AUTHENTICATE_PATH = "/_groundwork/kubernetes/authenticate"
AUTHORIZE_PATH = "/_groundwork/kubernetes/authorize"
_ANONYMOUS_PATHS = ("/livez", "/readyz", "/healthz", "/version")


@dataclass(frozen=True)
class ConfigurationFiles:
    """Paths of the files that `write_configuration` makes."""

    folder: Path

    @property
    def authentication(self) -> Path:
        return self.folder / "authentication.yaml"

    @property
    def authentication_webhook(self) -> Path:
        return self.folder / "authentication-webhook.yaml"

    @property
    def authorization(self) -> Path:
        return self.folder / "authorization.yaml"

    @property
    def authorization_webhook(self) -> Path:
        return self.folder / "authorization-webhook.yaml"

    @property
    def controller_manager_kubeconfig(self) -> Path:
        return self.folder / "controller-manager.kubeconfig"


def write_configuration(files: ControlPlaneFiles, api_server_url: str, aws_url: str) -> ConfigurationFiles:
    """Writes the files beside the certificates. aws_url: the AWS server, without a trailing slash."""
    configuration = ConfigurationFiles(files.folder)
    _write(
        configuration.authentication,
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AuthenticationConfiguration",
            # Health checks need no identity; nothing else is open.
            "anonymous": {"enabled": True, "conditions": [{"path": path} for path in _ANONYMOUS_PATHS]},
        },
    )
    _write(configuration.authentication_webhook, _kubeconfig(aws_url + AUTHENTICATE_PATH))
    _write(configuration.authorization_webhook, _kubeconfig(aws_url + AUTHORIZE_PATH))
    _write(
        configuration.authorization,
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AuthorizationConfiguration",
            "authorizers": [
                {"type": "Node", "name": "node"},
                {"type": "RBAC", "name": "rbac"},
                {
                    "type": "Webhook",
                    "name": "eks-access-policies",
                    "webhook": {
                        "timeout": "5s",
                        # Short, so that a changed access entry is obeyed at once and not after minutes.
                        "authorizedTTL": "2s",
                        "unauthorizedTTL": "1s",
                        "subjectAccessReviewVersion": "v1",
                        "matchConditionSubjectAccessReviewVersion": "v1",
                        "failurePolicy": "NoOpinion",
                        "connectionInfo": {
                            "type": "KubeConfigFile",
                            "kubeConfigFile": str(configuration.authorization_webhook),
                        },
                        # An access entry may not give a name that starts so: the control plane's own never ask.
                        "matchConditions": [{"expression": "!request.user.startsWith('system:')"}],
                    },
                },
            ],
        },
    )
    controller_manager = files.controller_manager
    _write(
        configuration.controller_manager_kubeconfig,
        _kubeconfig(
            api_server_url,
            cluster={"certificate-authority": str(files.authority.certificate)},
            user={
                "client-certificate": str(controller_manager.certificate),
                "client-key": str(controller_manager.key),
            },
        ),
    )
    return configuration


def _kubeconfig(
    server: str, cluster: dict[str, Any] | None = None, user: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "local", "user": user or {}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": "local"}}],
        "current-context": "local",
    }


def _write(path: Path, document: dict[str, Any]) -> None:
    # JSON is YAML, and the standard library writes it. The API server watches some of these files: unchanged ones stay.
    text = json.dumps(document, indent=2) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
