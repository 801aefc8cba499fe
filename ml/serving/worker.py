"""Where predictions run: at once on the event loop while they are quick, else one after another in a thread.

Handing a prediction to a thread costs about as much as a small model's prediction, and blocking the loop for long
starves the health check; so the measured time decides. Never two at once: a model need not be thread-safe.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

QUICK_S = 0.002
SMALL_BODY_BYTES = 64 * 1024
_WEIGHT = 0.1


class PredictionWorker:
    """Runs the work of one request.

    typical_s: what a small request's work has taken lately, seconds (moving average); None until known.
    """

    def __init__(self) -> None:
        self.typical_s: float | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prediction")
        self._in_thread = 0

    async def run(self, work: Callable[[], T], body_bytes: int) -> T:
        """The result of `work`; what it raises passes through. body_bytes: size of the request's body."""
        small = body_bytes <= SMALL_BODY_BYTES
        if small and not self._in_thread and self.typical_s is not None and self.typical_s < QUICK_S:
            return self._measured(work, small)
        self._in_thread += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._measured, work, small)
        finally:
            self._in_thread -= 1

    def _measured(self, work: Callable[[], T], small: bool) -> T:
        begin = time.perf_counter()
        result = work()
        if small:
            self.learn(time.perf_counter() - begin)
        return result

    def learn(self, seconds: float) -> None:
        """Take one small request's time into account."""
        known = self.typical_s
        self.typical_s = seconds if known is None else known + _WEIGHT * (seconds - known)
