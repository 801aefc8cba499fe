"""Teardown: a cluster is cleared while it can clean up, a stack goes with what it may take, and a scan follows."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.cli import Format
from local.errors import LocalStackError
from local.kubernetes import crds
from local.kubernetes.api import ApiClient, ApiError
from operations import leftovers_command
from operations.leftovers import subject
from operations.teardown.in_cluster import Clearing
from operations.teardown_command import Teardown
from tests.local.aws_server_process import AwsServerProcess
from tests.local.control_plane import running_control_plane
from tests.local.engine_project import Project, environment_of, lead, must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(300)]

PROGRAM = """
import pulumi
import pulumi_aws as aws

tags = aws.ProviderDefaultTagsArgs(tags={"groundwork:environment": "test", "managed-by": "groundwork"})
provider = aws.Provider("aws", region="us-east-1", profile="groundwork-local", default_tags=tags)
opts = pulumi.ResourceOptions(provider=provider)
key = aws.kms.Key("key", deletion_window_in_days=7, opts=pulumi.ResourceOptions(provider=provider, protect=True))
aws.kms.Alias("alias", name="alias/groundwork-test-data", target_key_id=key.key_id, opts=opts)
bucket = aws.s3.Bucket("lake", bucket="groundwork-test-lake", opts=opts)
aws.s3.BucketVersioning(
    "versions",
    bucket=bucket.bucket,
    versioning_configuration=aws.s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
    opts=opts,
)
vpc = aws.ec2.Vpc("network", cidr_block="10.0.0.0/16", opts=opts)
aws.ec2.Subnet("private", vpc_id=vpc.id, cidr_block="10.0.1.0/24", opts=opts)
aws.ssm.Parameter("contract", name="/groundwork/test/contract", type="String", value="{}", opts=opts)
"""
LOG_GROUP = "/aws/eks/groundwork-test/cluster"


@pytest.fixture
def project(server: AwsServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A stack that is up: a protected key, a bucket that holds something, a network and a parameter."""
    made = new_project(tmp_path / "engine-home")
    made.write(PROGRAM)
    must(made, "up", "--yes", "--skip-preview")
    server.client("s3").put_object(Bucket="groundwork-test-lake", Key="rows.csv", Body=b"1,2")
    protect(tmp_path, True)
    lead(made, environment_of(made, tmp_path), monkeypatch, subject)
    return made


def protect(checkout: Path, on: bool) -> None:
    said = str(on).lower()
    (checkout / "Pulumi.test.yaml").write_text(
        f"config: {{'groundwork:protection': {{protect: {said}, deleteContents: false}}}}\n"
    )


def teardown(*, keep_protected: bool = False, remove_leftovers: bool = False, stop_jobs: bool = False) -> int:
    task = Teardown("test", stop_jobs=stop_jobs, keep_protected=keep_protected)
    task.check()
    return task.run(without_cluster=False, remove_leftovers=remove_leftovers, output=Format.text)


