"""What is done when SageMaker stops a job: it sends SIGTERM, and SIGKILL two minutes later. Standard library only."""

# pyright: basic

import os
import signal
import sys
import threading


def on_stop(end):
    """Ends the process on SIGTERM, once `end` has been called; a script that handles the signal itself keeps it.

    end: returns False where somebody else is at it already. The signal wakes a thread too, because the main thread, the
    only one that runs handlers, may be inside a library that returns after minutes.
    """

    def stopped(*_):
        if end():
            sys.stdout.flush()
            os._exit(128 + signal.SIGTERM)

    def wait_for_signals(descriptor):
        while True:
            received = os.read(descriptor, 1)
            if received and received[0] == signal.SIGTERM and signal.getsignal(signal.SIGTERM) is stopped:
                stopped()

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.signal(signal.SIGTERM, stopped)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=wait_for_signals, args=(reading,), daemon=True).start()
