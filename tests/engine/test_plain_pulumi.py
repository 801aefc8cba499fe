"""The genuine engine on the local stack, by the commands that every Pulumi user knows, from preview to nothing left."""

import itertools
import json
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.checkout import Checkout, newcomers_environment
from tests.conftest import Platform, Said
from tests.engine.leftovers import api_server, aws_leftovers, kubernetes_leftovers
from tests.killed_command import kill_after, tail

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

COUNT_ALL_TEAMS_AND_POOLS = {
    *("groundwork-local", "contract-cluster", "contract-team-index-0"),
    *("queues-cohort-platform", "queues-flavor-p4d", "queues-team-research"),
    *("prometheus-rules-gpu-prices", "dcgm-exporter"),
}
"""What a new team or pool changes besides its own: lists of all of them, and the shares that are counted anew."""
EVERY_THIRD_STEP = 3
SOME_STEPS = (3, 9, 40, 60, 60)
"""Of its 200 and more steps: with the cluster in use, with half of its objects gone, and with the network."""


@pytest.fixture
def checkout(platform: Platform) -> Checkout:
    return platform.checkout


class Edited:
    """A settings file and its values; `write` after a change."""

    def __init__(self, file: Path, document: dict[str, Any]):
        self._file, self._document = file, document
        self.config: dict[str, Any] = document["config"]

    def write(self) -> None:
        self._file.write_text(yaml.safe_dump(self._document, sort_keys=False))


@contextmanager
def settings(checkout: Checkout) -> Generator[Edited]:
    """The local stack's settings, to change; the file is put back afterwards."""
    file = checkout.folder / "Pulumi.local.yaml"
    before = file.read_text()
    document = yaml.safe_load(before)
    try:
        yield Edited(file, document)
    finally:
        file.write_text(before)


def changes(checkout: Checkout) -> dict[str, str]:
    """What a preview would do: name of the resource to operation, unchanged ones left out."""
    text = checkout.must_pulumi("preview", "--json")
    steps = json.loads(text[text.index("{") :])["steps"]
    return {step["urn"].rsplit("::", 1)[1]: step["op"] for step in steps if step["op"] != "same"}


def test_a_preview_right_after_up_is_empty(checkout: Checkout):
    checkout.must_pulumi("preview", "--expect-no-changes")


def test_a_refresh_right_after_up_finds_nothing(checkout: Checkout):
    checkout.must_pulumi("refresh", "--preview-only", "--expect-no-changes")


def test_a_changed_setting_changes_what_it_is_about_and_nothing_else(checkout: Checkout):
    quota = ("/api/v1/namespaces/research/resourcequotas", "requests.cpu")
    before = _hard(checkout, quota)
    with settings(checkout) as edited:
        edited.config["groundwork:teams"][0]["quota"]["cpus"] = 48
        edited.write()
        assert changes(checkout) == {"team-research-quota": "update", "queues-team-research": "update"}
        checkout.must_pulumi("up", "--yes")
        assert _hard(checkout, quota) == "48"
        checkout.must_pulumi("preview", "--expect-no-changes")
    checkout.must_pulumi("up", "--yes")
    assert _hard(checkout, quota) == before


@pytest.mark.full
def test_a_new_team_and_a_new_gpu_pool_come_and_go_without_touching_the_others(checkout: Checkout):
    with settings(checkout) as edited:
        edited.config["groundwork:teams"].append(
            {"name": "ranking", "quota": {"cpus": 8, "memoryGib": 32, "gpus": 1, "pods": 20}}
        )
        edited.config["groundwork:nodePools"].append(
            {"name": "gpu-large", "families": ["p4d"], "capacity": ["on-demand"], "maxGpus": 8}
        )
        edited.write()
        planned = changes(checkout)
        assert {op for name, op in planned.items() if "ranking" in name or "gpu-large" in name} == {"create"}
        touched = {name: op for name, op in planned.items() if "ranking" not in name and "gpu-large" not in name}
        assert set(touched) <= COUNT_ALL_TEAMS_AND_POOLS, touched
        checkout.must_pulumi("up", "--yes")
        contract = json.loads(checkout.must_pulumi("stack", "output", "contract", "--json"))
        assert set(contract["teams"]) == {"research", "ranking"}
        assert contract["cluster"]["node_pools"]["nvidia.com/gpu"]["gpu-large"] == 8
    gone = checkout.must_pulumi("up", "--yes")
    assert "deleted" in gone
    checkout.must_pulumi("preview", "--expect-no-changes")


