"""The dashboards as Grafana gets them, and the catalogue of metrics that they may ask for."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from typer.testing import CliRunner

from components.monitoring import metrics
from components.monitoring.dashboards import prometheus_queries, rendered
from components.monitoring.dashboards.check import CONFIG_MAP_BYTES, panels_of, problems
from components.monitoring.dashboards.sources import CLOUDWATCH_UID, PROMETHEUS_UID, data_sources
from components.monitoring.gpu_prices import RULES_IN_A_GROUP, gpu_price_rules
from components.monitoring.promql import metric_names
from operations.cli import app

pytestmark = pytest.mark.unit
DOCUMENTS: dict[str, dict[str, Any]] = {name: json.loads(text) for name, text in rendered().items()}


def test_there_is_a_dashboard_for_each_question():
    assert set(DOCUMENTS) == {"platform.json", "gpus.json", "training.json", "endpoints.json", "quality.json"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_panel_asks_a_data_source_for_what_it_can_hold(name: str):
    assert list(problems(DOCUMENTS[name])) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_dashboard_fits_into_a_config_map(name: str):
    assert len(rendered()[name].encode()) < CONFIG_MAP_BYTES


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_panel_says_why_one_looks_at_it_and_has_a_place_of_its_own(name: str):
    shown = list(panels_of(DOCUMENTS[name]))
    assert all(panel["description"] and panel["title"] and panel["targets"] for panel in shown)
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in shown]
    assert len(set(places)) == len(places)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in shown)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_grafanas_own_model_reads_a_dashboard_back_unchanged(name: str):
    read = Dashboard.from_json(DOCUMENTS[name])
    assert json.loads(JSONEncoder().encode(read)) == DOCUMENTS[name]


def test_addresses_of_dashboards_are_fixed_and_differ():
    uids = [document["uid"] for document in DOCUMENTS.values()]
    assert len(set(uids)) == len(uids)
    assert all(uid.startswith("groundwork-") and len(uid) <= 40 for uid in uids)


def first_target(document: dict[str, Any], source: str) -> dict[str, Any]:
    return next(
        target for panel in panels_of(document) for target in panel["targets"] if target["datasource"]["uid"] == source
    )


@pytest.mark.parametrize(
    ("source", "change", "said"),
    [
        (PROMETHEUS_UID, {"expr": "sum(ModelLatency)"}, "Prometheus has no metric ModelLatency"),
        (PROMETHEUS_UID, {"expr": "1 + 1"}, "asks for no metric"),
        (PROMETHEUS_UID, {"datasource": {"uid": "another"}}, "none of ours"),
        (CLOUDWATCH_UID, {"metricName": "DCGM_FI_DEV_GPU_UTIL"}, "has no metric DCGM_FI_DEV_GPU_UTIL"),
        (CLOUDWATCH_UID, {"namespace": "AWS/Nothing"}, "no namespace AWS/Nothing"),
        (CLOUDWATCH_UID, {"dimensions": {"Cluster": "x"}}, "not Cluster"),
        (CLOUDWATCH_UID, {"expression": "SEARCH('{AWS/Nothing,Name} x', 'Sum', 60)"}, "no metrics of AWS/Nothing"),
    ],
)
def test_a_panel_that_its_data_source_cannot_fill_is_an_error(source: str, change: dict[str, Any], said: str):
    document = copy.deepcopy(DOCUMENTS["platform.json"])
    first_target(document, source).update(change)
    found = list(problems(document))
    assert len(found) == 1
    assert said in found[0]


def test_a_variable_that_asks_for_an_unknown_metric_is_an_error():
    document = copy.deepcopy(DOCUMENTS["platform.json"])
    document["templating"]["list"][0]["query"] = "label_values(nothing_of_the_kind, namespace)"
    assert "nothing_of_the_kind" in "".join(problems(document))


def test_queries_are_given_without_variables():
    queries = prometheus_queries()
    assert len(queries) > 40
    assert {query.dashboard for query in queries} == {document["title"] for document in DOCUMENTS.values()}
    # `$1` is label_replace's own.
    assert [query for query in queries if "$" in query.expr.replace('"$1"', "")] == []


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (a, b) (rate(x_total{y=~"$z|w", v="{"}[$__rate_interval]))', {"x_total"}),
        ("a / on (n) group_left (k) max by (n) (b:c) > bool 5e3", {"a", "b:c"}),
        ("up == 1 offset 5m or vector(0)", {"up"}),
        ('label_replace(a, "node", "$1", "Hostname", "(.+)")', {"a"}),
        ("1 + 1", set()),
    ],
)
def test_the_metrics_of_an_expression_are_found(expression: str, names: set[str]):
    assert metric_names(expression) == names


def test_the_catalogue_says_of_every_metric_who_puts_it_and_where_that_is_written():
    for entry in (*metrics.PROMETHEUS.values(), *metrics.CLOUDWATCH):
        assert entry.put_by
        assert entry.docs.startswith(("https://", "ml/", "docs/"))
        assert all(entry.metrics.values())


def test_no_metric_is_in_two_jobs():
    names = [name for job in metrics.PROMETHEUS.values() for name in job.metrics]
    assert len(names) == len(set(names))


def test_a_label_of_a_node_is_spelled_the_way_that_kube_state_metrics_does():
    assert metrics.shown_label("node.kubernetes.io/instance-type") == "label_node_kubernetes_io_instance_type"


def test_data_sources_sign_with_what_the_sdk_finds_and_hold_no_secret():
    sources = yaml.safe_load(
        data_sources("https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/w/", "eu-central-1")
    )
    prometheus, cloudwatch = sources["datasources"]
    assert prometheus["url"].endswith("/workspaces/w")
    assert prometheus["jsonData"]["sigV4AuthType"] == cloudwatch["jsonData"]["authType"] == "default"
    assert {prometheus["uid"], cloudwatch["uid"]} == {PROMETHEUS_UID, CLOUDWATCH_UID}
    assert all("secureJsonData" not in source for source in sources["datasources"])


def test_prices_become_rules_of_at_most_twenty_a_group():
    rules = yaml.safe_load(gpu_price_rules({f"g{index}.xlarge": 0.5 + index for index in range(45)}))
    sizes = [len(group["rules"]) for group in rules["groups"]]
    assert sizes == [RULES_IN_A_GROUP, RULES_IN_A_GROUP, 5, 2]
    first = rules["groups"][0]["rules"][0]
    assert first == {
        "record": "groundwork:gpu_dollars_per_hour",
        "expr": "vector(0.5)",
        "labels": {"instance_type": "g0.xlarge"},
    }


def test_rules_about_idle_gpus_ask_for_metrics_of_the_catalogue():
    rules = yaml.safe_load(gpu_price_rules({"g5.xlarge": 1.006}))
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert metric_names(rule["expr"]) <= metrics.prometheus_metrics()
            assert rule["record"] in metrics.prometheus_metrics()


def test_the_command_writes_every_dashboard_and_the_data_sources(tmp_path: Path):
    folder = tmp_path / "new" / "dashboards"
    endpoint = "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1"
    result = CliRunner().invoke(app, ["dashboards", "write", str(folder), "--prometheus", endpoint])
    assert result.exit_code == 0, result.output
    written = {path.name: path.read_text() for path in folder.iterdir()}
    assert {name: json.loads(text) for name, text in written.items() if name.endswith(".json")} == DOCUMENTS
    assert endpoint in written["data-sources.yaml"]


def test_a_folder_that_cannot_be_written_is_a_sentence_and_no_traceback(tmp_path: Path):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["dashboards", "write", str(tmp_path / "file" / "inside")])
    assert result.exit_code == 1
    assert "cannot be written" in result.output
