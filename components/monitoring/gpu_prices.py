"""Recording rules that turn idle GPUs into dollars.

Prometheus knows which GPU did nothing, not what it costs. The price of an instance type is a constant, which a
recording rule can hold as well: `vector(0.8)` with the label `instance_type`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from components.monitoring.metrics import INSTANCE_TYPE_LABEL, shown_label

RULES_IN_A_GROUP = 20
"""https://docs.aws.amazon.com/prometheus/latest/userguide/AMP_quotas.html (rules per rule group)"""
IDLE_PERCENT = 5
IDLE_MINUTES = 30

_INSTANCE_TYPE = shown_label(INSTANCE_TYPE_LABEL)
IDLE_GPUS = f"""\
sum by (node, instance_type) (
  label_replace(
    label_replace(
      sum by (Hostname) (avg_over_time(DCGM_FI_DEV_GPU_UTIL[{IDLE_MINUTES}m]) < bool {IDLE_PERCENT}),
      "node", "$1", "Hostname", "(.+)"
    )
    * on (node) group_left ({_INSTANCE_TYPE})
      max by (node, {_INSTANCE_TYPE}) (kube_node_labels),
    "instance_type", "$1", "{_INSTANCE_TYPE}", "(.+)"
  )
)
"""
IDLE_DOLLARS = """\
sum by (instance_type) (
  groundwork:gpu_idle * on (instance_type) group_left () groundwork:gpu_dollars_per_hour
)
"""


def gpu_price_rules(dollars_per_gpu_hour: Mapping[str, float]) -> str:
    """A rule file (YAML) with the price of a GPU of each instance type, the idle GPUs, and what they cost an hour.

    dollars_per_gpu_hour: instance type to the on-demand price of the instance divided by its GPUs. Types that are not
        in it cost nothing in the result, so it must name every type that a pool may start.
    A GPU is idle when it was used less than 5 % of the last 30 minutes, or of the time since it came.
    """
    return yaml.safe_dump({"groups": list(_groups(dollars_per_gpu_hour))}, sort_keys=False, width=1000)


def _groups(prices: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    constants = [
        {
            "record": "groundwork:gpu_dollars_per_hour",
            "expr": f"vector({price:g})",
            "labels": {"instance_type": instance_type},
        }
        for instance_type, price in sorted(prices.items())
    ]
    for index, rules in enumerate(_batches(constants)):
        yield {"name": f"gpu-prices-{index + 1}", "interval": "1m", "rules": rules}
    yield {
        "name": "gpu-idle",
        "interval": "1m",
        "rules": [
            {"record": "groundwork:gpu_idle", "expr": _one_line(IDLE_GPUS)},
            {"record": "groundwork:gpu_idle_dollars_per_hour", "expr": _one_line(IDLE_DOLLARS)},
        ],
    }


def _batches(rules: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(rules), RULES_IN_A_GROUP):
        yield rules[start : start + RULES_IN_A_GROUP]


def _one_line(expression: str) -> str:
    """YAML shows lines within a value as escapes, which nobody reads in a preview."""
    return " ".join(expression.split())
