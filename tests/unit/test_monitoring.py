"""Monitoring on AWS: topic, workspace, collector, exporters and alarms."""

import re
from pathlib import Path
from typing import Any

import pulumi_kubernetes as k8s
import pytest
import yaml
from pulumi.runtime import rpc

from components.monitoring import alarm_table, dcgm_exporter, kube_state_metrics, node_exporter
from components.monitoring.alarms import Alarms, AlarmsArgs, EndpointPromise
from components.monitoring.alertmanager import alertmanager_definition
from components.monitoring.exporters import Exporters, ExportersArgs
from components.monitoring.metrics import PROMETHEUS, missing_from_cloudwatch
from components.monitoring.scrape import EXPORTERS, NAMESPACE, kept_metrics, scrape_configuration
from components.monitoring.scraper import ClusterScraper, ClusterScraperArgs
from components.monitoring.topic import AlertTopic, AlertTopicArgs, Subscriber
from components.monitoring.workspace import PrometheusWorkspace, PrometheusWorkspaceArgs
from tests.unit.parts import KEY, PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record

pytestmark = pytest.mark.unit
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:groundwork-dev-alerts"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
COMPOSITE = "aws:cloudwatch/compositeAlarm:CompositeAlarm"


def the_topic(*subscribers: Subscriber) -> Recording:
    return record(
        lambda: AlertTopic("alerts", AlertTopicArgs(placement=PLACEMENT, subscribers=subscribers), with_aws())
    )


def the_alarms(**more: Any) -> Recording:
    args = {"placement": PLACEMENT, "topic_arn": TOPIC, "nat_gateway_ids": {"a": "nat-0a"}, **more}
    return record(lambda: Alarms("alarms", AlarmsArgs(**args), with_aws()))


def the_exporters(nvidia: bool, pools: tuple[str, ...] = ("gpu-small",)) -> Recording:
    def program() -> None:
        provider = k8s.Provider("cluster", kubeconfig="{}")
        Exporters("exporters", ExportersArgs(provider=provider, nvidia_pools=pools if nvidia else ()))

    return record(program)


def test_the_topic_and_its_key_let_only_services_of_this_account_publish():
    recording = the_topic()
    statements = recording.policy("aws:sns/topicPolicy:TopicPolicy", "alerts-policy")
    allowed = [statement for statement in statements if statement["Effect"] == "Allow"]
    assert {statement["Principal"]["Service"] for statement in allowed} == {
        *("cloudwatch.amazonaws.com", "aps.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com"),
    }
    uses = recording.policy("aws:kms/key:Key", "alerts-key")[1:]
    for statement in (*allowed, *uses):
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
        assert not any("*" in action for action in statement["Action"])
    assert {statement["Principal"]["Service"] for statement in uses} == {
        statement["Principal"]["Service"] for statement in allowed
    }


def test_nobody_publishes_without_tls():
    statement = the_topic().policy("aws:sns/topicPolicy:TopicPolicy", "alerts-policy")[-1]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_the_topic_is_encrypted_with_a_key_that_rotates_and_is_protected():
    recording = the_topic()
    assert recording.one("aws:sns/topic:Topic").inputs["kmsMasterKeyId"] == "alerts-key-key"
    key = recording.one("aws:kms/key:Key")
    assert key.inputs["enableKeyRotation"]
    assert key.protect


def test_the_address_of_a_paging_service_is_a_secret():
    pager = Subscriber(name="pager", protocol="https", endpoint="https://pager.example/key")
    mail = Subscriber(name="ops", protocol="email", endpoint="ops@example.com")
    made = the_topic(pager, mail).of("aws:sns/topicSubscription:TopicSubscription")
    assert made["alerts-to-ops"].inputs["endpoint"] == "ops@example.com"
    assert rpc.is_rpc_secret(made["alerts-to-pager"].inputs["endpoint"])
    assert made["alerts-to-pager"].inputs["endpointAutoConfirms"]


