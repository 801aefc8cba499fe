"""The local control plane: the genuine processes with our certificates, webhooks and custom resource definitions."""

import http.client
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.kubernetes import crds
from local.kubernetes.api import ApiError
from local.kubernetes.certificates import ensure_certificates
from local.kubernetes.emptying import empty
from tests.local.control_plane import ControlPlane, running_control_plane

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with running_control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        yield running


def refusal(action: object) -> ApiError:
    with pytest.raises(ApiError) as raised:
        action()  # type: ignore[operator]
    return raised.value


def node_pool(**limits: str) -> dict[str, object]:
    template = {
        "spec": {
            "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "gpu"},
            "requirements": [{"key": "eks.amazonaws.com/instance-family", "operator": "In", "values": ["g6"]}],
        }
    }
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "gpu"},
        "spec": {"template": template, "limits": limits},
    }


def test_certificates_are_made_once_and_private(tmp_path: Path) -> None:
    files = ensure_certificates(tmp_path / "pki")
    before = {path: path.read_bytes() for path in files.folder.iterdir()}
    ensure_certificates(tmp_path / "pki")
    assert {path: path.read_bytes() for path in files.folder.iterdir()} == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in before if path.suffix == ".key")


def test_the_api_server_is_the_pinned_version(cluster: ControlPlane) -> None:
    assert cluster.admin.get("/version")["gitVersion"].startswith("v1.36.")


def test_nobody_without_an_identity_gets_beyond_the_health_checks(cluster: ControlPlane) -> None:
    anonymous = cluster.client(None)
    assert refusal(lambda: anonymous.get("/api/v1/namespaces")).status == 401


def test_etcd_answers_no_one_without_a_certificate(cluster: ControlPlane) -> None:
    context = ssl.create_default_context(cafile=str(cluster.files.etcd_authority.certificate))
    connection = http.client.HTTPSConnection("127.0.0.1", cluster.etcd_port, context=context, timeout=5)

    def ask() -> None:
        connection.request("GET", "/health")
        connection.getresponse()

    with pytest.raises((ssl.SSLError, ConnectionError)):
        ask()


