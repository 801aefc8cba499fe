"""Kueue's installation, and the queues of teams."""

import json
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pytest

from components.kueue import Kueue, KueueArgs
from components.kueue_parts import FRAMEWORKS, configuration, definitions_by_plural, kueue_version, webhooks
from components.queue_shares import InstanceClass, TeamShare
from components.queues import Priority, Queues, QueuesArgs, cohort_spec
from tests.unit.recording import Recording, record

pytestmark = pytest.mark.unit
GPU, NEURON = "nvidia.com/gpu", "aws.amazon.com/neuron"
KUEUE = "kubernetes:kueue.x-k8s.io/v1beta2:"
DEFINITION = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"
CLASSES = (
    InstanceClass(name="g5-g6", resource=GPU, capacity=16, pools=("small",)),
    InstanceClass(name="p5", resource=GPU, capacity=16, pools=("large",)),
    InstanceClass(name="trn1", resource=NEURON, capacity=16, pools=("chips",)),
)


def team(name: str, gpus: int, neuron: int = 0, lend: int | None = None) -> TeamShare:
    return TeamShare(team=name, cpus=64, memory_gib=256, quota={GPU: gpus, NEURON: neuron}, lend=lend)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return queues_of_two_teams()


def queues_of_two_teams() -> Recording:
    """The installation, and the queues of two teams."""

    def program() -> None:
        provider = k8s.Provider("cluster", kubeconfig="{}")
        kueue = Kueue("kueue", KueueArgs(provider=provider, replicas=2))
        spaces: dict[str, pulumi.Resource] = {
            name: k8s.core.v1.Namespace(
                name,
                metadata=k8s.meta.v1.ObjectMetaArgs(name=name),
                opts=pulumi.ResourceOptions(provider=provider),
            )
            for name in ("a", "b")
        }
        Queues(
            "queues",
            QueuesArgs(
                provider=provider,
                ready=kueue.ready,
                classes=CLASSES,
                shares=[team("a", 32), team("b", 32, neuron=8, lend=0)],
                namespaces=spaces,
                priorities=[Priority(name="high", value=100, description="first")],
            ),
        )

    return record(program)


def spec(recording: Recording, kind: str, name: str) -> dict[str, Any]:
    return recording.one(f"{KUEUE}{kind}", name).inputs["spec"]


def test_every_object_of_the_installation_is_a_resource_of_its_own(recording: Recording):
    definitions = recording.of(DEFINITION)
    assert len(definitions) == len(definitions_by_plural()) == 11
    assert {"kueue-workloads", "kueue-clusterqueues", "kueue-localqueues"} <= definitions.keys()
    names = {item.inputs["metadata"]["name"] for item in recording.registrations if "metadata" in item.inputs}
    assert {"kueue-system", "kueue-controller-manager", "kueue-webhook-service", "kueue-manager-role"} <= names


def test_the_controller_is_pinned_to_the_release_that_its_api_is_from(recording: Recording):
    deployment = recording.one("kubernetes:apps/v1:Deployment").inputs["spec"]
    container = deployment["template"]["spec"]["containers"][0]
    assert container["image"] == f"registry.k8s.io/kueue/kueue:{kueue_version()}"
    assert deployment["replicas"] == 2
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_what_a_job_of_another_namespace_does_is_nothing_to_kueue():
    for kind in ("mutating", "validating"):
        for webhook in webhooks(kind, list(FRAMEWORKS)):
            of_kueue = webhook["rules"][0]["apiGroups"] == ["kueue.x-k8s.io"]
            selector = webhook.get("namespaceSelector")
            assert of_kueue or selector == {"matchExpressions": [{"key": "groundwork/team", "operator": "Exists"}]}
            assert "pods" not in webhook["rules"][0]["resources"]


def test_only_the_kinds_of_jobs_that_are_wanted_have_webhooks():
    words = {webhook["name"][1:] for kind in ("mutating", "validating") for webhook in webhooks(kind, ["batch/job"])}
    assert words == {"job.kb.io", "clusterqueue.kb.io", "cohort.kb.io", "resourceflavor.kb.io", "workload.kb.io"}
    every = {webhook["name"][1:] for webhook in webhooks("mutating", list(FRAMEWORKS))}
    assert set(FRAMEWORKS.values()) <= every


def test_a_job_that_names_no_queue_does_not_pass_all_queues():
    chosen = configuration(["batch/job"])
    assert chosen["manageJobsWithoutQueueName"] is True
    assert chosen["managedJobsNamespaceSelector"]["matchExpressions"][0]["key"] == "groundwork/team"


