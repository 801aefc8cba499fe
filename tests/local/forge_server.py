"""The comment APIs of GitHub and GitLab on this machine, with what goes wrong on theirs."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 3
"""At most so many comments a page, so that a handful of them needs several."""
TOKENS = {"person": (7, "person", "User"), "app": (8, "groundwork[bot]", "Bot")}


@dataclass
class Fault:
    """What the server does instead of answering: on the next requests of a method.

    after: the change is made all the same, as a gateway's error behind a slow create.
    """

    method: str
    status: int
    times: int = 1
    after: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] = field(default_factory=lambda: {"message": "Bad gateway"})


@dataclass
class Forge:
    """What the server holds. meet: called before a create is answered, so that a test can let two of them meet."""

    url: str = ""
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    meet: Any = None

    def write(self, body: str, who: str = "app") -> int:
        with self.lock:
            number = 1000 + len(self.asked) + len(self.comments)
            while number in self.comments:
                number += 1
            user_id, login, kind = TOKENS.get(who, (99, who, "User"))
            self.comments[number] = {"id": number, "body": body, "author": (user_id, login, kind)}
            return number

    def fault(self, method: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.method == method and fault.times:
                    fault.times -= 1
                    return fault
        return None

    @property
    def bodies(self) -> list[str]:
        return [self.comments[number]["body"] for number in sorted(self.comments)]


@contextmanager
def forge_server() -> Iterator[Forge]:
    """A server of both APIs on a port of its own."""
    forge = Forge()

    class Handler(_Handler):
        state = forge

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    forge.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Forge

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def log_message(self, format: str, *args: Any) -> None:
        return

    def _serve(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        sent = json.loads(self.rfile.read(length)) if length else {}
        self.state.asked.append(f"{method} {self.path}")
        fault = self.state.fault(method)
        if fault and not fault.after:
            return self._answer(fault.status, fault.body, fault.headers)
        status, document, headers = self._done(method, sent)
        if fault:
            status, document, headers = fault.status, fault.body, fault.headers
        return self._answer(status, document, headers)

    def _done(self, method: str, sent: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        url = urlsplit(self.path)
        who = self._who()
        if who is None:
            return 401, {"message": "Bad credentials"}, {}
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        for pattern, handle in _ROUTES:
            if found := re.fullmatch(pattern, url.path):
                return handle(self, method, who, query, sent, *found.groups())
        return 404, {"message": "Not Found"}, {}

    def _who(self) -> str | None:
        token = self.headers.get("PRIVATE-TOKEN") or (self.headers.get("Authorization") or "").split(" ")[-1]
        return token if token in TOKENS else None

    def user(self, method: str, who: str, query: Any, sent: Any, *_: str) -> tuple[int, Any, dict[str, str]]:
        if who == "app" and not self.path.startswith("/api/v4"):
            return 403, {"message": "Resource not accessible by integration"}, {}
        user_id, login, _kind = TOKENS[who]
        return 200, {"id": user_id, "login": login, "username": login}, {}

    def merge_request(self, method: str, who: str, query: Any, sent: Any, *_: str) -> tuple[int, Any, dict[str, str]]:
        return 200, {"id": 5, "iid": 12, "web_url": "https://gitlab.example/ml/platform/-/merge_requests/12"}, {}

    def many(self, method: str, who: str, query: dict[str, str], sent: Any, *_: str) -> tuple[int, Any, dict[str, str]]:
        if method == "POST":
            if self.state.meet:
                self.state.meet()
            if len(sent["body"]) > 65_536 and not self.path.startswith("/api/v4"):
                return 422, {"message": "Body is too long (maximum is 65536 characters)"}, {}
            with self.state.lock:
                return 201, self._shown(self.state.write(sent["body"], who)), {}
        page = int(query.get("page", 1))
        with self.state.lock:
            numbers = sorted(self.state.comments)
            shown = [self._shown(number) for number in numbers[(page - 1) * PAGE : page * PAGE]]
        if page * PAGE >= len(numbers):
            return 200, shown, {}
        more = f"{self.state.url}{urlsplit(self.path).path}?page={page + 1}&per_page={PAGE}"
        return 200, shown, {"Link": f'<{more}>; rel="next"'}

    def one(self, method: str, who: str, query: Any, sent: Any, number: str) -> tuple[int, Any, dict[str, str]]:
        with self.state.lock:
            found = self.state.comments.get(int(number))
            if found is None:
                return 404, {"message": "Not Found"}, {}
            if method == "DELETE":
                del self.state.comments[int(number)]
                return 204, None, {}
            if method in ("PATCH", "PUT"):
                found["body"] = sent["body"]
            return 200, self._shown(int(number)), {}

    def _shown(self, number: int) -> dict[str, Any]:
        comment = self.state.comments[number]
        user_id, login, kind = comment["author"]
        address = f"{self.state.url}/repos/acme/platform/issues/comments/{number}"
        return {
            "id": number,
            "body": comment["body"],
            "url": address,
            "html_url": f"https://github.example/acme/platform/pull/12#issuecomment-{number}",
            "user": {"id": user_id, "login": login, "type": kind},
            "author": {"id": user_id, "username": login},
            "system": False,
        }

    def _answer(self, status: int, document: Any, headers: dict[str, str]) -> None:
        body = b"" if status == 204 else json.dumps(document).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


_ROUTES = (
    (r"/user", _Handler.user),
    (r"/repos/acme/platform/issues/12/comments", _Handler.many),
    (r"/repos/acme/platform/issues/comments/(\d+)", _Handler.one),
    (r"/api/v4/user", _Handler.user),
    (r"/api/v4/projects/77/merge_requests/12", _Handler.merge_request),
    (r"/api/v4/projects/77/merge_requests/12/notes", _Handler.many),
    (r"/api/v4/projects/77/merge_requests/12/notes/(\d+)", _Handler.one),
)
