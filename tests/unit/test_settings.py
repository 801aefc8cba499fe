"""What a bad settings file is answered with: the key, the value and what is allowed, everything at once."""

from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from infra import settings as settings_module
from infra.settings import Settings, SettingsError, parse
from infra.stack import deploy
from tests.unit.recording import record
from tests.unit.shipped import EXAMPLE_RANGE, file_of, settings_of

ROOT = Path(__file__).parents[2]
GOOD: dict[str, Any] = {
    "region": "us-east-1",
    "accountId": "123456789012",
    "network": {"zones": ["us-east-1a", "us-east-1b"]},
    "teams": [{"name": "research"}],
}
ZONES = ["us-east-1a", "us-east-1b"]
POOL: dict[str, Any] = {"name": "gpu", "families": ["g5"], "maxGpus": 4}
MISSPELT_LIMIT: dict[str, Any] = {"name": "gpu", "families": ["g5"], "maxGpu": 4}
NEURON: dict[str, Any] = {"name": "neuron", "families": ["trn1"]}
MANAGED: dict[str, Any] = {"name": "big", "kind": "managed", "instanceType": "p4d.24xlarge", "maxGpus": 8}
MANAGED_NEURON: dict[str, Any] = {
    "name": "big",
    "kind": "managed",
    "instanceType": "trn1.32xlarge",
    "maxNeuronDevices": 16,
}
BLOCK: dict[str, Any] = {"capacity": ["capacity-block"], "reservationIds": ["cr-0a1b2c3d"]}
UNLIMITED: dict[str, Any] = {"name": "gpu", "families": ["g5"]}

