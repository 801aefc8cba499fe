"""ML lifecycle: job specs, submission, serving. Knows the infrastructure through the platform contract alone."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml.sessions import PlatformSession, session

__all__ = ["PlatformSession", "session"]


def __getattr__(name: str) -> Any:
    # `import ml` stays as light as an empty package: the start-up of the command and of the inference server need that.
    if name in __all__:
        import importlib

        return getattr(importlib.import_module("ml.sessions"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
