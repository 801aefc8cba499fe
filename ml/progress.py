"""What long steps of every layer say while they run, and how long something took, in words."""

import sys


def say(text: str) -> None:
    """A line of progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def duration(seconds: int | None) -> str:
    """Seconds as people write them: 42 s, 3 min 20 s, 2 h 5 min."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