def test_a_token_is_believed_when_the_aws_server_knows_it(cluster: ControlPlane) -> None:
    cluster.webhooks.users["good"] = {"username": "arn:aws:iam::123456789012:role/team-a", "groups": ["team-a"]}
    me = cluster.client("good").request(
        "POST",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        body={"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
    )
    assert me["status"]["userInfo"]["groups"] == ["team-a", "system:authenticated"]
    assert refusal(lambda: cluster.client("bad").get("/api")).status == 401


def test_what_rbac_leaves_open_the_access_policies_decide(cluster: ControlPlane) -> None:
    cluster.webhooks.users["viewer"] = {"username": "viewer", "groups": []}
    client = cluster.client("viewer")
    assert refusal(lambda: client.get("/api/v1/namespaces")).status == 403
    cluster.webhooks.allowed.add(("viewer", "list", "namespaces"))
    deadline = time.monotonic() + 60
    while True:  # the API server remembers a refusal for a second
        try:
            assert client.get("/api/v1/namespaces")["items"]
            break
        except ApiError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    assert not any(
        review["spec"].get("user", "").startswith("system:")
        for review in cluster.webhooks.asked
        if review["kind"] == "SubjectAccessReview"
    )


def test_a_namespace_is_gone_after_its_deletion(cluster: ControlPlane) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "short-lived"}}
    cluster.admin.request("POST", "/api/v1/namespaces", body=body)
    cluster.admin.request("DELETE", "/api/v1/namespaces/short-lived")
    deadline = time.monotonic() + 60
    while "short-lived" in {each["metadata"]["name"] for each in cluster.admin.get("/api/v1/namespaces")["items"]}:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_the_definitions_of_auto_mode_are_served_and_strict(cluster: ControlPlane) -> None:
    for _ in range(2):
        crds.install(cluster.url, cluster.files.authority.certificate)
    strict = {"fieldValidation": "Strict"}
    path = "/apis/karpenter.sh/v1/nodepools"
    # AWS's own example for Spot nests the limits: the definition refuses it.
    nested = node_pool()
    nested["spec"]["limits"] = {"resources": {"nvidia.com/gpu": "8"}}  # type: ignore[index]
    assert "spec.limits.resources" in refusal(lambda: cluster.admin.request("POST", path, strict, nested)).message
    misspelt = node_pool(cpu="8")
    misspelt["spec"]["disrupton"] = {}  # type: ignore[index]
    assert (
        'unknown field "spec.disrupton"'
        in refusal(lambda: cluster.admin.request("POST", path, strict, misspelt)).message
    )
    made = cluster.admin.request("POST", path, strict, node_pool(**{"nvidia.com/gpu": "8"}))
    assert made["spec"]["limits"] == {"nvidia.com/gpu": "8"}
    cluster.admin.request("DELETE", f"{path}/gpu")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"instanceProfile": "p"}, "exactly one of role and instanceProfile"),
        ({"subnetSelectorTerms": []}, "spec.subnetSelectorTerms"),
        ({"securityGroupSelectorTerms": [{"id": "sg-1", "name": "n"}]}, "exactly one of id, name and tags"),
        ({"ephemeralStorage": {"iops": 100}}, "spec.ephemeralStorage.iops"),
        ({"tags": {"karpenter.sh/nodepool": "x"}}, "EKS sets by itself"),
        ({"amiFamily": "AL2023"}, 'unknown field "spec.amiFamily"'),
    ],
)
def test_a_node_class_that_the_documentation_rules_out_is_refused(
    cluster: ControlPlane, change: dict[str, object], said: str
) -> None:
    crds.install(cluster.url, cluster.files.authority.certificate)
    spec = {
        "role": "nodes",
        "subnetSelectorTerms": [{"tags": {"tier": "private"}}],
        "securityGroupSelectorTerms": [{"id": "sg-1"}],
    }
    body = {"apiVersion": "eks.amazonaws.com/v1", "kind": "NodeClass", "metadata": {"name": "gpu"}}
    path, query = "/apis/eks.amazonaws.com/v1/nodeclasses", {"fieldValidation": "Strict", "dryRun": "All"}
    cluster.admin.request("POST", path, query, {**body, "spec": spec})
    error = refusal(lambda: cluster.admin.request("POST", path, query, {**body, "spec": {**spec, **change}}))
    assert said in error.message


def test_an_emptied_cluster_is_as_new(cluster: ControlPlane) -> None:
    crds.install(cluster.url, cluster.files.authority.certificate)
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"

    def everything() -> dict[str, set[str]]:
        paths = ("/api/v1/namespaces", roles, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        return {path: {each["metadata"]["name"] for each in cluster.admin.get(path)["items"]} for path in paths}

    cluster.admin.request("POST", "/apis/karpenter.sh/v1/nodepools", body=node_pool(cpu="8"))
    names = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "left-over"}}
    cluster.admin.request("POST", "/api/v1/namespaces", body=names)
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "mine"}}
    cluster.admin.request("POST", roles, body={**role, "rules": []})
    before = everything()
    assert empty(cluster.url, cluster.files.authority.certificate) == []
    after = everything()
    gone = {path: before[path] - after[path] for path in before}
    assert set.union(*gone.values()) == {
        "left-over",
        "mine",
        "nodepools.karpenter.sh",
        "nodeclaims.karpenter.sh",
        "nodeclasses.eks.amazonaws.com",
        "ingressclassparams.eks.amazonaws.com",
    }
    assert after["/api/v1/namespaces"] == {"default", "kube-system", "kube-public", "kube-node-lease"}
    crds.install(cluster.url, cluster.files.authority.certificate)
