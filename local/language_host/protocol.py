"""The SDK's protobuf stubs, imported without the SDK itself.

``import pulumi`` costs a good third of a second that this process has no use for, and the stubs live inside that
package. So the packages above them are entered as bare namespaces: their ``__init__`` never runs here.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import types
from pathlib import Path
from typing import Any


def _namespace(name: str, folder: Path) -> None:
    module = types.ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module


def _sdk_folder() -> Path:
    spec = importlib.util.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        missing = os.environ.get("GROUNDWORK_MISSING_ENVIRONMENT")
        named = f"Pulumi.yaml names the virtual environment {missing}, but it has no bin/python. " if missing else ""
        sys.stderr.write(
            f"{named}The Pulumi SDK is not installed for {sys.executable}. "
            "Install the project's requirements into the environment that Pulumi.yaml names "
            "(runtime.options.virtualenv), or into a .venv beside it.\n"
        )
        sys.exit(1)
    return Path(next(iter(spec.submodule_search_locations)))


SDK_FOLDER = _sdk_folder()
_namespace("pulumi", SDK_FOLDER)
_namespace("pulumi.runtime", SDK_FOLDER / "runtime")
_namespace("pulumi.runtime.proto", SDK_FOLDER / "runtime" / "proto")

import grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402
from google.protobuf.empty_pb2 import Empty  # noqa: E402
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2  # noqa: E402

__all__ = ["SDK_FOLDER", "Empty", "grpc", "json_format", "language", "language_grpc", "plugin"]

language: Any = language_pb2
language_grpc: Any = language_pb2_grpc
plugin: Any = plugin_pb2
