"""Puts the local stack's provider plugins where its Pulumi engine looks for them."""

import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PLUGINS: Final = {
    "aws": ("pulumi-aws", "local.providers.aws"),
    "kubernetes": ("pulumi-kubernetes", "local.providers.kubernetes"),
}
"""Plugin → the Python package whose version it answers for (the program asks for just that), and its module."""


def install_plugins(pulumi_home: Path) -> None:
    """Write one launcher a plugin under `pulumi_home`/plugins, replacing what an earlier environment left there.

    `pulumi_home` must belong to the local stack alone: any stack that uses it gets these plugins and not the genuine
    ones. Raises OSError where it cannot be written.
    """
    for name, (package, module) in PLUGINS.items():
        executable = f"pulumi-resource-{name}"
        folder = pulumi_home / "plugins" / f"resource-{name}-v{version(package)}"
        folder.mkdir(parents=True, exist_ok=True)
        launcher = folder / f"{executable}.new"
        launcher.write_text(_launcher(module), encoding="utf-8")
        launcher.chmod(0o755)
        launcher.replace(folder / executable)


def _launcher(module: str) -> str:
    python = shlex.quote(sys.executable)
    return (
        "#!/bin/sh\n"
        f"PYTHONPATH={shlex.quote(str(ROOT))}${{PYTHONPATH:+:$PYTHONPATH}}\n"
        "export PYTHONPATH\n"
        f'exec {python} -m {module} "$@"\n'
    )
