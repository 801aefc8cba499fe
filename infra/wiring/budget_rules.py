"""The environment's budget and what every instance type costs, as rules that Prometheus evaluates."""

from components.monitoring.budget_rules import budget_rules
from infra.settings import Settings
from prices import Catalogue

RULES = "budget"
"""Name of the rule group namespace."""
EC2 = "ec2:"


def budget_rule_files(settings: Settings) -> dict[str, str]:
    """The rule file, by its name; none without a budget, or in a region that the price table lacks.

    Every type of the table is in it: which of them EKS Auto Mode's own pools start is not known beforehand.
    """
    budget = settings.guardrails.budget
    prices = {
        price.item.removeprefix(EC2): float(price.usd)
        for price in Catalogue.load().all()
        if price.region == settings.region and price.item.startswith(EC2)
    }
    return {RULES: budget_rules(prices, budget.monthly_usd)} if budget and prices else {}
