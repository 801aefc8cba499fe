"""The arithmetic of what is whose."""

import pytest

from components.instance_class import instance_class
from components.queue_shares import (
    FLAVORS_IN_A_GROUP,
    ClassQuota,
    InstanceClass,
    TeamShare,
    class_quotas,
    classes_of,
    problems,
    unassigned,
)

pytestmark = pytest.mark.unit
GPU, NEURON = "nvidia.com/gpu", "aws.amazon.com/neuron"
SMALL = InstanceClass(name="g5-g6", resource=GPU, capacity=16, pools=("gpu-small",))
LARGE = InstanceClass(name="p4d-p5", resource=GPU, capacity=16, pools=("gpu-large",))
CHIPS = InstanceClass(name="trn1", resource=NEURON, capacity=32, pools=("chips",))


def share(
    team: str,
    gpus: int = 0,
    neuron: int = 0,
    guaranteed: dict[str, int] | None = None,
    borrow: int | None = None,
    lend: int | None = None,
) -> TeamShare:
    quota = {GPU: gpus, NEURON: neuron}
    return TeamShare(
        team=team, cpus=8, memory_gib=32, quota=quota, guaranteed=guaranteed or {}, borrow=borrow, lend=lend
    )


def test_pools_of_the_same_families_are_one_class_in_whatever_order_they_name_them():
    classes = classes_of(
        [
            ("spot", instance_class(["g6", "g5"]), GPU, 8),
            ("steady", instance_class(["g5", "g6"]), GPU, 4),
            ("big", instance_class(["p5"]), GPU, 16),
        ]
    )
    assert [(one.name, one.capacity, one.pools) for one in classes] == [
        ("g5-g6", 12, ("spot", "steady")),
        ("p5", 16, ("big",)),
    ]


def test_quotas_that_there_is_room_for_are_guaranteed_and_spread_as_the_classes_are():
    quotas = class_quotas([SMALL, LARGE], [share("research", 16), share("ranking", 16)])
    assert quotas["research"] == quotas["ranking"]
    assert {name: quota.nominal for name, quota in quotas["research"].items()} == {"g5-g6": 8, "p4d-p5": 8}


def test_quotas_beyond_what_there_is_are_cut_alike_and_the_rest_is_borrowed():
    quotas = class_quotas([SMALL], [share("a", 16), share("b", 16), share("c", 8)])
    assert {team: quota["g5-g6"].nominal for team, quota in quotas.items()} == {"a": 6, "b": 6, "c": 3}
    assert {team: quota["g5-g6"].borrowing for team, quota in quotas.items()} == {"a": 10, "b": 10, "c": 5}
    assert unassigned([SMALL], quotas) == {"g5-g6": 1}


def test_what_is_guaranteed_is_never_more_than_there_is():
    for count in range(1, 40):
        for quota in (1, 3, 16):
            quotas = class_quotas([SMALL, LARGE], [share(f"t{number}", quota) for number in range(count)])
            assert min(unassigned([SMALL, LARGE], quotas).values()) >= 0


def test_a_team_with_a_guarantee_of_its_own_gets_that_and_the_others_share_what_is_left():
    quotas = class_quotas([SMALL, LARGE], [share("a", 16, guaranteed={"p4d-p5": 12}), share("b", 16), share("c", 16)])
    assert quotas["a"] == {"g5-g6": ClassQuota(0, 16), "p4d-p5": ClassQuota(12, 4)}
    assert quotas["b"]["g5-g6"].nominal == 16 * 16 // 32
    assert quotas["b"]["p4d-p5"].nominal == 4 * 16 // 32


def test_a_limit_on_borrowing_and_lending_is_kept():
    quotas = class_quotas([SMALL], [share("a", 16, borrow=0, lend=2), share("b", 16)])
    assert quotas["a"]["g5-g6"] == ClassQuota(8, 0, 2)
    assert quotas["b"]["g5-g6"] == ClassQuota(8, 8, None)


def test_a_team_without_a_quota_of_a_resource_is_in_none_of_its_classes():
    assert class_quotas([SMALL, CHIPS], [share("a", 4)])["a"].keys() == {"g5-g6"}
    assert class_quotas([SMALL, CHIPS], [share("a", neuron=4)])["a"].keys() == {"trn1"}


def test_more_classes_than_kueue_takes_are_refused_with_the_arithmetic():
    classes = [InstanceClass(name=f"c{number}", resource=GPU, capacity=1) for number in range(FLAVORS_IN_A_GROUP + 1)]
    ((team, _, value, message),) = problems(classes, [])
    assert (team, value) == ("", 65)
    assert "65 > 64" in message
    assert not list(problems(classes[:-1], []))


def test_classes_of_different_resources_are_counted_apart():
    classes = [InstanceClass(name=f"g{number}", resource=GPU, capacity=1) for number in range(FLAVORS_IN_A_GROUP)]
    chips = [InstanceClass(name=f"n{number}", resource=NEURON, capacity=1) for number in range(FLAVORS_IN_A_GROUP)]
    assert not list(problems([*classes, *chips], []))


@pytest.mark.parametrize(
    ("shares", "team", "key", "said"),
    [
        ([share("a", 8, guaranteed={"h100": 8})], "a", "queue.guaranteed", "g5-g6, p4d-p5"),
        ([share("a", 8, guaranteed={"g5-g6": 6, "p4d-p5": 4})], "a", "queue.guaranteed", "6 + 4 = 10"),
        (
            [share("a", 16, guaranteed={"p4d-p5": 12}), share("b", 16, guaranteed={"p4d-p5": 8})],
            "b",
            "queue.guaranteed.p4d-p5",
            "12 (a) + 8 (b) = 20 > 16, which is all that the pools gpu-large ever hold",
        ),
    ],
)
def test_a_guarantee_that_cannot_be_kept_is_refused_with_the_arithmetic(
    shares: list[TeamShare], team: str, key: str, said: str
):
    found = list(problems([SMALL, LARGE], shares))
    assert [(one[0], one[1]) for one in found] == [(team, key)]
    assert said in found[0][3]
    with pytest.raises(ValueError, match=r"queue\.guaranteed"):
        class_quotas([SMALL, LARGE], shares)
