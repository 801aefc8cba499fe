"""The HTTP server: cheroot's threads and keep-alive connections, with what moto needs to know of a request."""

from typing import Any

from cheroot import wsgi
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)

THREADS = 64
"""Requests at once. A thread waits for as long as its request takes (a slow inference), so there are many."""


class _Gateway(wsgi.Gateway_10):
    def get_environ(self) -> dict[str, Any]:
        environ = super().get_environ()
        environ["RAW_URI"] = environ["REQUEST_URI"]
        names = (name.decode("latin-1") if isinstance(name, bytes) else name for name in self.req.inheaders)
        environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = {
            environ_key_for_header(name): name.lower() for name in names if should_preserve_original_header_name(name)
        }
        return environ


def make_server(port: int, application: Any) -> wsgi.Server:
    """A server on the loopback address; `prepare()` binds it, `serve()` blocks until `stop()`."""
    server = wsgi.Server(
        ("127.0.0.1", port),
        application,
        numthreads=THREADS,
        request_queue_size=256,
        timeout=60,
        shutdown_timeout=2,
        server_name="127.0.0.1",
    )
    server.gateway = _Gateway
    return server
