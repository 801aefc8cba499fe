"""Recording rules that carry the month's budget and the nodes' prices into Prometheus, for `rules/costs.yaml`.

Both are constants, which a recording rule holds as `vector(…)`. AWS Budgets counts every service but half a day late;
with these, what the nodes cost is known within minutes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from components.monitoring.gpu_prices import RULES_IN_A_GROUP

PRICE_INTERVAL = "4m"
"""How often a constant is written again. Each sample is paid for, and five minutes without one end a series."""

# The one in C takes a tenth of the time for the many hundred prices, where PyYAML has it.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def budget_rules(dollars_per_hour: Mapping[str, float], monthly_budget_dollars: float) -> str:
    """A rule file (YAML).

    dollars_per_hour: instance type to the on-demand price of one instance. A type that is not in it counts as free, and
        the alert NodeWithoutPrice says so once such a node runs.
    monthly_budget_dollars: more than 0; raises ValueError otherwise.
    """
    if monthly_budget_dollars <= 0:
        raise ValueError(f"a budget of {monthly_budget_dollars:g} dollars a month is spent before anything runs")
    return yaml.dump(
        {"groups": list(_groups(dollars_per_hour, monthly_budget_dollars))}, Dumper=_DUMPER, sort_keys=False
    )


def _groups(prices: Mapping[str, float], budget: float) -> Iterator[dict[str, Any]]:
    rules = [
        {
            "record": "groundwork:node_dollars_per_hour",
            "expr": f"vector({price:.12g})",
            "labels": {"instance_type": instance_type},
        }
        for instance_type, price in sorted(prices.items())
    ]
    yield {"name": "budget", "rules": [{"record": "groundwork:budget_dollars", "expr": f"vector({budget:.12g})"}]}
    for start in range(0, len(rules), RULES_IN_A_GROUP):
        name = f"node-prices-{start // RULES_IN_A_GROUP + 1}"
        yield {"name": name, "interval": PRICE_INTERVAL, "rules": rules[start : start + RULES_IN_A_GROUP]}
