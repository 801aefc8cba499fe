"""The Kubernetes provider plugin against the genuine API server, asked as the engine asks it."""

import base64
import copy
import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local.kubernetes import crds
from local.providers.harness import Live, Plugin, ProviderError
from local.providers.stubs import provider_pb2
from local.providers.values import UNKNOWN, to_struct
from tests.local.control_plane import ControlPlane, running_control_plane

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]

NAMESPACE = "kubernetes:core/v1:Namespace"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
SECRET = "kubernetes:core/v1:Secret"
QUOTA = "kubernetes:core/v1:ResourceQuota"
SERVICE = "kubernetes:core/v1:Service"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
JOB = "kubernetes:batch/v1:Job"
NODE_POOL = "kubernetes:karpenter.sh/v1:NodePool"
_COUNT = itertools.count(1)


class KubernetesPlugin(Plugin):
    """timeout: of the resource's customTimeouts, in seconds; 0 leaves it to the provider."""

    module = "local.providers.kubernetes"
    timeout = 0.0

    def _ask(self, method: str, request: Any) -> Any:
        if self.timeout and method in ("Create", "Update", "Delete"):
            request.timeout = self.timeout
        return super()._ask(method, request)

    def diff_config(self, olds: Mapping[str, Any], news: Mapping[str, Any]) -> Any:
        request = provider_pb2.DiffRequest(old_inputs=to_struct(olds), news=to_struct(news))
        return self._ask("DiffConfig", request)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with running_control_plane(tmp_path_factory.mktemp("kubernetes")) as running:
        crds.install(running.url, running.files.authority.certificate)
        yield running


@pytest.fixture(scope="module")
def plugin(cluster: ControlPlane) -> Iterator[KubernetesPlugin]:
    started = KubernetesPlugin({}, {"kubeconfig": cluster.kubeconfig()})
    yield started
    started.close()


@pytest.fixture(scope="module")
def namespace(cluster: ControlPlane) -> str:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "work"}}
    cluster.admin.request("POST", "/api/v1/namespaces", body=body)
    return "work"


def unique(word: str) -> str:
    return f"{word}-{next(_COUNT)}"


def behind_its_back(cluster: ControlPlane, path: str, patch: Mapping[str, Any], manager: str = "kubectl-edit") -> None:
    cluster.admin.request("PATCH", path, {"fieldManager": manager}, patch, "application/merge-patch+json")


def changed(answer: Any) -> set[str]:
    return set(answer.detailedDiff)


def config_map(name: str, namespace: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "data": data}


def deployment(name: str, namespace: str, replicas: int = 0, **labels: str) -> dict[str, Any]:
    labels = labels or {"app": "a"}
    pod = {"containers": [{"name": "main", "image": "busybox", "ports": [{"containerPort": 80}]}]}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def node_pool(name: str, gpus: str = "8", **more: Any) -> dict[str, Any]:
    requirement = {"key": "eks.amazonaws.com/instance-family", "operator": "In", "values": ["g6", "g5"]}
    template = {
        "spec": {
            "nodeClassRef": {"group": "eks.amazonaws.com", "kind": "NodeClass", "name": "gpu"},
            "taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}],
            "requirements": [requirement],
        }
    }
    return {"metadata": {"name": name}, "spec": {"template": template, "limits": {"nvidia.com/gpu": gpus}, **more}}


def test_check_fills_in_what_the_type_says(plugin: KubernetesPlugin) -> None:
    inputs = plugin.checked(Live(NODE_POOL, "gpu"), {"metadata": {"name": "gpu"}})
    assert (inputs["apiVersion"], inputs["kind"]) == ("karpenter.sh/v1", "NodePool")


def test_a_resource_without_a_name_gets_one_and_keeps_it(plugin: KubernetesPlugin) -> None:
    resource = Live(CONFIG_MAP, "settings")
    first = plugin.checked(resource, {"data": {"a": "1"}})
    assert first["metadata"]["name"].startswith("settings-")
    assert len(first["metadata"]["name"]) == len("settings-") + 8
    resource.inputs = first
    assert plugin.checked(resource, {"data": {"a": "2"}})["metadata"] == first["metadata"]
    resource.inputs = {}
    assert plugin.checked(resource, {"data": {"a": "2"}})["metadata"]["name"] != first["metadata"]["name"]