# Each row: what the file says instead, and what the message must hold: the key, the value, what is allowed.
BAD: list[tuple[dict[str, Any], list[str]]] = [
    ({"region": "useast1"}, ["groundwork:region", '"useast1"', "us-east-1"]),
    ({"accountId": "12345"}, ["groundwork:accountId", '"12345"', "12 digits"]),
    ({"profile": "a b"}, ["groundwork:profile", '"a b"', "name of a profile"]),
    ({"tags": {"aws:x": "y"}}, ["groundwork:tags", "aws:x", "not starting with aws:"]),
    ({"netwrok": {}}, ["groundwork:netwrok", "did you mean groundwork:network?"]),
    ({"network": {"zones": ZONES, "natt": "one"}}, ["network.natt", "did you mean groundwork:network.nat?"]),
    ({"network": {"zones": ZONES, "nat": "two"}}, ["network.nat", '"two"', "'none', 'one' or 'per-zone'"]),
    ({"network": {"zones": ZONES, "cidr": "10.0.0.0/24"}}, ["network.cidr", "/22 or larger", "64 less the 5", "59"]),
    ({"network": {"zones": ZONES, "cidr": "10.0.0.0/8"}}, ["network.cidr", "/16 or smaller"]),
    ({"network": {"zones": ZONES, "cidr": "10.0.0.9/16"}}, ["network.cidr", '"10.0.0.9/16"', "10.0.0.0/16"]),
    ({"network": {"zones": ZONES, "cidr": "8.8.0.0/16"}}, ["network.cidr", "private range"]),
    ({"network": {"zones": ["us-east-1a"]}}, ["network.zones", "two or three"]),
    ({"network": {}}, ["network.zones", "two or three"]),
    ({"network": {"zones": ["eu-west-1a", "us-east-1b"]}}, ["network.zones[0]", "eu-west-1a", "zone of us-east-1"]),
    ({"network": {"zones": ZONES, "nat": "none"}}, ["network.interfaceEndpoints", "sagemaker.api", "sts"]),
    ({"network": {"zones": ZONES, "flowLogDays": 8}}, ["network.flowLogDays", "8", "7, 14"]),
    ({"network": {"existing": {"vpcId": "main", "privateSubnetIds": []}}}, ["existing.vpcId", "existing.private"]),
    ({"keys": {"deletionWindowDays": 3}}, ["keys.deletionWindowDays", "3", "7 or more"]),
    ({"storage": {"retentionDays": 0}}, ["storage.retentionDays", "1 or more"]),
    ({"registry": {"servingTag": "a b"}}, ["registry.servingTag", "image tag"]),
    ({"cluster": {"version": 1.35}}, ["cluster.version", "1.35", "in quotes"]),
    ({"cluster": {"admins": ["me"]}}, ["cluster.admins[0]", '"me"', "role/NAME"]),
    ({"cluster": {"admins": ["role/a", "role/team/a"]}}, ["cluster.admins", "each role or user name once"]),
    ({"queues": {"image": "kueue:latest"}}, ["queues.image", '"kueue:latest"', "a tag other than latest"]),
    (
        {"queues": {"priorities": [{"name": "a", "value": 1}] * 2}},
        ["queues.priorities[1].name", "has this name already"],
    ),
    ({"queues": {"frameworks": ["batch/cronjob"]}}, ["queues.frameworks[0]", "'batch/job'"]),
    (
        {
            "nodePools": [POOL],
            "teams": [{"name": "research", "quota": {"gpus": 4}, "queue": {"guaranteed": {"h100": 1}}}],
        },
        ["teams[0].queue.guaranteed", '"h100"', "allowed are the instance classes of the pools: g5"],
    ),
    (
        {
            "nodePools": [POOL],
            "teams": [
                {"name": "a", "quota": {"gpus": 4}, "queue": {"guaranteed": {"g5": 3}}},
                {"name": "b", "quota": {"gpus": 4}, "queue": {"guaranteed": {"g5": 2}}},
            ],
        },
        ["teams[1].queue.guaranteed.g5", "3 (a) + 2 (b) = 5 > 4", "pools gpu"],
    ),
    ({"teams": [{"name": "tracking"}]}, ["teams[0].name", '"tracking"', "a namespace of this name"]),
    ({"registry": {"approvalRequired": True}}, ["teams[0].approvers: is missing", "names who approves its models"]),
    ({"promotion": {"to": ["123"]}}, ["promotion.to[0]", '"123"', "12 digits"]),
    ({"promotion": {"sources": [{"environment": "dev"}]}}, ["promotion.sources[0].accountId", "is missing"]),
    (
        {"accountId": "123456789012", "promotion": {"to": ["123456789012"]}},
        ["promotion", '"123456789012"', "allowed are other accounts"],
    ),
    ({"tracking": {"kind": "sagemaker"}}, ["tracking.kind", '"sagemaker"', "'server', 'app', 'cluster' or 'existing'"]),
    ({"tracking": {"kind": "cluster"}}, ["tracking.image: is missing", "tracking.host", "tracking.certificateArn"]),
    ({"tracking": {"host": "mlflow.example.com"}}, ["tracking.host", "goes together with `kind: cluster`"]),
    ({"tracking": {"database": {"storageGib": 100}}}, ["database.maxStorageGib", "100", "110 or more"]),
    ({"cluster": {"publicAccessCidrs": [EXAMPLE_RANGE]}}, ["cluster.publicAccessCidrs[0]", EXAMPLE_RANGE, "your own"]),
    ({"nodePools": [UNLIMITED]}, ["nodePools[0].maxGpus", "is missing", "the most GPUs"]),
    ({"nodePools": [MISSPELT_LIMIT]}, ["nodePools[0].maxGpu:", "did you mean groundwork:nodePools[0].maxGpus?"]),
    ({"nodePools": [{**POOL, "maxGpus": -1}]}, ["nodePools[0].maxGpus", "-1", "1 or more"]),
    ({"nodePools": [{**POOL, "families": ["g55"]}]}, ["nodePools[0].families[0]", '"g55"', "g4dn", "nearest is g5"]),
    ({"nodePools": [{**POOL, "families": ["p4d"]}]}, ["nodePools[0].maxGpus", "p4d.24xlarge", "8 × A100", "8 > 4"]),
    ({"nodePools": [{**POOL, "perNode": [3]}]}, ["nodePools[0].perNode", "[3]", "1, 4, 8"]),
    ({"nodePools": [{**POOL, "capacity": ["reserved"]}]}, ["nodePools[0].reservationIds", "neither without"]),
    ({"nodePools": [{**POOL, "name": "system"}]}, ["nodePools[0].name", "EKS uses"]),
    ({"nodePools": [{**POOL, "families": ["g5", "c7i"]}]}, ["nodePools[0].families", "one kind of accelerator"]),
    ({"nodePools": [{**POOL, "families": ["g7"]}]}, ["nodePools[0].families", "Auto Mode does not list g7"]),
    ({"nodePools": [{**POOL, "maxVcpus": 4}]}, ["nodePools[0].maxVcpus", "limited by maxGpus"]),
    ({"nodePools": [NEURON]}, ["nodePools[0].maxNeuronDevices", "is missing", "the most Neuron devices"]),
    (
        {"nodePools": [{**NEURON, "maxNeuronDevices": 15, "perNode": [16]}]},
        ["trn1.32xlarge", "16 × Trainium, and 16 > 15"],
    ),
    ({"nodePools": [{**POOL, **BLOCK}]}, ["nodePools[0].capacity", "EC2 sells no capacity blocks of g5"]),
    ({"nodePools": [{**POOL, "maxNodeHours": 500}]}, ["maxNodeHours", "480 or less", "504 hours (21 days)"]),
    ({"nodePools": [{**POOL, "zones": ["us-east-1f"]}]}, ["nodePools[0].zones", "no subnet in us-east-1f"]),
    ({"nodePools": [{**POOL, "labels": {"karpenter.sh/x": "y"}}]}, ["labels.karpenter.sh/x", "reserved"]),
    ({"nodePools": [{**POOL, "taints": [{"key": "groundwork/pool"}]}]}, ["taints[0].key", "reserved"]),
    ({"nodePools": [{**POOL, "warmImages": ["repo.example/x:latest"]}]}, ["warmImages[0]", "other than latest"]),
    ({"nodePools": [{**POOL, "efa": True}]}, ["nodePools[0].efa", "kind: managed"]),
    ({"nodePools": [{**MANAGED, "families": ["p4d"]}]}, ["nodePools[0].families", "kind: auto"]),
    ({"nodePools": [{**MANAGED, "instanceType": "p4d"}]}, ["instanceType", '"p4d"', "with its size"]),
    ({"nodePools": [{**MANAGED, "instanceType": None}]}, ["instanceType", "such as p5.48xlarge"]),
    ({"nodePools": [{**MANAGED, "maxGpus": 7}]}, ["maxGpus", "p4d.24xlarge with 8 × A100, and 8 > 7"]),
    ({"nodePools": [{**MANAGED, "minNodes": 2}]}, ["minNodes", "8 // 8 = 1 nodes"]),
    ({"nodePools": [{**MANAGED, "capacity": ["spot", "on-demand"]}]}, ["capacity", "takes one of them"]),
    ({"nodePools": [{**MANAGED, "efa": True}]}, ["nodePools[0].zones", "allowed is one zone"]),
    (
        {"nodePools": [{**MANAGED, "instanceType": "g5.xlarge", "efa": True}]},
        ["efa", "takes no Elastic Fabric Adapter"],
    ),
    (
        {"nodePools": [{**MANAGED, "instanceType": "g5.xlarge", **BLOCK}]},
        ["capacity", "no capacity blocks of g5.xlarge"],
    ),
    ({"nodePools": [{**MANAGED, "sharing": {"kind": "mig", "profile": "1g.10tb"}}]}, ["sharing.profile", "1g.5gb"]),
    ({"nodePools": [{**MANAGED, "sharing": {"kind": "mig"}}]}, ["sharing.profile", "neither without"]),
    ({"nodePools": [{**MANAGED, "sharing": {"kind": "time-slicing", "replicas": 1}}]}, ["sharing.replicas", "2 to 48"]),
    ({"nodePools": [MANAGED_NEURON]}, ["instanceType", "kind: auto"]),
    ({"cluster": {"addonVersions": {"coredn": "v1"}}}, ["cluster.addonVersions", "coredn is none of them"]),
    ({"nodePools": [POOL, POOL]}, ["nodePools[1].name", '"gpu"', "nodePools[0] has this name"]),
    ({"teams": []}, ["groundwork:teams", "list of 1 or more"]),
    ({"teams": [{"name": "My Team"}]}, ["teams[0].name", '"My Team"', "lower-case"]),
    ({"teams": [{"name": "kube-ml"}]}, ["teams[0].name", "Kubernetes keeps"]),
    ({"teams": [{"name": "a"}, {"name": "a"}]}, ["teams[1].name", "teams[0] has this name"]),
    ({"teams": [{"name": "a" * 50}]}, ["teams[0].name", "39 characters", "has 75, and IAM takes 64"]),
    ({"teams": [{"name": "a", "quota": {"gpus": 1}}]}, ["teams[0].quota.gpus", "0 or less", "hold 0"]),
    ({"teams": [{"name": "a", "quota": {"cpus": -1}}]}, ["teams[0].quota.cpus", "-1", "0 or more"]),
    ({"training": {"maxRuntimeSeconds": 10**8}}, ["training.maxRuntimeSeconds", "2419200 or less"]),
    ({"tracking": {"kind": "existing"}}, ["tracking.uri", "kind: existing"]),
    ({"tracking": {"kind": "existing", "uri": "mlflow"}}, ["tracking.uri", '"mlflow"', "https://"]),
    ({"protection": {"protect": "perhaps"}}, ["protection.protect", '"perhaps"', "true or false"]),
    ({"protection": []}, ["groundwork:protection", "[]", "group with protect"]),
    ({"teams": {"name": "a"}}, ["groundwork:teams", "a list"]),
]


