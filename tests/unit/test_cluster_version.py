"""Which versions a cluster may be brought to by its settings."""

import pulumi
import pytest

from components.cluster import Cluster, ClusterArgs
from components.cluster_version import between, refusal, version_guard
from tests.unit.parts import KEY, PLACEMENT, with_aws
from tests.unit.recording import record

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("running", "wanted"), [("1.34", "1.34"), ("1.34", "1.35"), ("1.99", "1.100")])
def test_a_cluster_keeps_its_version_or_takes_the_next(running: str, wanted: str):
    assert refusal(running, wanted) is None


def test_two_versions_at_once_are_refused_with_the_way_there():
    told = refusal("1.34", "1.37")
    assert told is not None
    assert "runs Kubernetes 1.34, and cluster.version asks for 1.37" in told
    assert 'Set "1.35", then "1.36", then "1.37", with an `up` for each.' in told


@pytest.mark.parametrize("wanted", ["1.33", "1.30"])
def test_a_version_below_the_running_one_is_refused_and_who_can_take_one_back_is_said(wanted: str):
    told = refusal("1.34", wanted)
    assert told is not None
    assert 'Set "1.34"' in told
    assert "rollback-cluster" in told


@pytest.mark.parametrize("version", ["2.1", "1", "1.x", "v1.34", ""])
def test_what_is_no_version_is_an_error(version: str):
    with pytest.raises(ValueError, match="not a Kubernetes version"):
        refusal(version, "1.35")


def test_the_versions_on_the_way_are_those_after_the_running_one():
    assert between("1.33", "1.35") == ["1.34", "1.35"]
    assert between("1.35", "1.35") == between("1.35", "1.34") == []


class Hooked:
    """What the guard gets of the engine about an update."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        made: list[tuple[str, object, pulumi.ResourceHookOptions]] = []
        monkeypatch.setattr(pulumi, "ResourceHook", lambda *given: made.append(given))
        version_guard("cluster")
        [(self.name, self.function, self.options)] = made

    def __call__(self, old: dict[str, object] | None, new: dict[str, object]) -> None:
        self.function(pulumi.ResourceHookArgs("urn", "id", "cluster", "type", new_inputs=new, old_outputs=old))


def test_the_guard_looks_in_a_preview_too(monkeypatch: pytest.MonkeyPatch):
    assert Hooked(monkeypatch).options.on_dry_run


def test_the_guard_ends_an_update_that_skips_a_version(monkeypatch: pytest.MonkeyPatch):
    guard = Hooked(monkeypatch)
    guard({"version": "1.34"}, {"version": "1.35", "name": "groundwork-dev"})
    with pytest.raises(pulumi.RunError, match="one minor version at a time"):
        guard({"version": "1.34"}, {"version": "1.36"})


@pytest.mark.parametrize("old", [None, {}, {"version": None}])
def test_the_guard_leaves_alone_what_has_no_version(old: dict[str, object] | None, monkeypatch: pytest.MonkeyPatch):
    Hooked(monkeypatch)(old, {"version": "1.36"})
    Hooked(monkeypatch)({"version": "1.34"}, {})


def test_the_cluster_is_guarded():
    args = ClusterArgs(
        placement=PLACEMENT,
        version="1.35",
        subnet_ids=["subnet-1", "subnet-2"],
        admin_arns={"platform-admin": "arn:aws:iam::123456789012:role/platform-admin"},
        secrets_key_arn=KEY,
        logs_key_arn=KEY,
        profile="groundwork-dev",
    )
    assert record(lambda: Cluster("cluster", args, with_aws())).hooks == ["cluster-version-guard"]
