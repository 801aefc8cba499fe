"""The custom resource definitions that EKS Auto Mode brings along, installed as EKS does when a cluster is created."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from local.kubernetes.api import APPLY, ApiClient, ApiError, Endpoint

_MANAGER = "eks"


def install(
    url: str,
    ca_file: Path,
    token: str | None = None,
    *,
    client_certificate: tuple[Path, Path] | None = None,
    timeout_s: float = 30,
) -> None:
    """Applies every definition of this folder and waits until the API server serves it. Repeating it changes nothing.

    url, ca_file: the API server and the file with its certificate authority.
    token: a bearer token; without one the admin certificate beside `ca_file` (admin.crt, admin.key) is shown,
        or `client_certificate`, a pair of files.
    Raises ApiError when the server refuses, TimeoutError when a definition is not served in time.
    """
    if token is None and client_certificate is None:
        client_certificate = (ca_file.with_name("admin.crt"), ca_file.with_name("admin.key"))
    client = ApiClient(
        Endpoint(server=url, certificate_authority=ca_file, client_certificate=client_certificate),
        (lambda _: token) if token else None,
    )
    definitions = list(_definitions())
    definition_type = client.resource("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    for definition in definitions:
        path = definition_type.path(None, definition["metadata"]["name"])
        client.request("PATCH", path, {"fieldManager": _MANAGER, "force": "true"}, definition, APPLY)
    deadline = time.monotonic() + timeout_s
    for definition in definitions:
        group, kind = definition["spec"]["group"], definition["spec"]["names"]["kind"]
        for version in definition["spec"]["versions"]:
            while not _is_served(client, f"{group}/{version['name']}", kind):
                if time.monotonic() > deadline:
                    name = definition["metadata"]["name"]
                    raise TimeoutError(f"{url} does not serve {name} {timeout_s:.0f} s after it was installed")
                time.sleep(0.05)


def _definitions() -> Iterator[dict[str, Any]]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for file in sorted(Path(__file__).parent.glob("*.yaml")):
        for document in yaml.load_all(file.read_text(encoding="utf-8"), loader):
            if document:
                yield document


def _is_served(client: ApiClient, api_version: str, kind: str) -> bool:
    try:
        client.resource(api_version, kind)
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    return True
