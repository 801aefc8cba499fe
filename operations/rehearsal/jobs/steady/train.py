"""Says once a second that it is there, until it is stopped."""

import itertools
import time

for second in itertools.count():
    if second % 5 == 0:
        print(f"second={second}", flush=True)
    time.sleep(1)
