"""What an upgrade's steps take away, and how the changelog announces it."""

from typing import Any

import pytest

from tests.checkout import SOURCE
from tests.engine.older_program import starts
from tests.upgrades import Announcement, announcements, losses, missing, moves, unannounced

pytestmark = pytest.mark.unit

BUCKET = "urn:pulumi:local::groundwork::groundwork:storage:ArtifactStore$aws:s3/bucket:Bucket::store-data"
RULE = "urn:pulumi:local::groundwork::groundwork:ml:Team$aws:iam/rolePolicy:RolePolicy::team-research-policy"
NAMESPACE = "urn:pulumi:local::groundwork::groundwork:ml:Team$kubernetes:core/v1:Namespace::team-research"
REPLACES = "- Replaces `aws:s3/bucket:Bucket` `store-*`: its name is longer; copy the objects first"


def step(op: str, urn: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "urn": urn, **more}


def state(type_: str, **more: Any) -> dict[str, Any]:
    return {"type": type_, **more}


def test_the_changelog_names_what_it_replaces_and_deletes():
    text = f"## Unreleased\n{REPLACES}\n- Deletes `aws:kms/key:Key` `keys-old`: nothing uses it\n- Other things.\n"
    assert announcements(text) == {
        Announcement("Replaces", "aws:s3/bucket:Bucket", "store-*"),
        Announcement("Deletes", "aws:kms/key:Key", "keys-old"),
    }


@pytest.mark.parametrize(
    "line",
    [
        "- Replaces the bucket of the data",
        "- replaces `aws:s3/bucket:Bucket` `store-data`: in small letters",
        "- Deletes `aws:s3/bucket:Bucket`: which one?",
        "- Deletes `aws:s3/bucket:Bucket` `store-data`:",
        "  - Replaces `aws:s3/bucket:Bucket` `store-data`: below another line",
    ],
)
def test_a_line_that_is_nearly_an_announcement_is_an_error_with_its_number_and_the_form(line: str):
    with pytest.raises(ValueError, match=r"CHANGELOG.md:2 .*- Replaces `aws:s3/bucket:Bucket` `store-artifacts`"):
        announcements(f"# Changelog\n{line}\n")


def test_this_changelog_reads():
    announcements((SOURCE / "CHANGELOG.md").read_text())


def test_the_commits_that_upgrades_start_from_are_named_whole_with_a_reason():
    assert all(start.why for start in starts())
    assert starts()[0].environment == "local"


def test_a_replacement_is_told_once_with_the_property_that_causes_it():
    steps = [
        step("create-replacement", BUCKET, replaceReasons=["bucket"]),
        step("replace", BUCKET),
        step("delete-replaced", BUCKET),
        step("update", RULE),
        step("same", NAMESPACE),
    ]
    [loss] = losses(steps)
    assert (loss.verb, loss.name, loss.because) == ("Replaces", "store-data", ("bucket",))
    assert "the objects in it" in str(loss)


def test_only_what_holds_something_must_be_announced():
    lost = losses([step("delete", BUCKET), step("delete", RULE), step("replace", NAMESPACE)])
    assert {loss.name for loss in lost} == {"store-data", "team-research-policy", "team-research"}
    assert [loss.name for loss in unannounced(lost, ())] == ["store-data", "team-research"]


def test_an_announced_replacement_does_not_excuse_a_deletion():
    announced = announcements(REPLACES)
    assert unannounced(losses([step("replace", BUCKET)]), announced) == []
    assert len(unannounced(losses([step("delete", BUCKET)]), announced)) == 1


@pytest.mark.parametrize("op", ["delete", "discard", "delete-replaced", "discard-replaced", "something-new"])
def test_an_operation_that_is_not_known_to_keep_a_thing_loses_it(op: str):
    assert len(losses([step(op, BUCKET)])) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            state("aws:s3/bucket:Bucket", id="data-1", inputs={"bucket": "data-1"}),
            state("aws:s3/bucket:Bucket", inputs={"bucket": "data-1", "forceDestroy": True}),
        ),
        (
            state("kubernetes:core/v1:Namespace", id="research", inputs={"metadata": {"name": "research"}}),
            state("kubernetes:core/v1:Namespace", inputs={"metadata": {"name": "research", "labels": {"a": "b"}}}),
        ),
        (
            state("kubernetes:core/v1:Secret", id="research/key", inputs={}),
            state("kubernetes:core/v1:Secret", inputs={"metadata": {"name": "key", "namespace": "research"}}),
        ),
        (
            state("aws:ec2/vpc:Vpc", id="vpc-1", inputs={"cidrBlock": "10.0.0.0/16"}),
            state("aws:ec2/vpc:Vpc", inputs={"cidrBlock": "10.0.0.0/16"}),
        ),
    ],
)
def test_a_thing_under_another_name_without_an_alias_is_found(before: dict[str, Any], after: dict[str, Any]):
    steps = [step("delete", BUCKET, oldState=before), step("create", f"{BUCKET}-renamed", newState=after)]
    [move] = moves(steps)
    assert (move.before, move.after) == (BUCKET, f"{BUCKET}-renamed")


def test_what_goes_and_what_comes_may_be_of_one_kind():
    before = state("aws:s3/bucket:Bucket", id="data-1", inputs={"bucket": "data-1"})
    after = state("aws:s3/bucket:Bucket", inputs={"bucket": "other-2"})
    assert moves([step("delete", BUCKET, oldState=before), step("create", RULE, newState=after)]) == []


def test_a_thing_that_was_made_again_under_its_old_name_is_missed():
    bucket = {"urn": BUCKET, "type": "aws:s3/bucket:Bucket", "id": "data", "created": "2026-11-01T10:00:00Z"}
    moved = {**bucket, "urn": f"{BUCKET}-renamed"}
    anew = {**bucket, "created": "2026-11-21T10:00:00Z"}
    assert missing([bucket], [moved]) == []
    assert missing([bucket], [anew]) == [BUCKET]
    assert missing([bucket], []) == [BUCKET]
    assert missing([bucket], [], announcements(REPLACES)) == []
