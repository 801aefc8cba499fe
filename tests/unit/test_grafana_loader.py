"""Dashboards into Amazon Managed Grafana, against a stand-in for Grafana's HTTP API."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from components.monitoring.dashboards import rendered
from components.monitoring.dashboards.sources import CLOUDWATCH_UID, PROMETHEUS_UID, data_source_list
from operations.grafana_loader import TOKEN_SECONDS, GrafanaApi, LoadError, administrator_token

pytestmark = pytest.mark.unit
SOURCES = data_source_list(
    "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1", "us-east-1", "workspace-iam-role"
)


@dataclass
class StandIn:
    """Keeps what it is told; `refuse` is a path that it answers with 400."""

    url: str = ""
    refuse: str = ""
    sources: dict[str, Any] = field(default_factory=dict[str, Any])
    dashboards: dict[str, Any] = field(default_factory=dict[str, Any])
    folders: list[str] = field(default_factory=list[str])
    asked: list[str] = field(default_factory=list[str])

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append(f"{method} {path}")
        uid = path.rpartition("/")[2]
        if path == self.refuse:
            return 400, {"message": "bad request"}
        match method, path.removesuffix(uid):
            case "GET", "/api/datasources/uid/":
                return (200, self.sources[uid]) if uid in self.sources else (404, {"message": "not found"})
            case ("PUT", "/api/datasources/uid/") | ("POST", "/api/"):
                if uid == "folders":
                    known = body["uid"] in self.folders
                    self.folders.append(body["uid"])
                    return (412, {"message": "exists"}) if known else (200, body)
                self.sources[body["uid"]] = body
                return 200, body
            case "POST", "/api/dashboards/":
                assert body["overwrite"]
                document = body["dashboard"]
                self.dashboards[document["uid"]] = document
                return 200, {"url": f"/d/{document['uid']}"}
            case _:
                return 404, {}


@pytest.fixture
def grafana() -> Iterator[StandIn]:
    state = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def respond(self) -> None:
            assert self.headers["Authorization"] == "Bearer t0ken"
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = state.answer(self.command, self.path, json.loads(text or b"{}"))
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PUT = respond  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield state
    server.shutdown()
    server.server_close()


def test_data_sources_and_dashboards_are_put_in_place_twice_without_a_difference(grafana: StandIn):
    api = GrafanaApi(grafana.url, "t0ken")
    first = list(api.load(SOURCES, rendered()))
    assert first == [f"{grafana.url}/d/{json.loads(text)['uid']}" for text in rendered().values()]
    assert set(grafana.sources) == {PROMETHEUS_UID, CLOUDWATCH_UID}
    assert grafana.sources[PROMETHEUS_UID]["jsonData"]["sigV4AuthType"] == "workspace-iam-role"
    assert all(document["id"] is None for document in grafana.dashboards.values())
    before = json.dumps(grafana.dashboards)
    assert list(api.load(SOURCES, rendered())) == first
    assert json.dumps(grafana.dashboards) == before
    assert f"PUT /api/datasources/uid/{PROMETHEUS_UID}" in grafana.asked


def test_a_refusal_says_what_grafana_said(grafana: StandIn):
    grafana.refuse = "/api/dashboards/db"
    with pytest.raises(LoadError, match=r"refused POST /api/dashboards/db with 400: .*bad request"):
        list(GrafanaApi(grafana.url, "t0ken").load(SOURCES, rendered()))


def test_an_address_that_does_not_answer_is_a_sentence():
    with pytest.raises(LoadError, match="does not answer as Grafana does"):
        list(GrafanaApi("http://127.0.0.1:9", "t0ken").load(SOURCES, rendered()))


class Workspaces:
    """Stands in for boto3's client."""

    def __init__(self, *, refuses_token: bool = False) -> None:
        self.accounts: dict[str, str] = {}
        self.lifetimes: list[int] = []
        self.refuses_token = refuses_token

    def create_workspace_service_account(self, **members: str) -> dict[str, Any]:
        self.accounts["1"] = members["grafanaRole"]
        return {"id": "1"}

    def create_workspace_service_account_token(self, **members: str | int) -> dict[str, Any]:
        if self.refuses_token:
            raise RuntimeError("no token")
        self.lifetimes.append(int(members["secondsToLive"]))
        return {"serviceAccountToken": {"key": "t0ken"}}

    def delete_workspace_service_account(self, **members: str) -> dict[str, Any]:
        del self.accounts[members["serviceAccountId"]]
        return {}


def test_the_token_lives_for_minutes_and_is_gone_afterwards():
    workspaces = Workspaces()
    with administrator_token(workspaces, "g-1") as token:
        assert token == "t0ken"
        assert workspaces.accounts == {"1": "ADMIN"}
    assert workspaces.accounts == {}
    assert workspaces.lifetimes == [TOKEN_SECONDS]


@pytest.mark.parametrize("refuses_token", [True, False])
def test_the_service_account_is_taken_away_after_a_failure_too(refuses_token: bool):
    workspaces = Workspaces(refuses_token=refuses_token)
    with pytest.raises(RuntimeError), administrator_token(workspaces, "g-1"):
        raise RuntimeError("loading failed")
    assert workspaces.accounts == {}