def test_every_rule_file_becomes_a_namespace_and_alerts_go_to_the_topic():
    args = PrometheusWorkspaceArgs(
        placement=PLACEMENT,
        topic_arn=TOPIC,
        kms_key_arn=KEY,
        logs_key_arn=KEY,
        rules={"one": "groups: []", "two": "x: 1"},
    )
    recording = record(lambda: PrometheusWorkspace("prometheus", args, with_aws()))
    rules = recording.of("aws:amp/ruleGroupNamespace:RuleGroupNamespace").values()
    assert {rule.inputs["name"]: rule.inputs["data"] for rule in rules} == args.rules
    definition = recording.one("aws:amp/alertManagerDefinition:AlertManagerDefinition").inputs["definition"]
    assert TOPIC in definition
    workspace = recording.one("aws:amp/workspace:Workspace")
    assert workspace.protect
    assert workspace.inputs["kmsKeyArn"] == KEY
    logs = recording.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert (logs["retentionInDays"], logs["kmsKeyId"]) == (30, KEY)
    assert workspace.inputs["loggingConfiguration"]["logGroupArn"].endswith(":*")
    assert recording.one("aws:amp/workspaceConfiguration:WorkspaceConfiguration").inputs["retentionPeriodInDays"] == 150


def test_rules_that_are_too_large_for_a_namespace_are_refused_with_their_size():
    args = PrometheusWorkspaceArgs(
        placement=PLACEMENT, topic_arn=TOPIC, kms_key_arn=KEY, logs_key_arn=KEY, rules={"big": "x" * 1_000_001}
    )
    with pytest.raises(ValueError, match=r"'big' have 1,000,001 bytes.*1,000,000"):
        record(lambda: PrometheusWorkspace("prometheus", args, with_aws()))


def test_each_severity_has_a_way_of_its_own_and_what_has_none_goes_the_way_of_warnings():
    document = yaml.safe_load(alertmanager_definition(TOPIC, "us-east-1"))
    config = yaml.safe_load(document["alertmanager_config"])
    receivers = {receiver["name"]: receiver["sns_configs"][0] for receiver in config["receivers"]}
    assert {route["receiver"]: route["matchers"] for route in config["route"]["routes"]} == {
        severity: [f'severity="{severity}"'] for severity in receivers
    }
    assert config["route"]["receiver"] == "warning"
    for severity, sns in receivers.items():
        assert sns["topic_arn"] == TOPIC
        assert sns["sigv4"] == {"region": "us-east-1"}
        assert sns["attributes"] == {"severity": severity}
        assert '"groundwork.message"' in sns["message"]
    assert set(config["templates"]) == set(document["template_files"])


def test_a_message_says_what_to_do():
    assert "runbook_url" in alertmanager_definition(TOPIC, "us-east-1")


def test_the_collector_reaches_the_api_and_unprivileged_ports_of_the_cluster_and_nothing_else():
    args = ClusterScraperArgs(
        placement=PLACEMENT,
        cluster_arn="arn:aws:eks:us-east-1:123456789012:cluster/c",
        cluster_security_group_id="sg-cluster",
        vpc_id="vpc-1",
        subnet_ids=["subnet-a", "subnet-b"],
        workspace_arn="arn:aws:aps:us-east-1:123456789012:workspace/ws-1",
    )
    recording = record(lambda: ClusterScraper("scraper", args, with_aws()))
    out = recording.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule").values()
    into = recording.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").values()
    for rules, group, other in ((out, "scraper-group-id", "sg-cluster"), (into, "sg-cluster", "scraper-group-id")):
        assert {rule.inputs["securityGroupId"] for rule in rules} == {group}
        assert {rule.inputs["referencedSecurityGroupId"] for rule in rules} == {other}
        ports = {(rule.inputs["fromPort"], rule.inputs["toPort"]) for rule in rules}
        assert ports == {(443, 443), (1024, 65535)}
    scraper = recording.one("aws:amp/scraper:Scraper")
    assert scraper.inputs["source"]["eks"]["securityGroupIds"] == ["scraper-group-id"]
    assert {rule.name for rule in (*out, *into)} <= scraper.dependencies


