"""Kueue, the queues and the tracking server against the genuine API server, with strict field validation."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.kubernetes import crds
from local.kubernetes.api import APPLY, ApiClient, ApiError
from tests.local.control_plane import running_control_plane
from tests.unit.recording import Recording
from tests.unit.test_queues import queues_of_two_teams
from tests.unit.test_tracking_kinds import on_the_cluster

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]
FIRST = ("Namespace", "CustomResourceDefinition")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    with running_control_plane(tmp_path_factory.mktemp("kubernetes")) as running:
        crds.install(running.url, running.files.authority.certificate)
        for item in sorted(objects(queues_of_two_teams()), key=lambda item: item["kind"] not in FIRST):
            apply(running.admin, item)
        yield running.admin


def objects(recording: Recording) -> list[dict[str, Any]]:
    return [
        item.inputs
        for item in recording.registrations
        if item.type.startswith("kubernetes:") and item.custom and "kind" in item.inputs
    ]


def apply(api: ApiClient, item: dict[str, Any]) -> dict[str, Any]:
    metadata = item["metadata"]
    path = api.resource(item["apiVersion"], item["kind"]).path(metadata.get("namespace"), metadata["name"])
    query = {"fieldManager": "test", "fieldValidation": "Strict", "force": "true"}
    return api.request("PATCH", path, query, item, APPLY)


def test_the_api_server_accepts_kueue_and_every_queue(api: ApiClient):
    path = "/apis/kueue.x-k8s.io/v1beta2"
    assert {item["metadata"]["name"] for item in api.get(f"{path}/clusterqueues")["items"]} == {"a", "b"}
    assert [item["metadata"]["name"] for item in api.get(f"{path}/namespaces/a/localqueues")["items"]] == ["default"]
    kinds = {item["kind"] for item in objects(queues_of_two_teams())}
    assert {"MutatingWebhookConfiguration", "Cohort", "ResourceFlavor", "WorkloadPriorityClass", "Deployment"} <= kinds


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cohort": "platform"}, "cohort"),
        ({"cohortName": None}, "borrowingLimit must be nil when cohort is empty"),
        ({"preemption": {"reclaimWithinCohort": "Sometimes"}}, "Sometimes"),
    ],
)
def test_kueues_own_schema_refuses_a_queue_that_is_wrong(api: ApiClient, change: dict[str, Any], said: str):
    (queue,) = [
        item
        for item in objects(queues_of_two_teams())
        if item["kind"] == "ClusterQueue" and item["metadata"]["name"] == "a"
    ]
    spec = {key: value for key, value in {**queue["spec"], **change}.items() if value is not None}
    with pytest.raises(ApiError) as raised:
        apply(api, {**queue, "metadata": {"name": "wrong"}, "spec": spec})
    assert said in raised.value.message


def test_a_flavor_too_many_is_refused_by_the_schema_as_it_is_by_the_settings(api: ApiClient):
    def queue(count: int) -> dict[str, Any]:
        flavors = [
            {"name": f"f{number}", "resources": [{"name": "nvidia.com/gpu", "nominalQuota": "1"}]}
            for number in range(count)
        ]
        group = {"coveredResources": ["nvidia.com/gpu"], "flavors": flavors}
        body = {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "ClusterQueue", "metadata": {"name": "many"}}
        return {**body, "spec": {"cohortName": "platform", "resourceGroups": [group]}}

    apply(api, queue(64))
    with pytest.raises(ApiError, match="64"):
        apply(api, queue(65))


def test_the_api_server_accepts_the_tracking_server(api: ApiClient):
    made = objects(on_the_cluster())
    assert {"IngressClassParams", "IngressClass", "Ingress", "Deployment", "ConfigMap"} <= {x["kind"] for x in made}
    for item in made:
        assert apply(api, item)["metadata"]["name"] == item["metadata"]["name"]
