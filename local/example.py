"""The last step of `make local`: a real model trained, registered, deployed and asked."""

from local.paths import Paths
from local.progress import Progress


def remove(paths: Paths, progress: Progress) -> None:
    """Delete what the example made beside the platform."""


def forget(paths: Paths) -> None:
    """Forget what the example made."""


def run(paths: Paths, progress: Progress) -> None:
    """Placeholder until the example job lands."""
    progress.say(f"No example yet in {paths.checkout}.")
