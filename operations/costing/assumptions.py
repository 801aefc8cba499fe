"""How much an environment is used in a month, from its settings (`costs` in Pulumi.<environment>.yaml)."""

from infra.sections.costs import CostSettings
from infra.setting_walk import NAMESPACE, WRONG, walk
from operations.environments import OperatedEnvironment
from operations.environments_file import EnvironmentsError, settings_of
from prices import Usage

KEY = "costs"


def usage_of(environment: OperatedEnvironment) -> Usage:
    """The use that the estimate counts with; what is not set is that of an idle environment.

    Raises EnvironmentsError with every problem of the section, as the program words them.
    """
    raw = settings_of(environment.folder, environment.name).get(f"{NAMESPACE}:{KEY}")
    walked = walk(CostSettings, {} if raw is None else raw, KEY)
    if walked.lines or walked.value is WRONG:
        raise EnvironmentsError("\n".join([f"Pulumi.{environment.name}.yaml:", *(f"  {x}" for x in walked.lines)]))
    return walked.value.usage()
