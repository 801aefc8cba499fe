"""What a GPU of each pool costs, as rules that Prometheus evaluates."""

from components.instance_facts import instances_of
from components.monitoring.gpu_prices import gpu_price_rules
from infra.settings import Settings
from prices import gpu_hour_prices

RULES = "gpu-prices"
"""Name of the rule group namespace."""


def gpu_price_rule_files(settings: Settings) -> dict[str, str]:
    """The rule file of the settings' pools, by its name; none where no pool has NVIDIA GPUs.

    An instance type without a price in the price table counts as free.
    """
    families = {
        family for pool in settings.node_pools if pool.accelerator == "nvidia" for family in pool.machine_families
    }
    gpus = {instance.name: instance.devices for instance in instances_of(tuple(sorted(families)))}
    return {RULES: gpu_price_rules(gpu_hour_prices(settings.region, gpus))} if gpus else {}
