"""What is looked at again and again for as long as the server runs: schedules, experiments."""

import logging
import threading
from collections.abc import Callable

from local.aws_server.operations import Server, on_start, on_stop

logger = logging.getLogger(__name__)
Look = Callable[[Server], None]
_stops: dict[tuple[int, str], threading.Event] = {}


def looks_each(seconds: float, name: str) -> Callable[[Look], Look]:
    """Decorates a function that looks once; a thread calls it each so many seconds while the server runs.

    A look that fails is logged, and the next one comes all the same. name: the thread's, and that in the log.
    """

    def decorate(look: Look) -> Look:
        @on_start
        def start(server: Server) -> None:  # pyright: ignore[reportUnusedFunction] - the registry calls it
            stop_asked = _stops[id(server), name] = threading.Event()

            def watch() -> None:
                while not stop_asked.wait(seconds):
                    try:
                        look(server)
                    except Exception:
                        logger.exception("%s were not looked at", name)

            threading.Thread(target=watch, name=name, daemon=True).start()

        @on_stop
        def stop(server: Server) -> None:  # pyright: ignore[reportUnusedFunction] - the registry calls it
            if event := _stops.pop((id(server), name), None):
                event.set()

        return look

    return decorate
