"""What CI needs inside of a cluster, against the genuine API server: accepted, and previews stay dry."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from components.preview_access import GROUP
from local.kubernetes.api import ApiClient, ApiError
from tests.local.control_plane import ControlPlane, running_control_plane
from tests.unit.ci_objects import jenkins, objects, preview

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]
PATHS = {
    "Namespace": "/api/v1/namespaces",
    "ResourceQuota": "/api/v1/namespaces/{namespace}/resourcequotas",
    "LimitRange": "/api/v1/namespaces/{namespace}/limitranges",
    "ServiceAccount": "/api/v1/namespaces/{namespace}/serviceaccounts",
    "ConfigMap": "/api/v1/namespaces/{namespace}/configmaps",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
}
APPLY = {"fieldManager": "groundwork", "force": "true", "fieldValidation": "Strict"}
APPLY_PATCH = "application/apply-patch+yaml"
NAMESPACE = "/api/v1/namespaces/previewed"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with running_control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        running.webhooks.users["previewer"] = {"username": "ci", "groups": [GROUP, "system:authenticated"]}
        for each in [*objects(preview()), *objects(jenkins())]:
            path = PATHS[each["kind"]].format(namespace=each["metadata"].get("namespace", ""))
            name = each["metadata"]["name"]
            running.admin.request("PATCH", f"{path}/{name}", APPLY, each, APPLY_PATCH)
        yield running


def quota(pods: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "team", "namespace": "previewed"},
        "spec": {"hard": {"pods": str(pods)}},
    }


def apply(client: ApiClient, body: dict[str, Any], *, dry: bool) -> dict[str, Any]:
    query = {**APPLY, **({"dryRun": "All"} if dry else {})}
    path = f"{NAMESPACE}/resourcequotas/{body['metadata']['name']}"
    return client.request("PATCH", path, query, body, APPLY_PATCH)


def refused(action: Any) -> ApiError:
    with pytest.raises(ApiError) as raised:
        action()
    return raised.value


@pytest.fixture(scope="module")
def previewed(cluster: ControlPlane) -> ControlPlane:
    cluster.admin.request(
        "POST",
        "/api/v1/namespaces",
        body={"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "previewed"}},
    )
    apply(cluster.admin, quota(1), dry=False)
    wait_until_held(cluster.client("previewer"))
    return cluster


def wait_until_held(client: ApiClient) -> None:
    """The API server takes a moment to hold requests to a policy that is new."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            apply(client, quota(1), dry=False)
        except ApiError:
            return
        time.sleep(0.2)
    raise AssertionError("the admission policy is not enforced")


def test_every_object_is_accepted_with_strict_field_validation(cluster: ControlPlane):
    found = cluster.admin.get("/api/v1/namespaces/jenkins-agents/resourcequotas/agents")
    assert found["spec"]["hard"]["pods"] == "10"


def test_the_restricted_namespace_takes_an_agent_of_the_template(cluster: ControlPlane):
    import json

    [template] = [item for item in objects(jenkins()) if item["kind"] == "ConfigMap"]
    pod = json.loads(template["data"]["pod.yaml"])
    pod["metadata"] = {"name": "agent-1"}
    made = cluster.admin.request(
        "POST", "/api/v1/namespaces/jenkins-agents/pods", {"dryRun": "All", "fieldValidation": "Strict"}, pod
    )
    assert made["spec"]["containers"][0]["image"].endswith("inbound-agent:1.0")


def test_a_preview_sees_what_a_change_would_do(previewed: ControlPlane):
    client = previewed.client("previewer")
    tried = apply(client, quota(5), dry=True)
    assert tried["spec"]["hard"]["pods"] == "5"
    assert client.get(f"{NAMESPACE}/resourcequotas/team")["spec"]["hard"]["pods"] == "1"


def test_a_preview_changes_nothing(previewed: ControlPlane):
    client = previewed.client("previewer")
    error = refused(lambda: apply(client, quota(5), dry=False))
    assert "make none" in str(error)
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made-by-a-preview"}}
    assert refused(lambda: client.request("POST", "/api/v1/namespaces", body=body)).status in (403, 422)
    assert previewed.admin.get(f"{NAMESPACE}/resourcequotas/team")["spec"]["hard"]["pods"] == "1"


def test_a_preview_can_try_a_role_that_has_more_rights_than_itself_and_cannot_make_it(previewed: ControlPlane):
    client = previewed.client("previewer")
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/strong"
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "delete"]}]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "strong"},
        "rules": rules,
    }
    assert client.request("PATCH", path, {**APPLY, "dryRun": "All"}, role, APPLY_PATCH)["rules"] == rules
    assert "make none" in str(refused(lambda: client.request("PATCH", path, APPLY, role, APPLY_PATCH)))


def test_a_preview_reads_no_secret_and_deletes_nothing(previewed: ControlPlane):
    client = previewed.client("previewer")
    assert refused(lambda: client.get(f"{NAMESPACE}/secrets")).status == 403
    assert refused(lambda: client.request("DELETE", f"{NAMESPACE}/resourcequotas/team")).status == 403


def test_the_admission_policy_minds_nobody_else(previewed: ControlPlane):
    assert apply(previewed.admin, quota(1), dry=False)["spec"]["hard"]["pods"] == "1"


def test_a_preview_cannot_lift_the_policy_that_holds_it_which_no_admission_policy_would_prevent(cluster: ControlPlane):
    client = cluster.client("previewer")
    for kind in ("validatingadmissionpolicies", "validatingadmissionpolicybindings"):
        path = f"/apis/admissionregistration.k8s.io/v1/{kind}/groundwork-previews-are-dry-runs"
        found = client.get(path)
        body = {
            "apiVersion": found["apiVersion"],
            "kind": found["kind"],
            "metadata": {"name": found["metadata"]["name"]},
        }
        for query in (APPLY, {**APPLY, "dryRun": "All"}):
            assert refused(lambda q=query, b=body, p=path: client.request("PATCH", p, q, b, APPLY_PATCH)).status == 403
        assert refused(lambda p=path: client.request("DELETE", p)).status == 403
