"""The alert and recording rules: every `rules/*.yaml` in Prometheus' own format, read once when this is imported."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

FOLDER = Path(__file__).parent / "rules"
LARGEST_FILE_BYTES = 1_000_000
"""What a rule-group namespace of Amazon Managed Service for Prometheus may hold
(https://docs.aws.amazon.com/prometheus/latest/userguide/AMP_quotas.html)."""
RUNBOOKS = "docs/runbooks/"
"""Where the rules' links lead: pages of this repository."""


def rule_files(runbooks_url: str = "") -> Mapping[str, str]:
    """Name of the rule-group namespace (the file's stem) to the rule file's text, in the order of names.

    runbooks_url: address of the repository's root in a browser, which the links then begin with; without one they are
        paths in the repository.
    """
    root = runbooks_url.rstrip("/") + "/" if runbooks_url else ""
    return MappingProxyType(
        {
            name: text.replace(f"runbook_url: {RUNBOOKS}", f"runbook_url: {root}{RUNBOOKS}")
            for name, text in _read().items()
        }
    )


@cache
def _read() -> Mapping[str, str]:
    files = {file.stem: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.yaml"))}
    for name, text in files.items():
        assert len(text.encode()) <= LARGEST_FILE_BYTES, f"{name}.yaml is more than a namespace may hold: split it"
    return files


_read()