def test_refresh_sees_what_was_changed_behind_its_back_on_both_halves_and_up_mends_it(checkout: Checkout):
    s3, ssm = checkout.aws("s3"), checkout.aws("ssm")
    bucket = "groundwork-local-artifacts-123456789012"
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    ssm.delete_parameter(Name="/groundwork/local/contract/tracking")
    quotas = "/api/v1/namespaces/research/resourcequotas"
    [quota] = api_server(checkout).request("GET", quotas)["items"]
    name = quota["metadata"]["name"]
    api_server(checkout).request(
        "PATCH",
        f"{quotas}/{name}",
        body={"spec": {"hard": {"pods": "7"}}},
        content_type="application/merge-patch+json",
    )
    seen = checkout.must_pulumi("refresh", "--yes")
    assert re.search(r"store-artifacts-versioning.*updated", seen), seen
    assert re.search(r"contract-tracking.*deleted", seen), seen
    assert re.search(r"team-research-quota.*updated", seen), seen
    checkout.must_pulumi("up", "--yes")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert ssm.get_parameter(Name="/groundwork/local/contract/tracking")["Parameter"]["Value"]
    [mended] = api_server(checkout).request("GET", quotas)["items"]
    assert mended["spec"]["hard"]["pods"] == quota["spec"]["hard"]["pods"]
    checkout.must_pulumi("preview", "--expect-no-changes")


def test_wrong_settings_are_all_named_at_once_before_anything_is_made(checkout: Checkout):
    with settings(checkout) as edited:
        edited.config["groundwork:network"]["cidr"] = "10.20.0.0/28"
        edited.config["groundwork:nodePools"][0]["families"] = ["g55"]
        edited.config["groundwork:nodePools"][0]["maxGpus"] = -1
        edited.config["groundwork:tracking"] = {"sise": "Small"}
        edited.write()
        failed = checkout.pulumi("preview")
    assert failed.returncode != 0
    for word in ("10.20.0.0/28", "g55", "-1", "sise", "size"):
        assert word in failed.stdout, failed.stdout
    assert "Traceback" not in failed.stdout


def test_aws_eks_update_kubeconfig_leads_the_genuine_client_to_the_cluster(checkout: Checkout, tmp_path: Path):
    variables = checkout.local_environment() | {"KUBECONFIG": str(tmp_path / "kubeconfig")}
    checkout.must(".venv/bin/aws", "eks", "update-kubeconfig", "--name", "groundwork-local", environment=variables)
    script = (
        "from kubernetes import client, config\n"
        "config.load_kube_config()\n"
        "names = [item.metadata.name for item in client.CoreV1Api().list_namespace().items]\n"
        "pools = client.CustomObjectsApi().list_cluster_custom_object('karpenter.sh', 'v1', 'nodepools')\n"
        "print(names, [pool['metadata']['name'] for pool in pools['items']])\n"
    )
    told = checkout.must(".venv/bin/python", "-c", script, environment=variables)
    assert "'research'" in told
    assert "gpu-small" in told


@pytest.mark.timeout(6000)
def test_a_teardown_that_is_killed_again_and_again_leaves_nothing_of_ours_on_either_half(
    checkout: Checkout, pytestconfig: pytest.Config, said: Said
):
    teardown = [".venv/bin/groundwork", "teardown", "local", "--yes"]
    served = checkout.aws("sagemaker").list_endpoints()["Endpoints"]
    if served:
        refused = checkout.run(*teardown)
        assert refused.returncode == 1
        assert f"endpoint {served[0]['EndpointName']}" in refused.stdout
    every = itertools.repeat(EVERY_THIRD_STEP) if pytestconfig.getoption("--full") else SOME_STEPS
    ended = kill_after(
        [*teardown, "--stop-jobs", "--remove-leftovers"],
        every,
        folder=checkout.folder,
        environment=newcomers_environment(),
    )
    said(f"a teardown of {len(ended.steps)} steps survived {ended.kills} kills")
    assert ended.status == 0, tail(ended.said)
    assert ended.kills >= len(SOME_STEPS)
    # Whoever destroys is let into the cluster until the last object in it has gone.
    objects, entries = (
        [number for number, step in enumerate(ended.steps) if each in step] for each in ("kubernetes:", "cluster-admin")
    )
    assert objects
    assert entries
    assert max(objects) < min(entries)
    state = json.loads(checkout.must_pulumi("stack", "export"))
    assert not state["deployment"].get("resources")
    assert {kind: names for kind, names in aws_leftovers(checkout).items() if names} == {}
    assert kubernetes_leftovers(checkout) == []


def test_local_down_stops_every_process_and_says_what_it_keeps(checkout: Checkout):
    pids = [service["pid"] for service in checkout.status()["services"] if service["pid"]]
    told = checkout.must("make", "local-down")
    assert ".venv" in told
    assert checkout.status()["supervisor"] is None
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def _hard(checkout: Checkout, quota: tuple[str, str]) -> str:
    path, resource = quota
    [found] = api_server(checkout).request("GET", path)["items"]
    return found["spec"]["hard"][resource]
