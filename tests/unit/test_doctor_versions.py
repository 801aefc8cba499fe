"""What the doctor says about a cluster's versions."""

from typing import Any

import pytest

from operations.doctor.finding import Level
from operations.doctor.versions import check_versions
from tests.unit.doctor_fakes import one, refused, subject

pytestmark = pytest.mark.unit


def eks(running: str, **more: Any) -> dict[str, Any]:
    """EKS with a cluster without add-ons and node groups."""
    return {
        "describe_cluster": {"cluster": {"version": running}},
        "list_nodegroups": {"nodegroups": []},
        "list_addons": {"addons": []},
        "describe_cluster_versions": lambda clusterVersions, **_: {  # noqa: N803
            "clusterVersions": [{"clusterVersion": each} for each in clusterVersions]
        },
        "list_insights": {"insights": []},
        **more,
    }


def wanting(version: str, answers: dict[str, Any]) -> Any:
    return check_versions(subject(change={"cluster": {"version": version}}, eks=answers))


@pytest.mark.parametrize(
    ("wanted", "told"),
    [("1.35", "the cluster runs Kubernetes 1.35"), ("1.36", "runs Kubernetes 1.35, and EKS would take 1.36")],
)
def test_the_running_version_and_the_next_are_well(wanted: str, told: str):
    found = one(wanting(wanted, eks("1.35")))
    assert found.level is Level.OK
    assert told in found.text


@pytest.mark.parametrize(
    ("wanted", "why"), [("1.37", 'Set "1.36", then "1.37"'), ("1.34", "settings only lead forward")]
)
def test_up_would_not_succeed_with_a_version_that_eks_refuses(wanted: str, why: str):
    found = one(wanting(wanted, eks("1.35")))
    assert found.level is Level.FAILURE
    assert why in found.text
    assert found.mend


def test_what_could_not_be_asked_is_a_warning_beside_the_answer():
    warned, well = wanting("1.35", eks("1.35", list_addons=refused("AccessDeniedException", "ListAddons")))
    assert warned.level is Level.WARNING
    assert "ListAddons answered AccessDeniedException" in warned.text
    assert well.level is Level.OK


def test_nothing_is_said_before_there_is_a_cluster():
    assert list(wanting("1.35", {"describe_cluster": refused("ResourceNotFoundException")})) == []


def test_the_versions_of_an_existing_cluster_are_its_owners():
    settings = {
        "cluster": {"existing": {"name": "shared"}},
        "network": {"existing": {"vpcId": "vpc-0a1b2c3d", "privateSubnetIds": ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]}},
    }
    answers = {"describe_cluster": {"cluster": {"version": "1.30"}}}
    assert list(check_versions(subject(instead=settings, eks=answers))) == []
