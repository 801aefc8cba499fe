"""In which order versions change, and what does not go."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from operations.upgrade.found import (
    AddonOffer,
    Cluster,
    Insight,
    Provider,
    recorded_engine,
    recorded_providers,
    running_cluster,
)
from operations.upgrade.plan import Plan, Wanted, plan
from operations.upgrade_command import render

pytestmark = pytest.mark.unit
TODAY = date(2026, 11, 21)


def planned(
    cluster: Cluster | None = None,
    version: str | None = "1.35",
    addons: dict[str, str] | None = None,
    engine: str | None = "3.259.0",
    providers: tuple[Provider, ...] = (),
) -> Plan:
    wanted = Wanted(environment="dev", engine="3.259.0", version=version, addons=addons or {}, auto_hours=336)
    return plan(wanted, engine, providers, cluster, TODAY)


def cluster(running: str = "1.34", next_version: str = "1.35", **more: Any) -> Cluster:
    return Cluster(name="groundwork-dev", version=running, next_version=next_version, **more)


def changes(found: Plan) -> list[tuple[str, str, str]]:
    return [(step.what, step.now, step.wanted) for step in found.steps if not step.done]


def test_engine_and_providers_come_first_then_control_plane_addons_and_nodes():
    running = cluster(
        addons={"kube-proxy": "v1.34.1", "coredns": "v1.11.0"},
        node_groups={"slices": "1.34"},
        offers={
            "kube-proxy": AddonOffer("v1.35.0", ("v1.35.0",)),
            "coredns": AddonOffer("v1.12.0", ("v1.12.0", "v1.11.0")),
        },
    )
    found = planned(
        running,
        addons={"kube-proxy": "v1.35.0"},
        engine="3.250.0",
        providers=(Provider("aws", "7.50.0", "7.51.1"), Provider("kubernetes", "4.34.2", "4.34.2")),
    )
    assert changes(found) == [
        ("engine", "3.250.0", "3.259.0"),
        ("provider aws", "7.50.0", "7.51.1"),
        ("control plane", "1.34", "1.35"),
        ("add-on coredns", "v1.11.0", "v1.12.0"),
        ("add-on kube-proxy", "v1.34.1", "v1.35.0"),
        ("nodes of slices", "1.34", "1.35"),
    ]
    assert found.refusals == []
    [together] = [note for note in found.notes if note.what == "order"]
    assert 'set cluster.version to "1.34" for an `up` of its own' in together.mend


def test_a_skipped_version_is_refused_and_the_steps_show_the_way():
    running = cluster(node_groups={"slices": "1.34"}, addons={"kube-proxy": "v1.34.1"})
    found = planned(running, version="1.36")
    assert [each.text for each in found.refusals] == [
        "the cluster runs Kubernetes 1.34, and cluster.version asks for 1.36: EKS takes one minor version at a time. "
        'Set "1.35", then "1.36", with an `up` for each.'
    ]
    assert [(what, wanted) for what, _, wanted in changes(found) if what != "add-on kube-proxy"] == [
        ("control plane", "1.35"),
        ("nodes of slices", "1.35"),
        ("control plane", "1.36"),
        ("nodes of slices", "1.36"),
    ]


def test_a_version_below_the_running_one_is_refused():
    found = planned(cluster("1.36", "1.36"), version="1.35")
    [refused] = found.refusals
    assert "settings only lead forward" in refused.text


def test_nodes_that_have_not_followed_yet_keep_the_control_plane_where_it_is():
    found = planned(cluster(node_groups={"slices": "1.33", "ranks": "1.34"}))
    [refused] = found.refusals
    assert refused.what == "nodes of slices"
    assert 'set cluster.version to "1.34" and run `up` first' in refused.mend
    # With the running version wanted, nothing is in their way.
    found = planned(cluster("1.34", "1.34", node_groups={"slices": "1.33"}), version="1.34")
    assert found.refusals == []
    assert changes(found) == [("nodes of slices", "1.33", "1.34")]


def test_nodes_newer_than_the_control_plane_are_told():
    found = planned(cluster("1.34", "1.34", node_groups={"slices": "1.35"}), version="1.34")
    [refused] = found.refusals
    assert "newer than the control plane's 1.34" in refused.text


@pytest.mark.parametrize("kept", [{}, {"coredns": "v1.11.0"}], ids=["EKS chose it", "settings keep it"])
def test_an_addon_that_does_not_go_with_the_next_version_is_refused_with_one_that_does(kept: dict[str, str]):
    offers = {"coredns": AddonOffer("v1.12.0", ("v1.12.1", "v1.12.0"))}
    found = planned(cluster(addons={"coredns": "v1.11.0"}, offers=offers), addons=kept)
    [refused] = found.refusals
    assert refused.what == "add-on coredns"
    assert refused.text == "v1.11.0 does not go with Kubernetes 1.35"
    assert refused.mend == 'cluster.addonVersions: {coredns: "v1.12.0"}'
    assert planned(cluster(addons={"coredns": "v1.11.0"}, offers=offers), addons={"coredns": "v1.12.1"}).refusals == []


def test_a_version_that_eks_does_not_have_and_an_error_among_its_insights_are_refused():
    running = cluster(
        offered={"1.35": False},
        insights=[
            Insight("Deprecated APIs removed in 1.35", "ERROR", "3 clients still ask"),
            Insight("Nodes", "WARNING", "old"),
        ],
    )
    found = planned(running)
    assert [each.text for each in found.refusals] == [
        "EKS has no Kubernetes 1.35 in this region",
        "EKS's insight 'Deprecated APIs removed in 1.35': 3 clients still ask",
    ]
    assert "EKS's insight 'Nodes': old" in [note.text for note in found.notes]


def test_tools_that_are_older_than_the_state_are_refused_and_a_new_major_is_noted():
    found = planned(
        engine="3.260.0", providers=(Provider("aws", "6.80.0", "7.51.1"), Provider("kubernetes", "5.0.0", "4.34.2"))
    )
    assert [each.what for each in found.refusals] == ["engine", "provider kubernetes"]
    [note] = found.notes
    assert "6.80.0 to 7.51.1 is a new major version" in note.text


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"support": "EXTENDED_SUPPORT", "support_ends": date(2026, 7, 1)}, "no standard support any more"),
        ({"support": "STANDARD_SUPPORT", "support_ends": date(2026, 12, 24)}, "ends on 2026-12-24"),
        ({"support": "STANDARD_SUPPORT", "support_ends": date(2027, 12, 24)}, ""),
        ({"unseen": ("DescribeClusterVersions answered AccessDeniedException",)}, "not looked at: Describe"),
    ],
)
def test_the_end_of_a_versions_support_is_told_in_time(more: dict[str, Any], told: str):
    notes = [note.text for note in planned(cluster("1.34", "1.34", **more), version="1.34").notes]
    assert [told in note for note in notes] == ([True] if told else [])


def test_a_cluster_of_somebody_else_and_one_that_is_not_there_yet_take_no_steps():
    assert changes(planned(None)) == []
    assert changes(planned(cluster(), version=None)) == []
    assert "nothing is up yet" in render("dev", planned(None, engine=None))


def test_a_person_reads_steps_in_order_then_notes_then_what_stands_in_the_way():
    text = render("dev", planned(cluster(node_groups={"slices": "1.34"}), version="1.36"))
    lines = text.splitlines()
    assert lines[0] == "dev:"
    assert lines[1].split() == ["✓", "engine", "3.259.0"]
    assert lines[2].split()[:6] == ["1", "control", "plane", "1.34", "→", "1.35"]
    assert lines[-1] == "This does not go: 1 thing in the way."
    assert "they follow by themselves" in text
    assert render("dev", planned(cluster("1.35", "1.35"))).endswith("Everything runs what is wanted.")


class Eks:
    """EKS's answers; `denied` operations are refused."""

    def __init__(self, denied: tuple[str, ...] = ()):
        self.denied = denied

    def describe_cluster(self, name: str) -> dict[str, Any]:
        if name != "groundwork-dev":
            raise error("ResourceNotFoundException", "DescribeCluster")
        return {"cluster": {"version": "1.34"}}

    def describe_nodegroup(self, clusterName: str, nodegroupName: str) -> dict[str, Any]:  # noqa: N803
        return {"nodegroup": {"version": "1.34"}}

    def describe_addon(self, clusterName: str, addonName: str) -> dict[str, Any]:  # noqa: N803
        return {"addon": {"addonVersion": "v1.11.0"}}

    def get_paginator(self, operation: str) -> "Pages":
        return Pages(self, operation)


