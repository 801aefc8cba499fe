"""`python -m local.supervisor --checkout DIR --stack MODULE:FUNCTION`: the daemon that `groundwork local up` starts."""

import argparse
import importlib
import sys
from pathlib import Path

from local.paths import Paths
from local.supervisor.daemon import supervise


def main() -> int:
    """Build the stack that was named and supervise it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--stack", required=True, help="function that takes Paths and returns a Stack")
    parser.add_argument("--fingerprint", default="")
    arguments = parser.parse_args()
    module, function = arguments.stack.split(":")
    paths = Paths(arguments.checkout)
    return supervise(paths, getattr(importlib.import_module(module), function)(paths), arguments.fingerprint)


if __name__ == "__main__":
    sys.exit(main())