@pytest.mark.unit
@pytest.mark.parametrize(("change", "said"), BAD, ids=[str(change)[:60] for change, _ in BAD])
def test_a_bad_value_is_named_with_its_key_and_what_is_allowed(change: dict[str, Any], said: list[str]):
    with pytest.raises(SettingsError) as error:
        parse("dev", {**GOOD, **change})
    for words in said:
        assert words in str(error.value)


@pytest.mark.unit
def test_all_problems_of_a_file_are_shown_at_once_even_within_one_section():
    pools = [{**POOL, "name": "Big", "families": ["p5"], "perNode": [8]}, UNLIMITED]
    with pytest.raises(SettingsError) as error:
        parse("dev", {**GOOD, "nodePools": pools, "region": "mars", "storage": {"retentionDays": -4}})
    text = str(error.value)
    for words in (
        "nodePools[0].name",
        "nodePools[0].maxGpus",
        "nodePools[1].maxGpus",
        "region",
        "storage.retentionDays",
    ):
        assert words in text
    assert text.startswith("5 settings are not valid; nothing has been changed.")


@pytest.mark.unit
def test_a_misspelt_key_that_was_needed_is_one_problem_not_two():
    with pytest.raises(SettingsError) as error:
        parse("dev", {**GOOD, "nodePools": [MISSPELT_LIMIT]})
    assert len(error.value.lines) == 1


