"""Pulumi's protobuf stubs without the SDK around them, whose import every preview would wait for."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def enter_stubs() -> None:
    """Make `pulumi.runtime.proto` importable. Afterwards `import pulumi` gives an empty package, in this process."""
    spec = importlib.util.find_spec("pulumi")
    if spec is None or spec.origin is None:
        sys.exit("The policy pack needs the Pulumi SDK in the environment that PulumiPolicy.yaml names: make install.")
    root = Path(spec.origin).parent
    for name, folder in {
        "pulumi": root,
        "pulumi.runtime": root / "runtime",
        "pulumi.runtime.proto": root / "runtime" / "proto",
    }.items():
        module = ModuleType(name)
        module.__path__ = [str(folder)]
        sys.modules[name] = module
