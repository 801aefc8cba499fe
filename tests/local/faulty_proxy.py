"""A proxy in front of the AWS server that refuses some calls, as AWS does under load: throttles and internal errors."""

import http.client
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "host")
FAULTS = ((400, "ThrottlingException", "Rate exceeded"), (500, "InternalFailure", "An internal error occurred"))
PATIENCE_S = 120


class FaultyProxy:
    """Refuses a share of the calls, before they reach the server: what is refused has done nothing.

    share: 0 to 1; the choice is that of `seed`. refused: how many calls were. Both kinds of fault come by turns.
    """

    def __init__(self, target: str, share: float, seed: int = 1) -> None:
        self.refused = self.calls = 0
        self.share = share
        self._target = urlsplit(target)
        self._random, self._lock = random.Random(seed), threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, content = proxy.answer(self.command, self.path, dict(self.headers), body)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _handle  # noqa: N815

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """The server's answer, or a fault in the form that every AWS protocol's client understands."""
        with self._lock:
            self.calls += 1
            refuse = self._random.random() < self.share
            self.refused += refuse
            status, code, text = FAULTS[self.refused % 2]
        if refuse:
            told = [("x-amzn-ErrorType", code), ("Content-Type", "text/xml")]
            xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>{text}</Message></Error></ErrorResponse>"
            if "json" in headers.get("Content-Type", ""):
                told[1] = ("Content-Type", "application/json")
                xml = f'{{"__type": "{code}", "message": "{text}"}}'
            return status, told, xml.encode()
        connection = http.client.HTTPConnection(self._target.hostname or "", self._target.port, timeout=PATIENCE_S)
        try:
            # The signature covers the host that the caller wrote down.
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            kept = [each for each in response.getheaders() if each[0].lower() not in HOP_BY_HOP]
            return response.status, kept, response.read()
        finally:
            connection.close()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