@pytest.mark.unit
def test_a_stack_name_that_aws_would_refuse_is_refused():
    for name in ("Dev", "d", "dev_1", "a-very-long-environment"):
        with pytest.raises(SettingsError, match="stack name"):
            parse(name, GOOD)


@pytest.mark.unit
def test_bad_settings_end_the_program_without_a_traceback_before_anything_is_registered():
    with pytest.raises(pulumi.RunError, match=r"Pulumi\.dev\.yaml: 1 setting is not valid"):
        record(deploy, config={**GOOD, "region": "mars"})


@pytest.mark.unit
def test_defaults_protect_what_holds_data():
    defaults = parse("dev", GOOD).protection
    assert (defaults.protect, defaults.cluster_deletion, defaults.delete_contents) == (True, True, False)


@pytest.mark.unit
def test_an_existing_network_needs_no_zones():
    existing = {"vpcId": "vpc-0a1b2c3d", "privateSubnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]}
    network = parse("dev", {**GOOD, "network": {"existing": existing}}).network
    assert network.existing is not None
    assert len(network.existing.private_subnet_ids) == 2


@pytest.mark.unit
def test_the_project_file_declares_exactly_the_settings_that_the_program_reads():
    declared: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    fields = {field.alias: field for field in Settings.model_fields.values()}
    assert set(declared) == set(fields)
    for key, schema in declared.items():
        assert ("default" not in schema) == fields[key].is_required(), key


@pytest.mark.unit
def test_the_descriptions_of_the_project_file_name_every_setting_of_a_section():
    declared: dict[str, Any] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    for key, field in {field.alias: field for field in Settings.model_fields.values()}.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, settings_module.Section):
            for name in section.spelling():
                assert name in declared[key]["description"], f"{key}: {name}"


@pytest.mark.unit
@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_every_environment_that_ships_is_valid_and_has_no_default_providers(environment: str):
    assert file_of(environment)["pulumi:disable-default-providers"] == ["aws", "kubernetes"]
    assert parse(environment, settings_of(environment)).region


@pytest.mark.unit
def test_dev_as_it_ships_opens_the_cluster_to_nobody_until_somebody_says_to_whom():
    shipped = {**settings_of("dev"), "cluster": file_of("dev")["groundwork:cluster"]}
    with pytest.raises(SettingsError, match="publicAccessCidrs") as error:
        parse("dev", shipped)
    assert len(error.value.lines) == 1


@pytest.mark.unit
def test_a_quota_may_count_every_part_that_gpus_are_cut_into():
    pools = [{**MANAGED, "sharing": {"kind": "mig", "profile": "1g.5gb"}}]
    settings = parse("dev", {**GOOD, "nodePools": pools, "teams": [{"name": "a", "quota": {"gpus": 56}}]})
    assert settings.node_pools[0].advertised == 8 * 7
    assert settings.node_pools[0].limit == 8


@pytest.mark.unit
def test_a_pool_counts_what_its_machines_have():
    pools = [POOL, {**NEURON, "maxNeuronDevices": 16}, {"name": "cpu", "families": ["c7i"], "maxVcpus": 8}, MANAGED]
    counted = [(pool.resource, pool.limit) for pool in parse("dev", {**GOOD, "nodePools": pools}).node_pools]
    assert counted == [("nvidia.com/gpu", 4), ("aws.amazon.com/neuron", 16), ("cpu", 8), ("nvidia.com/gpu", 8)]
