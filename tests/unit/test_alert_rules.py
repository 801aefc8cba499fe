"""The alert rules: complete, tested, explained, and about metrics that something puts."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.monitoring.alert_rules import rule_files
from components.monitoring.budget_rules import budget_rules
from components.monitoring.gpu_prices import RULES_IN_A_GROUP
from components.monitoring.metrics import prometheus_metrics
from components.monitoring.promql import metric_names

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "components" / "monitoring" / "rules").glob("*.yaml"))
CASES = sorted((ROOT / "tests" / "promtool").glob("*.yaml"))


def groups() -> Iterator[dict[str, Any]]:
    for file in RULES:
        yield from yaml.safe_load(file.read_text())["groups"]


ALL = [rule for group in groups() for rule in group["rules"]]
ALERTS = [rule for rule in ALL if "alert" in rule]
RECORDINGS = [rule for rule in ALL if "record" in rule]
every_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])


def alert_cases() -> Iterator[dict[str, Any]]:
    for file in CASES:
        for test in yaml.safe_load(file.read_text())["tests"]:
            yield from test["alert_rule_test"]


def recordings_tested() -> Iterator[str]:
    for file in CASES:
        for test in yaml.safe_load(file.read_text())["tests"]:
            yield from (each["expr"] for each in test.get("promql_expr_test", []))


@every_alert
def test_an_alert_says_how_bad_it_is_what_it_is_and_what_to_do(alert: dict[str, Any]):
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}


@every_alert
def test_an_alert_links_to_a_runbook_that_is_about_it(alert: dict[str, Any]):
    page = ROOT / alert["annotations"]["runbook_url"]
    assert page.is_file(), f"{page.name} is not there"
    assert f"`{alert['alert']}`" in page.read_text()


@every_alert
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent(alert: dict[str, Any]):
    cases = [case for case in alert_cases() if case["alertname"] == alert["alert"]]
    assert any(case["exp_alerts"] for case in cases), "no case in which it fires"
    assert any(not case["exp_alerts"] for case in cases), "no case in which it is silent"


@pytest.mark.parametrize("rule", RECORDINGS, ids=lambda rule: rule["record"])
def test_the_value_of_a_recording_rule_is_tested(rule: dict[str, Any]):
    assert rule["record"] in set(recordings_tested())


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.get("alert") or rule["record"])
def test_a_rule_asks_only_for_metrics_that_the_catalogue_has(rule: dict[str, Any]):
    missing = metric_names(rule["expr"]) - prometheus_metrics()
    assert not missing, f"nothing puts {', '.join(sorted(missing))}, says components/monitoring/metrics.py"


def test_what_a_rule_records_is_in_the_catalogue():
    assert {rule["record"] for rule in RECORDINGS} <= prometheus_metrics()


def test_no_group_has_more_rules_than_aws_allows():
    assert max(len(group["rules"]) for group in groups()) <= RULES_IN_A_GROUP


def test_names_of_alerts_and_of_groups_are_unique():
    for names in ([alert["alert"] for alert in ALERTS], [group["name"] for group in groups()]):
        assert len(set(names)) == len(names)


def test_every_runbook_belongs_to_an_alert_and_the_index_lists_every_alert():
    folder = ROOT / "docs" / "runbooks"
    linked = {Path(alert["annotations"]["runbook_url"]).name for alert in ALERTS}
    assert {page.name for page in folder.glob("*.md")} == linked | {"README.md"}
    listed = set(re.findall(r"^\| (\w+) \| \[", (folder / "README.md").read_text(), re.MULTILINE))
    assert listed == {alert["alert"] for alert in ALERTS}


def test_a_budget_and_prices_become_constants_of_at_most_twenty_a_group():
    prices = {f"g{index}.xlarge": 0.5 + index for index in range(30)}
    first, *groups_of_prices = yaml.safe_load(budget_rules(prices, 12345.67))["groups"]
    assert first["rules"] == [{"record": "groundwork:budget_dollars", "expr": "vector(12345.67)"}]
    assert [len(group["rules"]) for group in groups_of_prices] == [20, 10]
    assert groups_of_prices[0]["rules"][0] == {
        "record": "groundwork:node_dollars_per_hour",
        "expr": "vector(0.5)",
        "labels": {"instance_type": "g0.xlarge"},
    }


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="is spent before anything runs"):
        budget_rules({}, 0)


def test_links_to_runbooks_may_lead_to_where_the_repository_is_shown():
    plain, absolute = rule_files(), rule_files("https://example.test/tree/main/")
    assert list(plain) == [file.stem for file in RULES]
    links = [
        rule["annotations"]["runbook_url"]
        for text in absolute.values()
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert len(links) == len(ALERTS)
    assert all(link.startswith("https://example.test/tree/main/docs/runbooks/") for link in links)


def test_the_sum_of_a_month_counts_the_values_that_its_group_records():
    (group,) = (group for group in groups() if group["name"] == "costs")
    (total,) = (rule for rule in group["rules"] if rule.get("record") == "groundwork:nodes_dollars:sum_30d")
    assert (group["interval"], total["expr"].rsplit("/", 1)[1].strip()) == ("5m", "12")
