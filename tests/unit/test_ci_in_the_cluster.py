"""Jenkins agents and CI's previews inside of a cluster: who may what."""

import json
from typing import Any

import pytest

from components.jenkins_agents import CONTROLLER_GROUP
from components.preview_access import GROUP, GUARDS, PREVIEWED
from infra.settings import SettingsError, parse
from infra.stack import deploy
from tests.unit.ci_objects import CONTROLLER, IMAGE, PREVIEWER, jenkins, objects, preview
from tests.unit.recording import record
from tests.unit.shipped import settings_of

pytestmark = pytest.mark.unit


def kind(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    [one] = [item for item in found if item["kind"] == name]
    return one


def test_agents_have_a_namespace_whose_pods_gain_nothing():
    namespace = kind(objects(jenkins()), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_agents_share_a_quota_without_gpus():
    hard = kind(objects(jenkins()), "ResourceQuota")["spec"]["hard"]
    assert hard == {
        "requests.cpu": "16",
        "requests.memory": "64Gi",
        "limits.memory": "64Gi",
        "pods": "10",
        "requests.nvidia.com/gpu": "0",
    }


def test_an_agents_account_has_no_token_and_no_rights():
    found = objects(jenkins())
    assert kind(found, "ServiceAccount")["automountServiceAccountToken"] is False
    [binding] = [item for item in found if item["kind"] == "RoleBinding"]
    assert binding["subjects"] == [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": CONTROLLER_GROUP}]


def test_the_controller_starts_pods_here_and_sees_no_secret():
    rules = kind(objects(jenkins()), "Role")["rules"]
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert resources == {"pods", "pods/exec", "pods/log", "events"}


def test_a_controller_outside_of_the_cluster_gets_an_access_entry():
    entry = jenkins().one("aws:eks/accessEntry:AccessEntry").inputs
    assert (entry["principalArn"], entry["kubernetesGroups"]) == (CONTROLLER, [CONTROLLER_GROUP])


def test_a_controller_on_the_cluster_is_its_service_account():
    recording = jenkins(controller_role_arn=None, controller_account="jenkins/controller")
    assert not recording.of("aws:eks/accessEntry:AccessEntry")
    [subject] = kind(objects(recording), "RoleBinding")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "controller", "namespace": "jenkins"}


def test_nothing_comes_into_an_agent_by_default():
    policies = {
        item["metadata"]["name"]: item["spec"] for item in objects(jenkins()) if item["kind"] == "NetworkPolicy"
    }
    assert policies["default-deny"]["policyTypes"] == ["Ingress", "Egress"]


def test_the_pod_template_runs_as_nobody_and_asks_for_what_the_settings_say():
    data = kind(objects(jenkins(agent_cpus=2, agent_memory_gib=4)), "ConfigMap")["data"]
    pod = json.loads(data["pod.yaml"])
    [container] = pod["spec"]["containers"]
    assert container["image"] == IMAGE
    assert container["resources"]["requests"] == {"cpu": "2", "memory": "4Gi"}
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    cloud = json.loads(data["cloud.yaml"])["kubernetes"]
    assert json.loads(cloud["templates"][0]["yaml"]) == pod
    assert cloud["containerCapStr"] == "10"


def test_a_preview_looks_and_tries_and_reads_no_secret():
    rules = kind(objects(preview()), "ClusterRole")["rules"]
    assert not [rule for rule in rules if "secrets" in rule["resources"] or "*" in rule["resources"]]
    assert not [rule for rule in rules if "delete" in rule["verbs"]]
    assert {group for rule in rules for group in rule["apiGroups"]} == {*PREVIEWED, *GUARDS}
    for rule in rules:
        if rule["apiGroups"][0] in GUARDS:
            assert rule["verbs"] == ["get", "list", "watch"]


def test_nobody_is_let_in_before_the_policy_holds_that_keeps_tries_dry():
    recording = preview()
    role = recording.one("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole")
    assert {"preview-dry-runs-only", "preview-dry-runs-only-everywhere"} <= role.dependencies
    entry = recording.one("aws:eks/accessEntry:AccessEntry")
    assert entry.inputs["kubernetesGroups"] == [GROUP]
    assert entry.inputs["principalArn"] == PREVIEWER
    assert "preview-roles" in entry.dependencies


def test_every_kind_that_the_platform_makes_can_be_previewed():
    for environment in ("dev", "prod"):
        recording = record(deploy, stack=environment, config=settings_of(environment))
        for item in recording.registrations:
            if not item.type.startswith("kubernetes:") or item.inputs.get("kind") == "Secret":
                continue
            group = item.inputs["apiVersion"].rpartition("/")[0]
            plural = _plural(item.inputs["kind"])
            assert plural in {**PREVIEWED, **GUARDS}.get(group, ()), f"{item.name}: {plural} of {group!r}"


def _plural(name: str) -> str:
    word = name.lower()
    if word.endswith("y"):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x")) else f"{word}s"


GOOD = {"image": IMAGE, "controllerRole": "role/jenkins"}


@pytest.mark.parametrize(
    ("jenkins_settings", "said"),
    [
        ({**GOOD, "image": "jenkins/inbound-agent:latest"}, ["ci.jenkins.image", "tag other than latest"]),
        ({**GOOD, "image": "jenkins/inbound-agent"}, ["ci.jenkins.image", "tag other than latest"]),
        ({"image": IMAGE}, ["ci.jenkins.controllerAccount", "one of them"]),
        ({**GOOD, "controllerAccount": "a/b"}, ["ci.jenkins.controllerAccount", "one of them"]),
        ({**GOOD, "cpus": 1, "agentCpus": 2}, ["ci.jenkins.cpus", "2 CPUs"]),
        ({**GOOD, "memoryGib": 1}, ["ci.jenkins.memoryGib", "2 GiB"]),
        ({**GOOD, "pods": 0}, ["ci.jenkins.pods", "1 or more"]),
    ],
)
def test_a_bad_value_is_named_with_its_key_and_what_is_allowed(jenkins_settings: dict[str, Any], said: list[str]):
    with pytest.raises(SettingsError) as error:
        parse("dev", {**settings_of("dev"), "ci": {"jenkins": jenkins_settings}})
    for words in said:
        assert words in str(error.value)


def test_the_settings_bring_both_about():
    ci = {"previewRoles": ["role/ci-groundwork-dev-preview"], "jenkins": GOOD}
    recording = record(deploy, stack="dev", config={**settings_of("dev"), "ci": ci})
    assert recording.one("groundwork:ci:PreviewAccess")
    assert recording.one("groundwork:ci:JenkinsAgents")