class Pages:
    def __init__(self, eks: Eks, operation: str):
        self.eks, self.operation = eks, operation

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        if self.operation in self.eks.denied:
            raise error("AccessDeniedException", self.operation)
        if self.operation == "list_nodegroups":
            return [{"nodegroups": ["slices"]}, {"nodegroups": ["ranks"]}]
        if self.operation == "list_addons":
            return [{"addons": ["coredns"]}]
        if self.operation == "describe_cluster_versions":
            assert asked["clusterVersions"] == ["1.34", "1.35", "1.36"]
            ends = datetime(2026, 12, 2, tzinfo=UTC)
            running = {"clusterVersion": "1.34", "versionStatus": "STANDARD_SUPPORT", "endOfStandardSupportDate": ends}
            return [{"clusterVersions": [running, {"clusterVersion": "1.35"}]}]
        if self.operation == "describe_addon_versions":
            assert asked == {"addonName": "coredns", "kubernetesVersion": "1.35"}
            fits = [{"clusterVersion": "1.35", "defaultVersion": True}]
            other = [{"clusterVersion": "1.34", "defaultVersion": True}]
            told = [
                {"addonVersion": "v1.12.0", "compatibilities": fits},
                {"addonVersion": "v1.11.0", "compatibilities": other},
            ]
            return [{"addons": [{"addonVersions": told}]}]
        assert self.operation == "list_insights"
        return [{"insights": [{"name": "Deprecated APIs", "insightStatus": {"status": "WARNING", "reason": "one"}}]}]


