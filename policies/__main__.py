"""Entry point of the policy pack: the engine starts `python policies ENGINE_ADDRESS` and reads a port from stdout."""

import sys
from pathlib import Path

# The engine runs the folder, not the package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policies.lean import enter_stubs

enter_stubs()

from policies.server import serve  # noqa: E402 - only now can it find the stubs

serve()
