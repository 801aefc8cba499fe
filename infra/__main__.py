"""Entry point of the Pulumi program."""

import sys
from pathlib import Path

# The engine puts this folder on the path, not the checkout; and the project itself need not be installed.
sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

from infra.settling import run_settled
from infra.stack import deploy

run_settled(deploy)