@pytest.mark.parametrize("type_", ["kubernetes:helm.sh/v3:Release", "kubernetes:core/v1:ServiceAccountPatch"])
def test_a_type_that_is_no_object_is_named(plugin: KubernetesPlugin, type_: str) -> None:
    with pytest.raises(ProviderError, match=type_):
        plugin.checked(Live(type_, "x"), {})


def test_an_object_lives_from_create_to_delete(plugin: KubernetesPlugin, cluster: ControlPlane) -> None:
    name = unique("team")
    team = plugin.create(NAMESPACE, "team", {"metadata": {"name": name, "labels": {"a": "1"}}})
    assert team.id == name
    assert team.state["status"]["phase"] == "Active"
    assert not changed(plugin.diff(team, team.inputs))
    news = {"metadata": {"name": name, "labels": {"b": "2"}}}
    answer = plugin.diff(team, plugin.checked(team, news))
    assert changed(answer) == {"metadata.labels.a", "metadata.labels.b"}
    assert not answer.replaces
    plugin.update(team, news)
    labels = cluster.admin.get(f"/api/v1/namespaces/{name}")["metadata"]["labels"]
    assert (labels.get("a"), labels["b"]) == (None, "2")
    plugin.delete(team)
    assert plugin.read(team) is None
    plugin.delete(team)


def test_numbers_that_the_server_rewrites_are_no_change(plugin: KubernetesPlugin, namespace: str) -> None:
    hard = {"requests.cpu": "1000m", "limits.memory": "1024Mi", "requests.nvidia.com/gpu": "4"}
    quota = plugin.create(
        QUOTA, "q", {"metadata": {"name": unique("q"), "namespace": namespace}, "spec": {"hard": hard}}
    )
    assert quota.state["spec"]["hard"]["requests.cpu"] == "1"
    seen = plugin.read(quota)
    assert seen is not None
    assert seen.inputs == quota.inputs


def test_a_change_behind_its_back_is_seen_and_undone(
    plugin: KubernetesPlugin, cluster: ControlPlane, namespace: str
) -> None:
    name = unique("q")
    quota = plugin.create(
        QUOTA, "q", {"metadata": {"name": name, "namespace": namespace}, "spec": {"hard": {"pods": "4"}}}
    )
    path, wanted = f"/api/v1/namespaces/{namespace}/resourcequotas/{name}", quota.inputs
    behind_its_back(
        cluster, path, {"spec": {"hard": {"pods": "9", "services": "1"}}, "metadata": {"labels": {"x": "y"}}}
    )
    seen = plugin.read(quota)
    assert seen is not None
    assert seen.inputs["spec"]["hard"] == {"pods": "9"}, "what others add is theirs"
    assert "labels" not in seen.inputs["metadata"]
    assert changed(plugin.diff(seen, wanted)) == {"spec.hard.pods"}
    plugin.update(seen, wanted)
    assert cluster.admin.get(path)["spec"]["hard"] == {"pods": "4", "services": "1"}


def test_a_change_that_no_refresh_has_seen_is_not_overwritten(
    plugin: KubernetesPlugin, cluster: ControlPlane, namespace: str
) -> None:
    name = unique("q")
    inputs = {"metadata": {"name": name, "namespace": namespace}, "spec": {"hard": {"pods": "4"}}}
    quota = plugin.create(QUOTA, "q", inputs)
    behind_its_back(cluster, f"/api/v1/namespaces/{namespace}/resourcequotas/{name}", {"spec": {"hard": {"pods": "9"}}})
    news = {**inputs, "spec": {"hard": {"pods": "5"}}}
    with pytest.raises(ProviderError, match=rf'ResourceQuota {namespace}/{name} .*"kubectl-edit".*pulumi refresh'):
        plugin.update(quota, news)
    forced = {**news, "metadata": {**news["metadata"], "annotations": {"pulumi.com/patchForce": "true"}}}
    plugin.update(quota, forced)
    assert quota.state["spec"]["hard"] == {"pods": "5"}