def test_a_job_keeps_what_the_catalogue_names_and_drops_the_rest():
    document = yaml.safe_load(scrape_configuration(60))
    jobs = {job["job_name"]: job for job in document["scrape_configs"]}
    assert document["global"]["scrape_interval"] == "60s"
    for name, job in jobs.items():
        keep = job["metric_relabel_configs"][-1]
        assert (keep["action"], keep["source_labels"]) == ("keep", ["__name__"])
        assert keep["regex"].split("|") == list(kept_metrics(name))
    assert "kube_customresource_nodepool_limit" in kept_metrics("kube-state-metrics")


def test_every_exporter_of_the_scrape_configuration_runs_under_its_label_and_port():
    recording = the_exporters(nvidia=True)
    workloads = {**recording.of("kubernetes:apps/v1:DaemonSet"), **recording.of("kubernetes:apps/v1:Deployment")}
    assert set(workloads) == set(EXPORTERS)
    for name, workload in workloads.items():
        assert workload.inputs["metadata"]["namespace"] == NAMESPACE
        template = workload.inputs["spec"]["template"]
        assert template["metadata"]["labels"]["app.kubernetes.io/name"] == name
        ports = template["spec"]["containers"][0]["ports"]
        assert ports == [{"name": "metrics", "containerPort": EXPORTERS[name]}]


def test_images_are_pinned_by_a_tag_that_is_not_latest():
    for image in (kube_state_metrics.IMAGE, node_exporter.IMAGE, dcgm_exporter.IMAGE):
        tag = image.rpartition(":")[2]
        assert tag[:1] in "v0123456789"
        assert "latest" not in tag


def test_no_exporter_reads_secrets_or_writes_anything():
    for role in the_exporters(nvidia=True).of("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole").values():
        for rule in role.inputs["rules"]:
            assert rule["verbs"] == ["list", "watch"]
            assert not {"secrets", "*"} & set(rule["resources"])


def test_only_the_gpu_exporter_is_privileged_and_only_kube_state_metrics_has_a_token():
    recording = the_exporters(nvidia=True)
    workloads = {**recording.of("kubernetes:apps/v1:DaemonSet"), **recording.of("kubernetes:apps/v1:Deployment")}
    pods = {name: item.inputs["spec"]["template"]["spec"] for name, item in workloads.items()}
    privileged = {name for name, pod in pods.items() if pod["containers"][0]["securityContext"].get("privileged")}
    assert privileged == {"dcgm-exporter"}
    assert {name for name, pod in pods.items() if pod["automountServiceAccountToken"]} == {"kube-state-metrics"}
    for name in set(pods) - privileged:
        assert pods[name]["containers"][0]["securityContext"]["runAsNonRoot"]


def test_without_nvidia_gpus_no_gpu_exporter_is_made():
    assert "dcgm-exporter" not in the_exporters(nvidia=False).of("kubernetes:apps/v1:DaemonSet")


def test_the_gpu_exporter_runs_on_nodes_of_every_nvidia_pool_and_on_auto_modes_own():
    recording = the_exporters(nvidia=True, pools=("small", "mig"))
    pod = recording.one("kubernetes:apps/v1:DaemonSet", "dcgm-exporter").inputs["spec"]["template"]["spec"]
    required = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    found = [term["matchExpressions"][0] for term in required["nodeSelectorTerms"]]
    assert [(each["key"], each["values"]) for each in found] == [
        ("eks.amazonaws.com/instance-gpu-manufacturer", ["nvidia"]),
        ("groundwork/pool", ["small", "mig"]),
    ]
    assert pod["tolerations"] == [{"operator": "Exists"}]


