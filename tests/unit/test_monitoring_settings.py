"""Settings of monitoring: what they allow, and what each of them changes."""

from typing import Any

import pytest

from infra.settings import SettingsError, parse
from infra.stack import deploy
from tests.unit.recording import ACCOUNT, Recording, record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit


def monitored(**monitoring: Any) -> dict[str, Any]:
    settings = settings_of("local")
    return {**settings, "monitoring": {**settings.get("monitoring", {}), **monitoring}}


def deployed(**monitoring: Any) -> Recording:
    return record(deploy, stack="local", config=monitored(**monitoring))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"metricDays": 2000}, "monitoring.metricDays: 2000 is not allowed; allowed is 1095 or less"),
        ({"scrapeSeconds": 10}, "monitoring.scrapeSeconds: 10 is not allowed; allowed is 30 or more"),
        ({"emails": ["ops"]}, "an e-mail address"),
        ({"emails": ["a@b.de", "a@b.de"]}, "allowed is each address once"),
        (
            {"subscriptions": [{"name": "pager", "protocol": "sqs", "endpoint": "https://x.example"}]},
            "for sqs allowed is the ARN of an SQS queue",
        ),
        (
            {"subscriptions": [{"name": "a", "protocol": "email", "endpoint": "a@b.de"}] * 2},
            "subscriptions[0] has this name already",
        ),
        ({"endpoints": [{"name": "fraud", "availability": 100}]}, "allowed is 99.999 or less"),
        ({"endpoints": [{"name": "fraud"}, {"name": "fraud"}]}, "the variant main of fraud is there already"),
        ({"images": {"nodeExporter": "quay.io/prometheus/node-exporter:latest"}}, "a tag other than latest"),
        ({"images": {"nodeExporter": "quay.io/prometheus/node-exporter"}}, "a tag other than latest"),
        ({"runbooksUrl": "https://example.com/docs/"}, "an https:// address without a last /"),
    ],
)
def test_what_is_wrong_is_refused_with_what_would_be_right(wrong: dict[str, Any], said: str):
    with pytest.raises(SettingsError) as raised:
        parse("local", monitored(**wrong))
    assert said in str(raised.value)


def test_the_key_in_a_pagers_address_is_not_repeated_in_a_message():
    pager = {"name": "pager", "protocol": "https", "endpoint": "http://pager.example/secret-key"}
    with pytest.raises(SettingsError) as raised:
        parse("local", monitored(subscriptions=[pager]))
    assert "secret-key" not in str(raised.value)


@pytest.mark.parametrize(
    "image",
    ["123456789012.dkr.ecr.us-east-1.amazonaws.com/quay/prometheus/node-exporter:v1.12.1", f"q.io/n@sha256:{'0' * 64}"],
)
def test_an_image_may_come_from_a_registry_of_ones_own(image: str):
    assert parse("local", monitored(images={"nodeExporter": image})).monitoring.images.node_exporter == image


def test_without_prometheus_the_topic_and_the_alarms_stay():
    recording = deployed(prometheus=False)
    types = {item.type for item in recording.registrations}
    assert not {name for name in types if name.startswith("aws:amp/")}
    assert "groundwork:monitoring:Exporters" not in types
    assert {"aws:sns/topic:Topic", "aws:cloudwatch/metricAlarm:MetricAlarm"} <= types


def test_every_setting_reaches_its_resource():
    pager = {"name": "pager", "protocol": "sqs", "endpoint": "arn:aws:sqs:us-east-1:123456789012:pager"}
    recording = deployed(
        metricDays=400,
        scrapeSeconds=30,
        logDays=7,
        emails=["ops@example.com"],
        subscriptions=[pager],
        runbooksUrl="https://docs.example/main",
        fleetErrors=5,
        fleetLatencyMs=100,
        endpoints=[{"name": "fraud"}],
        images={"kubeStateMetrics": "registry.example/ksm:v1"},
    )
    assert recording.one("aws:amp/workspaceConfiguration:WorkspaceConfiguration").inputs["retentionPeriodInDays"] == 400
    assert "scrape_interval: 30s" in recording.one("aws:amp/scraper:Scraper").inputs["scrapeConfiguration"]
    assert recording.one("aws:cloudwatch/logGroup:LogGroup", "prometheus-logs").inputs["retentionInDays"] == 7
    told = recording.of("aws:sns/topicSubscription:TopicSubscription")
    assert {item.inputs["protocol"] for item in told.values()} == {"email", "sqs"}
    rules = "".join(
        item.inputs["data"] for item in recording.of("aws:amp/ruleGroupNamespace:RuleGroupNamespace").values()
    )
    assert "https://docs.example/main/docs/runbooks/" in rules
    alarms = recording.of("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert alarms["alarms-endpoint-errors"].inputs["threshold"] == 5
    assert alarms["alarms-endpoint-latency"].inputs["threshold"] == 100_000
    assert "alarms-fraud-main-latency" in alarms
    pods = recording.one("kubernetes:apps/v1:Deployment", "kube-state-metrics").inputs["spec"]["template"]["spec"]
    assert pods["containers"][0]["image"] == "registry.example/ksm:v1"


def test_what_the_cluster_is_watched_by_goes_before_the_cluster():
    recording = deployed()
    assert "cluster" in recording.one("aws:amp/scraper:Scraper").dependencies
    for name in ("node-exporter", "dcgm-exporter"):
        assert "exporters-namespace" in recording.one("kubernetes:apps/v1:DaemonSet", name).dependencies


def test_exporters_are_pulled_from_the_accounts_copies_where_there_are_some():
    settings = monitored()
    settings = {**settings, "guardrails": {**settings.get("guardrails", {}), "imageCache": {"upstreams": ["k8s"]}}}
    recording = record(deploy, stack="local", config=settings)

    def image(kind: str, name: str) -> str:
        pod = recording.one(f"kubernetes:apps/v1:{kind}", name).inputs["spec"]["template"]["spec"]
        return pod["containers"][0]["image"]

    cached = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/gw-local/k8s/kube-state-metrics/kube-state-metrics:"
    assert image("Deployment", "kube-state-metrics").startswith(cached)
    assert image("DaemonSet", "node-exporter").startswith("quay.io/")
    assert image("DaemonSet", "dcgm-exporter").startswith("nvcr.io/")
