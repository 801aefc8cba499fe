"""The Kubernetes provider under the genuine engine and SDK: what a platform engineer does with a cluster."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.kubernetes import crds
from tests.local.control_plane import ControlPlane, running_control_plane
from tests.local.engine_project import Project, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]

PROGRAM = """
import pulumi
import pulumi_kubernetes as k8s

config = pulumi.Config()
cluster = k8s.Provider("cluster", kubeconfig=config.require("kubeconfig"), cluster_identifier="test")
opts = pulumi.ResourceOptions(provider=cluster)
team = k8s.core.v1.Namespace("team", metadata={"name": "team-a"}, opts=opts)
inside = {"namespace": team.metadata.name}
k8s.core.v1.ConfigMap("settings", metadata=inside, data={"size": config.require("size")}, opts=opts)
k8s.core.v1.ResourceQuota(
    "quota",
    metadata={"name": "quota", **inside},
    spec={"hard": {"requests.cpu": "1500m", "requests.nvidia.com/gpu": config.require("size")}},
    opts=opts,
)
k8s.core.v1.Secret("secret", metadata={"name": "secret", **inside}, string_data={"word": "hidden"}, opts=opts)
k8s.core.v1.ServiceAccount("jobs", metadata={"name": "jobs", **inside}, opts=opts)
k8s.networking.v1.NetworkPolicy(
    "deny", metadata={"name": "deny", **inside}, spec={"podSelector": {}, "policyTypes": ["Ingress"]}, opts=opts
)
role = k8s.rbac.v1.Role(
    "member",
    metadata={"name": "member", **inside},
    rules=[k8s.rbac.v1.PolicyRuleArgs(api_groups=["batch"], resources=["jobs"], verbs=["create", "get"])],
    opts=opts,
)
k8s.rbac.v1.RoleBinding(
    "members",
    metadata={"name": "members", **inside},
    role_ref=k8s.rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata.name),
    subjects=[k8s.rbac.v1.SubjectArgs(api_group="rbac.authorization.k8s.io", kind="Group", name="team-a")],
    opts=opts,
)
k8s.core.v1.ConfigMap(
    "theirs",
    metadata={"name": "theirs", "namespace": "default"},
    data={"a": "1"},
    opts=pulumi.ResourceOptions(provider=cluster, import_="default/theirs", retain_on_delete=True),
)
k8s.apiextensions.CustomResource(
    "pool",
    api_version="karpenter.sh/v1",
    kind="NodePool",
    metadata={"name": "gpu"},
    spec={
        "template": {
            "spec": {
                "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "default"},
                "requirements": [{"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot"]}],
            }
        },
        "limits": {"nvidia.com/gpu": config.require("size")},
    },
    opts=opts,
)
pulumi.export("uid", team.metadata.uid)
pulumi.export("finalizers", team.spec.finalizers)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with running_control_plane(tmp_path_factory.mktemp("engine")) as running:
        crds.install(running.url, running.files.authority.certificate)
        yield running


@pytest.fixture
def project(tmp_path: Path, cluster: ControlPlane) -> Project:
    made = new_project(tmp_path)
    made.write(PROGRAM)
    made.config({"kubeconfig": cluster.kubeconfig(), "size": "4"})
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"a": "1"}}
    cluster.admin.request("POST", "/api/v1/namespaces/default/configmaps", body=theirs)
    return made


def done(project: Project, *arguments: str) -> str:
    result = project.run(*arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_a_namespace_with_all_that_a_team_needs(project: Project, cluster: ControlPlane) -> None:
    def live(path: str) -> dict[str, object]:
        return cluster.admin.get(path)

    assert "to create" in done(project, "preview")
    done(project, "up", "--yes", "--skip-preview")
    exported = done(project, "stack", "export")
    assert "hidden" not in exported
    assert base64.b64encode(b"hidden").decode() not in exported
    outputs = json.loads(done(project, "stack", "output", "--json"))
    assert outputs["uid"] == live("/api/v1/namespaces/team-a")["metadata"]["uid"]  # type: ignore[index]
    assert outputs["finalizers"] == ["kubernetes"]

    done(project, "preview", "--expect-no-changes")
    done(project, "refresh", "--yes", "--expect-no-changes")

    project.config({"size": "8"})
    up = done(project, "up", "--yes", "--skip-preview")
    assert "2 updated" in up
    assert "1 replaced" in up
    assert live("/apis/karpenter.sh/v1/nodepools/gpu")["spec"]["limits"] == {"nvidia.com/gpu": "8"}  # type: ignore[index]
    done(project, "preview", "--expect-no-changes")

    quota = "/api/v1/namespaces/team-a/resourcequotas/quota"
    cluster.admin.request(
        "PATCH",
        quota,
        {"fieldManager": "kubectl-edit"},
        {"spec": {"hard": {"requests.nvidia.com/gpu": "99"}}},
        "application/merge-patch+json",
    )
    cluster.admin.request("DELETE", "/api/v1/namespaces/team-a/serviceaccounts/jobs")
    refreshed = done(project, "refresh", "--yes", "--skip-preview")
    assert "1 updated" in refreshed
    assert "1 deleted" in refreshed
    repaired = done(project, "up", "--yes", "--skip-preview")
    assert "1 created" in repaired
    assert "1 updated" in repaired
    assert live(quota)["spec"]["hard"] == {"requests.cpu": "1500m", "requests.nvidia.com/gpu": "8"}  # type: ignore[index]
    done(project, "preview", "--expect-no-changes")

    done(project, "destroy", "--yes", "--skip-preview")
    left = {each["metadata"]["name"] for each in live("/api/v1/namespaces")["items"]}  # type: ignore[attr-defined]
    assert "team-a" not in left
    assert not live("/apis/karpenter.sh/v1/nodepools")["items"]
    assert live("/api/v1/namespaces/default/configmaps/theirs")["data"] == {"a": "1"}