def test_another_configuration_makes_other_pods(recording: Recording):
    written = recording.one("kubernetes:core/v1:ConfigMap").inputs["data"]["controller_manager_config.yaml"]
    assert json.loads(written) == configuration(["batch/job"])
    pod = recording.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]
    assert pod["metadata"]["annotations"]["groundwork/config"]


def test_the_controller_comes_after_all_that_it_reads_and_before_every_queue(recording: Recording):
    controller = recording.one("kubernetes:apps/v1:Deployment")
    assert {"kueue-workloads", "kueue-mutating", "kueue-validating", "kueue-manager"} <= controller.dependencies
    for kind in ("ResourceFlavor", "WorkloadPriorityClass"):
        for item in recording.of(f"{KUEUE}{kind}").values():
            assert "kueue-controller" in item.dependencies
    assert recording.one(f"{KUEUE}Cohort").dependencies >= {"queues-flavor-general", "queues-flavor-p5"}
    for item in recording.of(f"{KUEUE}ClusterQueue").values():
        assert "queues-cohort-platform" in item.dependencies


def test_a_flavor_is_a_class_of_machines_and_not_a_pool(recording: Recording):
    flavors = recording.of(f"{KUEUE}ResourceFlavor")
    assert {item.inputs["metadata"]["name"] for item in flavors.values()} == {"general", "g5-g6", "p5", "trn1"}
    chips = spec(recording, "ResourceFlavor", "queues-flavor-trn1")
    assert chips["nodeLabels"] == {"groundwork/instance-class": "trn1"}
    assert [toleration["key"] for toleration in chips["tolerations"]] == [NEURON, "groundwork/pool"]
    assert spec(recording, "ResourceFlavor", "queues-flavor-general") == {}


def test_a_team_has_a_quota_for_each_class_that_it_may_use(recording: Recording):
    queue = spec(recording, "ClusterQueue", "queues-team-a")
    cpus, gpus = queue["resourceGroups"]
    assert cpus["flavors"][0]["resources"][0] == {"name": "cpu", "nominalQuota": "64", "borrowingLimit": "0"}
    assert gpus["coveredResources"] == [GPU]
    assert gpus["flavors"] == [
        {"name": "g5-g6", "resources": [{"name": GPU, "nominalQuota": "8", "borrowingLimit": "8"}]},
        {"name": "p5", "resources": [{"name": GPU, "nominalQuota": "8", "borrowingLimit": "8"}]},
    ]
    assert queue["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "a"}}
    assert queue["cohortName"] == "platform"
    chips = spec(recording, "ClusterQueue", "queues-team-b")["resourceGroups"][2]
    assert chips["flavors"][0]["resources"][0] == {
        "name": NEURON,
        "nominalQuota": "8",
        "borrowingLimit": "0",
        "lendingLimit": "0",
    }


def test_what_is_nobodys_is_the_cohorts_to_lend(recording: Recording):
    (chips,) = spec(recording, "Cohort", "queues-cohort-platform")["resourceGroups"]
    assert chips["flavors"] == [{"name": "trn1", "resources": [{"name": NEURON, "nominalQuota": "8"}]}]


def test_a_cohort_with_nothing_left_says_so_with_an_empty_list():
    assert cohort_spec((), {}) == {"resourceGroups": []}


def test_a_team_takes_back_what_it_lent(recording: Recording):
    queue = spec(recording, "ClusterQueue", "queues-team-a")
    assert queue["preemption"] == {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"}


def test_a_teams_queue_is_the_one_that_its_jobs_land_in_by_default(recording: Recording):
    queue = recording.one(f"{KUEUE}LocalQueue", "queues-entry-a")
    assert queue.inputs["metadata"]["name"] == "default"
    assert queue.inputs["metadata"]["namespace"] == "a"
    assert {"a", "queues-team-a"} <= queue.dependencies


def test_priorities_are_kueues_own_and_not_the_schedulers(recording: Recording):
    high = recording.one(f"{KUEUE}WorkloadPriorityClass").inputs
    assert (high["metadata"]["name"], high["value"]) == ("high", 100)


def test_no_schema_tells_descriptions_or_versions_that_nobody_has():
    def described(value: Any, *, properties: bool = False) -> bool:
        if isinstance(value, dict):
            return any(
                (key == "description" and isinstance(item, str) and not properties)
                or described(item, properties=key == "properties" and not properties)
                for key, item in value.items()
            )
        return isinstance(value, list) and any(described(item) for item in value)

    for definition in definitions_by_plural().values():
        assert [version["name"] for version in definition["spec"]["versions"]] == ["v1beta2"]
        assert not described(definition["spec"]["versions"])