def test_entries_of_a_list_are_told_apart_by_their_key(
    plugin: KubernetesPlugin, cluster: ControlPlane, namespace: str
) -> None:
    name = unique("d")
    made = plugin.create(DEPLOYMENT, "d", deployment(name, namespace))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    sidecar = {"name": "sidecar", "image": "istio"}
    main = {"name": "main", "image": "busybox:2", "ports": [{"containerPort": 80, "protocol": "TCP"}]}
    behind_its_back(cluster, path, {"spec": {"template": {"spec": {"containers": [sidecar, main]}}}})
    seen = plugin.read(made)
    assert seen is not None
    containers = seen.inputs["spec"]["template"]["spec"]["containers"]
    assert containers == [{"name": "main", "image": "busybox:2", "ports": [{"containerPort": 80}]}]
    answer = plugin.diff(seen, made.inputs)
    assert changed(answer) == {"spec.template.spec.containers[0].image"}


def test_new_data_of_a_config_map_make_a_new_one(
    plugin: KubernetesPlugin, cluster: ControlPlane, namespace: str
) -> None:
    made = plugin.create(CONFIG_MAP, "c", config_map(unique("c"), namespace, a="1"))
    answer = plugin.diff(made, {**made.inputs, "data": {"a": "2"}})
    assert (list(answer.replaces), answer.deleteBeforeReplace) == (["data.a"], True)
    unnamed = plugin.create(CONFIG_MAP, "c", {"metadata": {"namespace": namespace}, "data": {"a": "1"}})
    fresh = Live(CONFIG_MAP, "c")
    news = plugin.checked(fresh, {"metadata": {"namespace": namespace}, "data": {"a": "2"}})
    answer = plugin.diff(unnamed, news)
    assert list(answer.replaces) == ["data.a", "metadata.name"]
    assert not answer.deleteBeforeReplace
    mutable = KubernetesPlugin({}, {"kubeconfig": cluster.kubeconfig(), "enableConfigMapMutable": "true"})
    assert not mutable.diff(made, {**made.inputs, "data": {"a": "2"}}).replaces
    mutable.close()


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({"metadata": {"name": "other", "namespace": "work"}}, ["metadata.name"]),
        ({"metadata": {"name": "same", "namespace": "default"}}, ["metadata.namespace"]),
        ({"metadata": {"name": "same", "namespace": UNKNOWN}}, ["metadata.namespace"]),
    ],
)
def test_another_identity_is_another_object(
    plugin: KubernetesPlugin, namespace: str, change: dict[str, Any], replaced: list[str]
) -> None:
    resource = Live(SERVICE, "s", f"{namespace}/same")
    resource.inputs = plugin.checked(resource, {"metadata": {"name": "same", "namespace": namespace}})
    answer = plugin.diff(resource, {**resource.inputs, **change})
    assert (list(answer.replaces), answer.deleteBeforeReplace) == (replaced, False)


def test_saying_the_default_namespace_aloud_is_no_move(plugin: KubernetesPlugin) -> None:
    resource = Live(CONFIG_MAP, "c", "default/same")
    resource.inputs = plugin.checked(resource, {"metadata": {"name": "same"}, "data": {"a": "1"}})
    spoken = {**resource.inputs, "metadata": {"name": "same", "namespace": "default"}}
    assert not plugin.diff(resource, spoken).replaces


def test_what_the_server_calls_immutable_is_replaced(plugin: KubernetesPlugin) -> None:
    # Not in the provider's own table: a rule of the kind's definition, found by a dry run.
    pool = plugin.create(NODE_POOL, "p", node_pool(unique("p")))
    news = copy.deepcopy(pool.inputs)
    news["spec"]["template"]["spec"]["nodeClassRef"]["kind"] = "EC2NodeClass"
    news["spec"]["limits"] = {"nvidia.com/gpu": "4"}
    answer = plugin.diff(pool, news)
    assert list(answer.replaces) == ["spec.template.spec.nodeClassRef.kind"]
    assert answer.deleteBeforeReplace
    said = r"nodeClassRef.kind is immutable.*cannot change while the object lives"
    with pytest.raises(ProviderError, match=said):
        plugin.update(pool, news)


