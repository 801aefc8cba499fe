"""Pulumi's gRPC messages without the rest of the SDK, for a plugin's process.

`import pulumi` brings the automation API, OpenTelemetry and pickling along: 0.5 s of processor time that a plugin
process would spend before each preview. The messages need none of it.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def enter_packages_without_running_them() -> None:
    """Make `pulumi.runtime.proto` importable without the `__init__` of the packages around it.

    Only for a process that never needs the SDK itself: afterwards `import pulumi` gives an empty package.
    Raises ModuleNotFoundError where the SDK is not installed.
    """
    spec = importlib.util.find_spec("pulumi")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("The Pulumi SDK is not installed in this Python environment.")
    root = Path(spec.origin).parent
    for name, folder in {
        "pulumi": root,
        "pulumi.runtime": root / "runtime",
        "pulumi.runtime.proto": root / "runtime" / "proto",
    }.items():
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