def test_the_gpu_exporter_measures_what_the_catalogue_names():
    counters = [line.split(",")[0] for line in dcgm_exporter.COUNTERS.splitlines() if not line.startswith("#")]
    assert set(counters) == set(PROMETHEUS["dcgm-exporter"].metrics)


def test_what_the_catalogue_names_of_nodes_and_objects_is_not_switched_off():
    collectors = {
        "node_cpu_": "cpu",
        "node_memory_": "meminfo",
        "node_filesystem_": "filesystem",
        "node_network_": "netdev",
        "node_load": "loadavg",
        "node_disk_": "diskstats",
    }
    for metric in PROMETHEUS["node-exporter"].metrics:
        (collector,) = {name for start, name in collectors.items() if metric.startswith(start)}
        assert collector in node_exporter.COLLECTORS
    watched = {resource for resources in kube_state_metrics.WATCHED.values() for resource in resources}
    for metric in PROMETHEUS["kube-state-metrics"].metrics:
        kind = metric.split("_")[1]
        assert kind == "customresource" or f"{kind}s" in watched, metric


def test_the_custom_resource_state_brings_what_the_catalogue_names():
    document = yaml.safe_load(kube_state_metrics.CONFIG)
    made = {
        f"kube_customresource_{metric['name']}"
        for resource in document["spec"]["resources"]
        for metric in resource["metrics"]
    }
    named = {name for name in PROMETHEUS["kube-state-metrics"].metrics if name.startswith("kube_customresource_")}
    assert made == named
    kinds = {resource["groupVersionKind"]["group"] for resource in document["spec"]["resources"]}
    assert kinds <= set(kube_state_metrics.CUSTOM)


def test_alarms_on_a_nat_gateway_name_it_and_tell_the_topic():
    made = the_alarms().of(ALARM)
    ports = made["alarms-nat-a-port-allocation"].inputs
    assert (ports["metricName"], ports["dimensions"]) == ("ErrorPortAllocation", {"NatGatewayId": "nat-0a"})
    assert ports["alarmActions"] == ports["okActions"] == [TOPIC]
    dropped = made["alarms-nat-a-packets-dropped"].inputs["metricQueries"]
    assert {query["metric"]["dimensions"]["NatGatewayId"] for query in dropped if "metric" in query} == {"nat-0a"}


def test_endpoints_that_nobody_named_are_watched_by_metrics_insights_queries():
    made = the_alarms().of(ALARM)
    for name in ("alarms-endpoint-errors", "alarms-endpoint-latency"):
        (query,) = made[name].inputs["metricQueries"]
        assert query["expression"].startswith("SELECT ")
        assert "GROUP BY EndpointName, VariantName" in query["expression"]
        assert "SEARCH" not in query["expression"]
        assert query["period"] == 300


def test_prometheus_is_watched_by_cloudwatch_only_where_there_is_one():
    assert not [name for name in the_alarms().of(ALARM) if "prometheus" in name]
    made = the_alarms(workspace_id="ws-1").of(ALARM)
    (query,) = made["alarms-prometheus-rules-failed"].inputs["metricQueries"]
    assert "WHERE Workspace = 'ws-1'" in query["expression"]


def test_an_error_budget_alarms_over_two_windows_and_only_the_pair_tells_somebody():
    promise = EndpointPromise(name="fraud", availability=99.9)
    recording = the_alarms(endpoints=[promise])
    made = recording.of(ALARM)
    for word, (long, short) in {"fast": (3600, 300), "slow": (21600, 1800)}.items():
        for half, seconds in (("long", long), ("short", short)):
            alarm = made[f"alarms-fraud-main-burn-{word}-{half}"].inputs
            assert not alarm.get("alarmActions")
            metrics = [query["metric"] for query in alarm["metricQueries"] if "metric" in query]
            assert {metric["period"] for metric in metrics} == {seconds}
            result = next(query for query in alarm["metricQueries"] if query["returnData"])
            assert result["expression"] == "IF(total >= 20, failed / total / 0.001, 0)"
        composite = recording.one(COMPOSITE, f"alarms-fraud-main-burn-{word}").inputs
        prefix = f"groundwork-dev-fraud-main-burn-{word}"
        assert composite["alarmRule"] == f'ALARM("{prefix}-long") AND ALARM("{prefix}-short")'
        assert composite["alarmActions"] == [TOPIC]