def test_a_misspelt_field_is_refused_before_anything_is_made(plugin: KubernetesPlugin) -> None:
    inputs = node_pool(unique("p"), disrupton={})
    with pytest.raises(ProviderError, match=r"NodePool p-\d+ would be refused: .*\.spec\.disrupton"):
        plugin.preview_create(NODE_POOL, "p", inputs)
    with pytest.raises(ProviderError, match=r"NodePool p-\d+ could not be created: .*\.spec\.disrupton"):
        plugin.create(NODE_POOL, "p", inputs)


def test_a_preview_shows_what_the_server_would_make(plugin: KubernetesPlugin, namespace: str) -> None:
    planned = plugin.preview_create(DEPLOYMENT, "d", deployment(unique("d"), namespace))
    assert planned["spec"]["progressDeadlineSeconds"] == 600
    assert planned["metadata"]["uid"] is UNKNOWN


@pytest.mark.parametrize("missing", ["namespace", "kind"])
def test_a_preview_does_not_need_what_the_same_update_brings(plugin: KubernetesPlugin, missing: str) -> None:
    if missing == "namespace":
        planned = plugin.preview_create(CONFIG_MAP, "c", config_map("c", "not-yet", a="1"))
        assert planned["data"] == {"a": "1"}
    else:
        planned = plugin.preview_create("kubernetes:not.yet.dev/v1:Thing", "t", {"metadata": {"name": "t"}})
        assert planned["kind"] == "Thing"


def test_a_kind_that_is_not_served_is_said(plugin: KubernetesPlugin) -> None:
    with pytest.raises(ProviderError, match=r"Thing t: .*no kind \"Thing\" in not.there.dev/v1 \(is its Custom"):
        plugin.create("kubernetes:not.there.dev/v1:Thing", "t", {"metadata": {"name": "t"}})


def test_a_custom_resource_keeps_the_program_s_words(plugin: KubernetesPlugin, cluster: ControlPlane) -> None:
    name = unique("gpu")
    pool = plugin.create(NODE_POOL, "gpu", node_pool(name))
    assert pool.id == name
    seen = plugin.read(pool)
    assert seen is not None
    assert seen.inputs == pool.inputs, "defaults of the definition are no drift"
    behind_its_back(cluster, f"/apis/karpenter.sh/v1/nodepools/{name}", {"spec": {"limits": {"nvidia.com/gpu": "99"}}})
    drifted = plugin.read(pool)
    assert drifted is not None
    assert changed(plugin.diff(drifted, pool.inputs)) == {'spec.limits["nvidia.com/gpu"]'}
    plugin.delete(pool)


def test_an_object_that_others_made_is_not_taken_over(
    plugin: KubernetesPlugin, cluster: ControlPlane, namespace: str
) -> None:
    name = unique("c")
    body = {"apiVersion": "v1", "kind": "ConfigMap", **config_map(name, namespace, a="1")}
    cluster.admin.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body=body)
    with pytest.raises(ProviderError, match=rf"ConfigMap {namespace}/{name} already exists.*pulumi import"):
        plugin.create(CONFIG_MAP, "c", config_map(name, namespace, a="2"))
    upsert = KubernetesPlugin({}, {"kubeconfig": cluster.kubeconfig(), "upsertExistingObjects": "true"})
    # With the values that are there; other ones would be a conflict with their owner.
    assert upsert.create(CONFIG_MAP, "c", config_map(name, namespace, a="1")).id == f"{namespace}/{name}"
    upsert.close()


def test_a_create_that_was_cut_off_is_taken_up_again(plugin: KubernetesPlugin, namespace: str) -> None:
    inputs = config_map(unique("c"), namespace, a="1")
    first = plugin.create(CONFIG_MAP, "cut-off", inputs)
    second = plugin.create(CONFIG_MAP, "cut-off", inputs)
    assert second.state["metadata"]["uid"] == first.state["metadata"]["uid"]


