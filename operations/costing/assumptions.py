"""How much an environment is used in a month, from its settings (`costs` in Pulumi.<environment>.yaml)."""

from pathlib import Path

from infra.sections.costs import CostSettings
from infra.setting_walk import NAMESPACE, WRONG, walk
from operations.environments_file import EnvironmentsError, settings_of
from prices import Usage

KEY = "costs"


def usage_of(folder: Path, name: str) -> Usage:
    """The use that the estimate counts with; what is not set is that of an idle environment.

    folder: where the settings file of the environment of this name is. Raises EnvironmentsError with every problem of
    the section, as the program words them.
    """
    raw = settings_of(folder, name).get(f"{NAMESPACE}:{KEY}")
    walked = walk(CostSettings, {} if raw is None else raw, KEY)
    if walked.lines or walked.value is WRONG:
        raise EnvironmentsError("\n".join([f"Pulumi.{name}.yaml:", *(f"  {line}" for line in walked.lines)]))
    return walked.value.usage()