def test_an_alarm_has_no_more_than_ten_metrics_and_sees_no_more_than_a_day():
    promise = EndpointPromise(name="fraud")
    for alarm in the_alarms(endpoints=[promise], workspace_id="ws-1").of(ALARM).values():
        queries = alarm.inputs.get("metricQueries") or []
        assert len(queries) <= 10
        periods = [query.get("period") or query.get("metric", {}).get("period") for query in queries]
        longest = max(filter(None, [alarm.inputs.get("period"), *periods]))
        assert longest * alarm.inputs["evaluationPeriods"] <= 24 * 3600
        assert 1 <= len(alarm.inputs["name"]) <= 255


def test_every_metric_of_an_alarm_is_one_that_cloudwatch_holds():
    alarms = (
        *alarm_table.nat_alarms("nat-0a"),
        *alarm_table.prometheus_alarms("ws-1"),
        *alarm_table.fleet_alarms(10, 2000),
        *alarm_table.endpoint_alarms("fraud", "main", 500, 99.9),
    )
    for alarm in alarms:
        if isinstance(alarm, alarm_table.Both):
            continue
        for metric in alarm.metrics.values():
            assert missing_from_cloudwatch(metric.namespace, metric.name, frozenset(metric.dimensions)) is None
        if not alarm.metrics:
            query = re.match(r'SELECT \w+\((\w+)\) FROM (?:SCHEMA\()?"([^"]+)"(?:, ([\w, ]+)\))?', alarm.expression)
            assert query is not None
            name, namespace, dimensions = query.groups()
            given = frozenset(dimensions.split(", ")) if dimensions else frozenset({"Workspace"})
            assert missing_from_cloudwatch(namespace, name, given) is None


def test_every_alarm_says_what_to_do_and_where_its_metric_is_documented():
    for alarm in the_alarms(endpoints=[EndpointPromise(name="fraud")], workspace_id="ws-1").of(ALARM).values():
        text = alarm.inputs["alarmDescription"]
        assert "https://docs.aws.amazon.com/" in text
        assert len(text) <= 1024


def test_an_alarm_links_to_what_to_do_where_the_repository_can_be_read():
    made = the_alarms(endpoints=[EndpointPromise(name="fraud")], runbooks_url="https://docs.example/main")
    alarms = {**made.of(ALARM), **made.of(COMPOSITE)}
    link = "https://docs.example/main/docs/monitoring.md#alarms"
    assert all(alarm.inputs["alarmDescription"].endswith(link) for alarm in alarms.values())
    assert "\n## Alarms\n" in (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()


def test_every_alarm_is_explained_on_the_page():
    page = (Path(__file__).parents[2] / "docs" / "monitoring.md").read_text()
    made = the_alarms(endpoints=[EndpointPromise(name="fraud")], workspace_id="ws-1")
    names = [alarm.inputs["name"] for alarm in made.of(ALARM).values() if alarm.inputs.get("alarmActions")]
    names += [alarm.inputs["alarmName"] for alarm in made.of(COMPOSITE).values()]
    for name in names:
        word = name.removeprefix("groundwork-dev-").replace("nat-a-", "nat-<zone>-")
        assert f"`{word.replace('fraud-main', '<endpoint>-<variant>')}`" in page


def test_a_component_passes_its_provider_on():
    def program() -> None:
        AlertTopic("alerts", AlertTopicArgs(placement=PLACEMENT), with_aws())

    for item in record(program).registrations:
        if item.custom and not item.type.startswith("pulumi:providers:"):
            assert item.provider