def test_an_import_by_id_matches_the_program_that_declares_it(
    plugin: KubernetesPlugin, cluster: ControlPlane, namespace: str
) -> None:
    name = unique("d")
    body = {"apiVersion": "apps/v1", "kind": "Deployment", **deployment(name, namespace)}
    cluster.admin.request("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", body=body)
    imported = plugin.read(Live(DEPLOYMENT, "d", f"{namespace}/{name}"))
    assert imported is not None
    assert "status" not in imported.inputs
    declared = plugin.checked(imported, deployment(name, namespace))
    assert not changed(plugin.diff(imported, declared))
    scaled = plugin.checked(imported, deployment(name, namespace, replicas=0, app="b"))
    assert "spec.selector.matchLabels.app" in changed(plugin.diff(imported, scaled))
    imported.inputs = declared
    shorter = copy.deepcopy(declared)
    del shorter["spec"]["template"]["spec"]["containers"][0]["ports"]
    assert changed(plugin.diff(imported, shorter)) == {"spec.template.spec.containers[0].ports"}
    plugin.update(imported, declared)
    assert not changed(plugin.diff(imported, declared))
    assert plugin.read(Live(DEPLOYMENT, "d", f"{namespace}/not-there")) is None


def test_a_workload_is_not_waited_for_in_a_cluster_without_nodes(plugin: KubernetesPlugin, namespace: str) -> None:
    made = plugin.create(DEPLOYMENT, "d", deployment(unique("d"), namespace, replicas=1))
    assert made.state["status"].get("availableReplicas", 0) == 0


def test_what_does_not_get_ready_is_kept_and_says_why(
    plugin: KubernetesPlugin, cluster: ControlPlane, namespace: str
) -> None:
    # There is a node, but no scheduler, so no pod will ever run.
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": unique("node")}}
    cluster.admin.request("POST", "/api/v1/nodes", body=node)
    plugin.timeout = 1.0
    try:
        with pytest.raises(ProviderError, match="is not ready after 1 s: waiting for 1 available replicas") as raised:
            plugin.create(DEPLOYMENT, "d", deployment(unique("d"), namespace, replicas=1))
    finally:
        plugin.timeout = 0.0
        cluster.admin.request("DELETE", f"/api/v1/nodes/{node['metadata']['name']}")
    assert raised.value.init_failed.id.startswith(f"{namespace}/d-")
    skipped = deployment(unique("d"), namespace, replicas=1)
    skipped["metadata"]["annotations"] = {"pulumi.com/skipAwait": "true"}
    assert plugin.create(DEPLOYMENT, "d", skipped).id


def test_a_deletion_takes_what_the_object_owns_along(
    plugin: KubernetesPlugin, cluster: ControlPlane, namespace: str
) -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox"}]}
    name = unique("job")
    job = {"metadata": {"name": name, "namespace": namespace, "annotations": {"pulumi.com/skipAwait": "true"}}}
    made = plugin.create(JOB, "job", {**job, "spec": {"template": {"spec": pod}}})
    plugin.delete(made)
    pods = cluster.admin.get(f"/api/v1/namespaces/{namespace}/pods")["items"]
    assert not [each for each in pods if each["metadata"]["name"].startswith(name)]


def test_a_deletion_that_hangs_names_the_finalizer(
    plugin: KubernetesPlugin, cluster: ControlPlane, namespace: str
) -> None:
    inputs = config_map(unique("c"), namespace, a="1")
    inputs["metadata"]["finalizers"] = ["groundwork.dev/hold"]
    made = plugin.create(CONFIG_MAP, "c", inputs)
    plugin.timeout = 1.0
    try:
        with pytest.raises(
            ProviderError, match=r"still being deleted after 1 s; it waits for: finalizers groundwork\.dev/hold"
        ):
            plugin.delete(made)
    finally:
        plugin.timeout = 0.0
        path = f"/api/v1/namespaces/{namespace}/configmaps/{inputs['metadata']['name']}"
        behind_its_back(cluster, path, {"metadata": {"finalizers": None}})
    assert plugin.read(made) is None


