"""A cluster's Kubernetes version through the genuine engine: one at a time, and everything else after it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.providers.harness import AwsServer
from tests.local.engine_project import Project, must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
CLUSTER = "groundwork-test"
PROGRAM = """
import json
import sys

sys.path.insert(0, %(root)r)
import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.cluster import Cluster, ClusterArgs
from components.instance_facts import instance
from components.managed_node_pool import ManagedNodePool, ManagedNodePoolArgs
from components.managed_nodes import ManagedNodes, ManagedNodesArgs
from components.placement import Placement

settings = pulumi.Config()
version = settings.require("version")
placement = Placement(prefix="groundwork-test", environment="test", region="us-east-1", account_id="123456789012")
provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local")
opts = pulumi.ResourceOptions(providers={"aws": provider})
one = pulumi.ResourceOptions(provider=provider)
key = aws.kms.Key("key", deletion_window_in_days=7, opts=one)
vpc = aws.ec2.Vpc("vpc", cidr_block="10.0.0.0/16", opts=one)
subnets = [
    aws.ec2.Subnet(f"s{n}", vpc_id=vpc.id, cidr_block=f"10.0.{n}.0/24", availability_zone=f"us-east-1{z}", opts=one)
    for n, z in enumerate("ab")
]
cluster = Cluster(
    "cluster",
    ClusterArgs(
        placement=placement,
        version=version,
        subnet_ids=[subnet.id for subnet in subnets],
        admin_arns={},
        secrets_key_arn=key.arn,
        logs_key_arn=key.arn,
        profile="groundwork-local",
        deletion_protection=False,
        protect=False,
    ),
    opts,
)
addons = json.loads(settings.get("addons") or "{}")
kubernetes = k8s.Provider("kubernetes", kubeconfig="{}")
wanted = ManagedNodesArgs(
    placement=placement, cluster_name=cluster.name, addon_versions=addons, provider=kubernetes
)
shared = ManagedNodes("nodes", wanted, opts)
ManagedNodePool(
    "pool",
    ManagedNodePoolArgs(
        placement=placement,
        name="pool",
        version=version,
        machine=instance("g5.xlarge"),
        capacity="on-demand",
        limit=1,
        cluster_name=cluster.name,
        node_role_arn=shared.node_role_arn,
        subnet_ids=[subnets[0].id],
        security_group_id=cluster.security_group_id,
        ready=shared.ready,
        provider=kubernetes,
    ),
    opts,
)
"""
OLD, NEXT, SKIPPED = "1.34", "1.35", "1.36"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, AwsServer]]:
    """A cluster of an older version, with add-ons and a managed pool."""
    with AwsServer(tmp_path_factory.mktemp("aws")) as server:
        project = new_project(tmp_path_factory.mktemp("project"), server.environment)
        project.write(PROGRAM % {"root": str(ROOT)})
        project.config({"version": OLD, "addons": json.dumps({"kube-proxy": f"v{OLD}.1-eksbuild.1"})})
        must(project, "up", "--yes", "--skip-preview")
        yield project, server


def versions(server: AwsServer) -> tuple[str, str, str]:
    """Of the control plane, of an add-on, and of the nodes."""
    cluster = server.call("eks", "describe_cluster", name=CLUSTER)["cluster"]
    addon = server.call("eks", "describe_addon", clusterName=CLUSTER, addonName="kube-proxy")["addon"]
    nodes = server.call("eks", "describe_nodegroup", clusterName=CLUSTER, nodegroupName="pool")["nodegroup"]
    return cluster["version"], addon["addonVersion"], nodes["version"]


def updates(server: AwsServer) -> list[str]:
    return server.call("eks", "list_updates", name=CLUSTER)["updateIds"]


@pytest.mark.parametrize(
    ("command", "version", "why"),
    [
        (("preview",), "1.33", "settings only lead forward"),
        (("up", "--yes", "--skip-preview"), SKIPPED, f'Set "{NEXT}", then "{SKIPPED}"'),
    ],
    ids=["preview of one below", "up of two above"],
)
def test_a_version_that_eks_would_refuse_ends_the_command_before_eks_is_asked(
    stack: tuple[Project, AwsServer], command: tuple[str, ...], version: str, why: str
):
    project, server = stack
    before = versions(server), updates(server)
    project.config({"version": version})
    try:
        failed = project.run(*command)
    finally:
        project.config({"version": OLD})
    assert failed.returncode != 0
    assert f"the cluster runs Kubernetes {OLD}, and cluster.version asks for {version}" in failed.stdout
    assert why in failed.stdout
    assert "Traceback" not in failed.stdout + failed.stderr
    assert (versions(server), updates(server)) == before


def test_the_next_version_comes_to_the_control_plane_then_to_the_addons_then_to_the_nodes(
    stack: tuple[Project, AwsServer],
):
    project, server = stack
    project.config({"version": NEXT, "addons": json.dumps({"kube-proxy": f"v{NEXT}.1-eksbuild.1"})})
    said = must(project, "up", "--yes", "--skip-preview", "--json")
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    began, ended = _order(events, "resourcePreEvent"), _order(events, "resOutputsEvent")
    assert ended["cluster"] < began["nodes-kube-proxy"]
    assert ended["nodes-kube-proxy"] < began["pool-group"]
    assert versions(server) == (NEXT, f"v{NEXT}.1-eksbuild.1", NEXT)
    must(project, "preview", "--expect-no-changes")


def _order(events: list[dict[str, dict]], kind: str) -> dict[str, int]:
    """Logical name to the place among the events, of what is updated."""
    return {
        event[kind]["metadata"]["urn"].rpartition("::")[2]: number
        for number, event in enumerate(events)
        if kind in event and event[kind]["metadata"]["op"] == "update"
    }


def test_a_new_version_of_the_providers_changes_the_providers_alone(stack: tuple[Project, AwsServer]):
    project, _ = stack
    state = json.loads(must(project, "stack", "export"))
    written = [each for each in state["deployment"]["resources"] if each["type"].startswith("pulumi:providers:")]
    for provider in written:
        major = provider["inputs"]["version"].partition(".")[0]
        provider["inputs"]["version"] = provider["outputs"]["version"] = f"{major}.0.0"
    older = project.folder.parent / "older.json"
    older.write_text(json.dumps(state))
    must(project, "stack", "import", "--file", str(older))
    assert _planned(project) == {each["urn"].rpartition("::")[2]: "update" for each in written}
    kept = _ids(state)
    must(project, "up", "--yes", "--skip-preview")
    assert _ids(json.loads(must(project, "stack", "export"))) == kept


def test_a_version_that_aws_has_brought_by_itself_is_taken_in_and_the_settings_follow(
    stack: tuple[Project, AwsServer],
):
    project, server = stack
    server.call("eks", "update_cluster_version", name=CLUSTER, version=SKIPPED)
    must(project, "refresh", "--yes", "--skip-preview")
    behind = project.run("preview")
    assert behind.returncode != 0
    assert f'settings only lead forward. Set "{SKIPPED}"' in behind.stdout
    project.config({"version": SKIPPED})
    assert _planned(project) == {"pool-group": "update"}


def _ids(state: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """URN to identifier and time of creation, of everything that somebody else than the engine keeps."""
    found = [each for each in state["deployment"]["resources"] if each.get("id") and "pulumi:" not in each["type"]]
    return {each["urn"]: (each["id"], each["created"]) for each in found}


def _planned(project: Project) -> dict[str, str]:
    """What an `up` would do, by logical name."""
    steps = json.loads(must(project, "preview", "--json"))["steps"]
    return {step["urn"].rpartition("::")[2]: step["op"] for step in steps if step["op"] != "same"}