def test_what_is_protected_or_not_empty_is_kept_and_said_and_the_rest_goes_and_then_all_of_it(
    server: AwsServerProcess, project: Project, capfd: pytest.CaptureFixture[str]
):
    with pytest.raises(LocalStackError, match=r"still holds \d+ resources"):
        leftovers_command.run("test", remove=True, yes=True, output=Format.text)
    with pytest.raises(LocalStackError, match="1 resource is protected from a destroy: Key ") as no:
        teardown()
    assert "protection.protect: false in Pulumi.test.yaml" in str(no.value)

    ec2 = server.client("ec2")
    (subnet,) = ec2.describe_subnets(Filters=[{"Name": "cidr-block", "Values": ["10.0.1.0/24"]}])["Subnets"]
    theirs = ec2.create_network_interface(
        SubnetId=subnet["SubnetId"],
        Description="of a notebook",
        TagSpecifications=[
            {"ResourceType": "network-interface", "Tags": [{"Key": "groundwork:team", "Value": "research"}]}
        ],
    )["NetworkInterface"]["NetworkInterfaceId"]
    with pytest.raises(LocalStackError, match="A network interface that is not the stack's kept its network") as no:
        teardown(keep_protected=True)
    assert f"{theirs} in {subnet['SubnetId']}: of a notebook; groundwork:team=research; " in str(no.value)
    assert f"aws ec2 delete-network-interface --network-interface-id {theirs}" in str(no.value)
    ec2.delete_network_interface(NetworkInterfaceId=theirs)
    capfd.readouterr()

    assert teardown(keep_protected=True) == 0
    said = capfd.readouterr()
    assert "Left over: nothing" in said.out
    assert "groundwork-test-lake" in said.out  # in the list of what is retained
    assert "protected in the stack" in said.out
    assert server.client("ssm").describe_parameters()["Parameters"] == []
    assert server.client("s3").get_object(Bucket="groundwork-test-lake", Key="rows.csv")["Body"].read() == b"1,2"

    protect(project.folder.parents[1], False)
    with pytest.raises(LocalStackError, match="4 resources are protected from a destroy") as no:
        teardown()
    assert "pulumi state unprotect --all --stack test" in no.value.hint
    must(project, "state", "unprotect", "--all", "--yes")
    with pytest.raises(LocalStackError, match="1 resource is not empty: Bucket groundwork-test-lake"):
        teardown()
    s3 = server.client("s3")
    for version in s3.list_object_versions(Bucket="groundwork-test-lake")["Versions"]:
        s3.delete_object(Bucket="groundwork-test-lake", Key="rows.csv", VersionId=version["VersionId"])
    # The cluster's last line comes after its log group went, and makes another one.
    server.client("logs").create_log_group(logGroupName=LOG_GROUP)
    assert teardown() == 3
    said = capfd.readouterr()
    assert LOG_GROUP in said.out
    assert teardown(remove_leftovers=True) == 0
    said = capfd.readouterr()
    assert "Left over: nothing" in said.out
    assert "Scheduled for deletion by AWS: 1" in said.out
    server.client("logs").create_log_group(logGroupName=LOG_GROUP)
    assert leftovers_command.run("test", remove=False, yes=False, output=Format.json) == 3
    document = json.loads(capfd.readouterr().out)
    assert [(entry["kind"], entry["name"]) for entry in document["leftovers"]] == [("log group", LOG_GROUP)]
    assert leftovers_command.run("test", remove=True, yes=True, output=Format.json) == 0
    assert json.loads(capfd.readouterr().out)["empty"]
    assert server.client("s3").list_buckets()["Buckets"] == []


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    with running_control_plane(tmp_path_factory.mktemp("control-plane")) as running:
        crds.install(running.url, running.files.authority.certificate)
        yield running.admin


def metadata(name: str, **labels: str) -> dict[str, Any]:
    return {"name": name, "labels": labels}


