"""Serves a provider to the Pulumi engine: a port on loopback, printed on the first line, until the engine goes."""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google._upb import _message

from local.providers.stubs import provider_pb2_grpc

_THREADS = 64
"""Requests served at once; the engine's own parallelism (4 per core by default) stays below it."""
_MESSAGE_BYTES = 400 * 1024 * 1024
"""The engine's own limit for one message."""


def serve(servicer: Any) -> None:
    """Serve until interrupted, or until the process that started the plugin is gone."""
    # A level of a document is three of its message; protobuf reads 100, too few for the definition of a pod template.
    _message.SetAllowOversizeProtos(True)
    server = grpc.server(
        ThreadPoolExecutor(max_workers=_THREADS),
        options=[("grpc.max_receive_message_length", _MESSAGE_BYTES), ("grpc.max_send_message_length", _MESSAGE_BYTES)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    parent = os.getppid()
    while not ended.wait(timeout=1) and os.getppid() == parent:
        pass
    server.stop(grace=None)
