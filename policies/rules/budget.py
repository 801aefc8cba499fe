"""Somebody hears of it when an environment costs more than it should."""

from collections.abc import Iterator, Sequence

from policies.model import Resource, Violation, stack_rule
from policies.parameters import Parameters
from policies.values import rows

BUDGET = "aws:budgets/budget:Budget"
CLUSTER = "aws:eks/cluster:Cluster"


@stack_rule("budget-present", "An environment has a budget that notifies somebody.")
def budget_present(resources: Sequence[Resource], parameters: Parameters) -> Iterator[Violation]:
    """Environments with a cluster and without a budget; a budget that tells nobody is none."""
    if not parameters.require_budget or not any(item.type == CLUSTER for item in resources):
        return
    if not any(item.type == BUDGET and rows(item.props, "notifications") for item in resources):
        yield Violation(
            "There is no budget with a notification. Set groundwork:guardrails.budget.monthlyUsd; an environment that "
            "may do without one says groundwork:policy.requireBudget: false."
        )
