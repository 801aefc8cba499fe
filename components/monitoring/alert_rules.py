"""The alert and recording rules: every `rules/*.yaml` in Prometheus' own format, read once when this is imported."""

from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent / "rules"
RUNBOOKS = "docs/runbooks/"
"""Where the rules' links lead: pages of this repository."""
_TEXTS: Mapping[str, str] = {file.stem: file.read_text(encoding="utf-8") for file in sorted(FOLDER.glob("*.yaml"))}


def rule_files(runbooks_url: str = "") -> dict[str, str]:
    """Name of the rule-group namespace (the file's stem) to the rule file's text, in the order of names.

    runbooks_url: address under which the repository's files are read, such as https://github.com/OWNER/NAME/blob/main;
        the links begin with it. Without one they are paths in the repository.
    """
    root = runbooks_url.rstrip("/") + "/" if runbooks_url else ""
    return {
        name: text.replace(f"runbook_url: {RUNBOOKS}", f"runbook_url: {root}{RUNBOOKS}")
        for name, text in _TEXTS.items()
    }
