"""What is done again and again for as long as the server runs: schedules are looked at, metrics sent."""

import logging
import threading
from collections.abc import Callable

from local.aws_server.operations import Server, on_start, on_stop

logger = logging.getLogger(__name__)
Look = Callable[[Server], None]
_stops: dict[tuple[int, str], threading.Event] = {}


def do_each(seconds: float, name: str, stopping: threading.Event, work: Callable[[], None]) -> None:
    """Starts a thread that does some work each so many seconds until an event is set.

    Work that fails is logged, and done again all the same. name: the thread's, and that in the log.
    """

    def run() -> None:
        while not stopping.wait(seconds):
            try:
                work()
            except Exception:
                logger.exception("%s", name)

    threading.Thread(target=run, name=name, daemon=True).start()


def looks_each(seconds: float, name: str) -> Callable[[Look], Look]:
    """Decorates a function that looks once; a thread calls it each so many seconds while the server runs.

    A look that fails is logged, and the next one comes all the same. name: the thread's, and that in the log.
    """

    def decorate(look: Look) -> Look:
        @on_start
        def start(server: Server) -> None:  # pyright: ignore[reportUnusedFunction] - the registry calls it
            stop_asked = _stops[id(server), name] = threading.Event()
            do_each(seconds, name, stop_asked, lambda: look(server))

        @on_stop
        def stop(server: Server) -> None:  # pyright: ignore[reportUnusedFunction] - the registry calls it
            if event := _stops.pop((id(server), name), None):
                event.set()

        return look

    return decorate