def pods(**more: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", "image": "i"}], **more}}


def workload(name: str, **labels: str) -> dict[str, Any]:
    selector = {"app": name}
    template = {"metadata": {"labels": selector}, **pods()}
    return {"metadata": metadata(name, **labels), "spec": {"selector": {"matchLabels": selector}, "template": template}}


def fill(api: ApiClient) -> None:
    """What teams and the platform run, with a node that a pool made."""
    ours = {"app.kubernetes.io/managed-by": "groundwork"}
    api.request("POST", "/api/v1/namespaces", body={"metadata": metadata("research", **ours)})
    apps, core = "/apis/apps/v1/namespaces", "/api/v1/namespaces"
    api.request("POST", f"{apps}/research/deployments", body=workload("notebook"))
    api.request("POST", f"{apps}/research/deployments", body=workload("exporter", **ours))
    api.request("POST", f"{apps}/kube-system/daemonsets", body=workload("dns"))
    job = {"metadata": metadata("train"), "spec": {"template": pods(restartPolicy="Never")}}
    api.request("POST", "/apis/batch/v1/namespaces/research/jobs", body=job)
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    api.request("POST", f"{core}/research/persistentvolumeclaims", body={"metadata": metadata("disk"), "spec": claim})
    port = {"port": 80, "name": "http"}
    for name, kind in (("public", "LoadBalancer"), ("inside", "ClusterIP")):
        service = {"metadata": metadata(name), "spec": {"type": kind, "ports": [port], "selector": {"app": "notebook"}}}
        api.request("POST", f"{core}/research/services", body=service)
    backend = {"service": {"name": "inside", "port": {"number": 80}}}
    ingress = {"metadata": metadata("door"), "spec": {"defaultBackend": backend}}
    api.request("POST", "/apis/networking.k8s.io/v1/namespaces/research/ingresses", body=ingress)
    template = {
        "spec": {
            "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "gpu"},
            "requirements": [{"key": "eks.amazonaws.com/instance-family", "operator": "In", "values": ["g6"]}],
        }
    }
    for pool in ("gpu", "general-purpose"):
        body = {
            "apiVersion": "karpenter.sh/v1",
            "kind": "NodePool",
            "metadata": metadata(pool),
            "spec": {"template": template},
        }
        api.request("POST", "/apis/karpenter.sh/v1/nodepools", body=body)
    for node, pool in (("ip-1", "gpu"), ("ip-2", "general-purpose")):
        body = {"metadata": {"name": node, "labels": {"karpenter.sh/nodepool": pool}}}
        api.request("POST", "/api/v1/nodes", body=body)


def drain_like_karpenter(api: ApiClient, gone: list[str]) -> None:
    """Ends the machine of a pool some time after the pool is gone."""
    while True:
        try:
            api.get("/apis/karpenter.sh/v1/nodepools/gpu")
        except ApiError:
            break
        time.sleep(0.05)
    time.sleep(0.5)
    gone.append("ip-1")
    api.request("DELETE", "/api/v1/nodes/ip-1")


def names(api: ApiClient, path: str) -> list[str]:
    return sorted(item["metadata"]["name"] for item in api.get(path)["items"])


def test_a_cluster_is_cleared_of_what_would_keep_its_vpc_and_the_stacks_own_is_left_to_the_engine(api: ApiClient):
    fill(api)
    said: list[str] = []
    gone: list[str] = []
    karpenter = threading.Thread(target=drain_like_karpenter, args=(api, gone), daemon=True)
    karpenter.start()
    clearing = Clearing(api, said.append, patience_s=60, pause_s=0.1)
    assert clearing.balancers() == 2
    assert clearing.workloads() == 3
    assert clearing.node_pools() == 1
    assert gone == ["ip-1"]  # it waited for the node
    karpenter.join(5)
    assert names(api, "/apis/apps/v1/deployments") == ["exporter"]
    assert names(api, "/apis/apps/v1/daemonsets") == ["dns"]
    assert names(api, "/api/v1/namespaces/research/services") == ["inside"]
    assert names(api, "/apis/karpenter.sh/v1/nodepools") == ["general-purpose"]
    assert names(api, "/api/v1/nodes") == ["ip-2"]
    for path in ("/apis/batch/v1/jobs", "/api/v1/persistentvolumeclaims", "/apis/networking.k8s.io/v1/ingresses"):
        assert names(api, path) == []
    again = Clearing(api, said.append, patience_s=5, pause_s=0.1)
    assert (again.balancers(), again.workloads(), again.node_pools()) == (0, 0, 0)


def test_what_does_not_go_is_named(api: ApiClient):
    service = {
        "metadata": {**metadata("stuck"), "finalizers": ["service.k8s.aws/resources"]},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    }
    api.request("POST", "/api/v1/namespaces/default/services", body=service)
    with pytest.raises(LocalStackError, match=r"1 load balancers are still there .*default/services/stuck"):
        Clearing(api, lambda _: None, patience_s=0.3, pause_s=0.1).balancers()
    api.request(
        "PATCH",
        "/api/v1/namespaces/default/services/stuck",
        body={"metadata": {"finalizers": None}},
        content_type="application/merge-patch+json",
    )