def test_an_object_made_anew_by_others_is_left_alone(
    plugin: KubernetesPlugin, cluster: ControlPlane, namespace: str
) -> None:
    name = unique("c")
    made = plugin.create(CONFIG_MAP, "c", config_map(name, namespace, a="1"))
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    cluster.admin.request("DELETE", f"{path}/{name}")
    body = {"apiVersion": "v1", "kind": "ConfigMap", **config_map(name, namespace, a="theirs")}
    cluster.admin.request("POST", path, body=body)
    plugin.delete(made)
    assert cluster.admin.get(f"{path}/{name}")["data"] == {"a": "theirs"}


def test_a_secret_that_was_changed_is_seen_in_the_program_s_form(
    plugin: KubernetesPlugin, cluster: ControlPlane, namespace: str
) -> None:
    name = unique("s")
    inputs = {"metadata": {"name": name, "namespace": namespace}, "stringData": {"a": "one", "b": "two"}}
    secret = plugin.create(SECRET, "s", inputs)
    seen = plugin.read(secret)
    assert seen is not None
    assert seen.inputs == secret.inputs
    changed_data = {"data": {"a": base64.b64encode(b"three").decode()}}
    behind_its_back(cluster, f"/api/v1/namespaces/{namespace}/secrets/{name}", changed_data)
    drifted = plugin.read(secret)
    assert drifted is not None
    assert drifted.inputs["stringData"] == {"a": "three", "b": "two"}


def test_credentials_of_an_exec_command_are_fetched_once(cluster: ControlPlane, namespace: str, tmp_path: Path) -> None:
    cluster.webhooks.users["from-exec"] = {"username": "admin", "groups": ["system:masters"]}
    calls, script = tmp_path / "calls", tmp_path / "token.py"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "kind": "ExecCredential",
        "status": {"token": "from-exec", "expirationTimestamp": "2099-01-01T00:00:00Z"},
    }
    script.write_text(f"open({str(calls)!r}, 'a').write('x')\nprint({json.dumps(json.dumps(credential))})\n")
    command = {"apiVersion": credential["apiVersion"], "command": sys.executable, "args": [str(script)]}
    started = KubernetesPlugin({}, {"kubeconfig": cluster.kubeconfig({"exec": command})})
    for _ in range(3):
        made = started.create(CONFIG_MAP, "c", config_map(unique("c"), namespace, a="1"))
        started.delete(made)
    started.close()
    assert calls.read_text() == "x"


@pytest.mark.parametrize(
    ("user", "said"),
    [
        (
            {"exec": {"command": "no-such-command", "installHint": "Install it."}},
            "no-such-command.*on PATH. Install it.",
        ),
        ({"exec": {"command": "sh", "args": ["-c", "echo no profile >&2; exit 3"]}}, "exit status 3: no profile"),
        ({"token": "nobody"}, "Unauthorized"),
    ],
)
def test_credentials_that_do_not_work_are_explained(
    cluster: ControlPlane, namespace: str, user: dict[str, Any], said: str
) -> None:
    started = KubernetesPlugin({}, {"kubeconfig": cluster.kubeconfig(user)})
    with pytest.raises(ProviderError, match=said):
        started.create(CONFIG_MAP, "c", config_map(unique("c"), namespace, a="1"))
    started.close()


def test_a_provider_that_reaches_another_cluster_is_replaced(plugin: KubernetesPlugin, cluster: ControlPlane) -> None:
    here, there = cluster.kubeconfig(), cluster.kubeconfig().replace(cluster.url, "https://127.0.0.1:1")
    assert list(plugin.diff_config({"kubeconfig": here}, {"kubeconfig": there}).replaces) == ["kubeconfig"]
    pinned = plugin.diff_config(
        {"kubeconfig": here, "clusterIdentifier": "a"}, {"kubeconfig": there, "clusterIdentifier": "a"}
    )
    assert not pinned.replaces
    other = plugin.diff_config({"clusterIdentifier": "a"}, {"clusterIdentifier": "b"})
    assert list(other.replaces) == ["clusterIdentifier"]