def error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


def test_eks_is_asked_for_the_running_versions_and_for_the_way_to_the_wanted_one():
    found = running_cluster(Eks(), "groundwork-dev", "1.36")
    assert found is not None
    assert (found.version, found.next_version) == ("1.34", "1.35")
    assert found.node_groups == {"slices": "1.34", "ranks": "1.34"}
    assert found.addons == {"coredns": "v1.11.0"}
    assert found.offers == {"coredns": AddonOffer("v1.12.0", ("v1.12.0",))}
    assert found.offered == {"1.35": True, "1.36": False}
    assert found.support_ends == date(2026, 12, 2)
    assert [insight.name for insight in found.insights] == ["Deprecated APIs"]
    assert found.unseen == ()


def test_what_eks_does_not_let_one_ask_is_said_and_the_rest_is_told():
    found = running_cluster(Eks(("describe_cluster_versions", "list_insights")), "groundwork-dev", "1.36")
    assert found is not None
    assert found.unseen == (
        "DescribeClusterVersions answered AccessDeniedException",
        "ListInsights answered AccessDeniedException",
    )
    assert found.offered == {}
    assert found.addons == {"coredns": "v1.11.0"}


def test_a_cluster_that_is_not_there_is_none():
    assert running_cluster(Eks(), "groundwork-other", "1.36") is None


def test_the_state_says_which_engine_and_providers_wrote_it():
    state = {
        "manifest": {"version": "v3.250.1"},
        "resources": [
            {"type": "pulumi:pulumi:Stack"},
            {"type": "pulumi:providers:aws", "inputs": {"version": "7.50.0"}},
            {"type": "pulumi:providers:kubernetes", "inputs": {"version": "4.30.0"}},
            {"type": "pulumi:providers:random", "inputs": {"version": "1.0.0"}},
        ],
    }
    assert recorded_engine(state) == "3.250.1"
    assert [(each.name, each.recorded) for each in recorded_providers(state)] == [
        ("aws", "7.50.0"),
        ("kubernetes", "4.30.0"),
    ]
    assert recorded_engine({}) is None
    assert recorded_providers({}) == []
