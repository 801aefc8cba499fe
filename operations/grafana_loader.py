"""Loads the dashboards into a workspace of Amazon Managed Grafana, by Grafana's own HTTP API.

AWS has no other way in. The token for it is made for this run, lives ten minutes and is taken away at the end: none is
in a file, a state or an output.
"""

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

TOKEN_SECONDS = 600
FOLDER = {"uid": "groundwork", "title": "Groundwork"}
NOT_FOUND = 404
ALREADY_THERE = (409, 412)
"""https://grafana.com/docs/grafana/latest/developers/http_api/folder/#create-folder"""


class LoadError(Exception):
    """What Grafana refused, in words."""


class ManagedGrafana(Protocol):
    """What is used of boto3's client `grafana`."""

    def create_workspace_service_account(self, **members: str) -> Mapping[str, Any]: ...

    def create_workspace_service_account_token(self, **members: str | int) -> Mapping[str, Any]: ...

    def delete_workspace_service_account(self, **members: str) -> Mapping[str, Any]: ...


@contextmanager
def administrator_token(grafana: ManagedGrafana, workspace_id: str) -> Generator[str]:
    """A token of a service account that exists inside of the `with` alone."""
    name = f"groundwork-{uuid.uuid4().hex[:12]}"
    account = grafana.create_workspace_service_account(name=name, grafanaRole="ADMIN", workspaceId=workspace_id)
    own = {"serviceAccountId": account["id"], "workspaceId": workspace_id}
    try:
        made = grafana.create_workspace_service_account_token(name=name, secondsToLive=TOKEN_SECONDS, **own)
        yield made["serviceAccountToken"]["key"]
    finally:
        grafana.delete_workspace_service_account(**own)


@dataclass(frozen=True)
class GrafanaApi:
    """Grafana's HTTP API. url: of Grafana, without a trailing slash."""

    url: str
    token: str

    def load(self, data_sources: Sequence[Mapping[str, Any]], dashboards: Mapping[str, str]) -> Generator[str]:
        """Puts data sources, a folder and the dashboards (JSON by file name) in place; gives the address of each.

        What is there already is replaced. Raises LoadError.
        """
        for source in data_sources:
            self._put_data_source(source)
        self._ask("POST", "/api/folders", FOLDER, accepted=ALREADY_THERE)
        for text in dashboards.values():
            document = {**json.loads(text), "id": None}
            body = {"dashboard": document, "folderUid": FOLDER["uid"], "overwrite": True}
            answer = self._ask("POST", "/api/dashboards/db", body)
            yield f"{self.url}{answer.get('url', '')}"

    def _put_data_source(self, source: Mapping[str, Any]) -> None:
        path = f"/api/datasources/uid/{source['uid']}"
        there = self._ask("GET", path, accepted=(NOT_FOUND,))
        if there.get("uid") == source["uid"]:
            self._ask("PUT", path, source)
        else:
            self._ask("POST", "/api/datasources", source)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, accepted: Sequence[int] = ()
    ) -> dict[str, Any]:
        request = urllib.request.Request(  # noqa: S310 - the scheme is the caller's: https, or a test's own server
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            if error.code in accepted:
                return {}
            said = error.read().decode(errors="replace")[:500]
            raise LoadError(f"Grafana refused {method} {path} with {error.code}: {said}") from None
        except (OSError, ValueError) as error:
            raise LoadError(f"{self.url} does not answer as Grafana does: {error}") from None
