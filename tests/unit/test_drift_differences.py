"""What differs between two states, by path, and that no secret is in it."""

import json
from typing import Any

import pytest

from operations.differences import (
    HIDDEN,
    SECRET_SIGNATURE,
    SIGNATURE_KEY,
    Difference,
    differences,
    property_path,
    shown_path,
)

pytestmark = pytest.mark.unit
SECRET = {SIGNATURE_KEY: SECRET_SIGNATURE, "ciphertext": HIDDEN}
INPUT = {"diffKind": "update", "inputDiff": True}


def state(inputs: dict[str, Any], outputs: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"inputs": inputs, "outputs": inputs if outputs is None else outputs}


def found(old: dict[str, Any], new: dict[str, Any], *paths: str, **more: Any) -> list[Difference]:
    return differences(old, new, dict.fromkeys(paths, INPUT), **more)


def lines(all_: list[Difference]) -> list[tuple[str, str, Any, Any]]:
    return [(each.path, each.kind, each.recorded, each.actual) for each in all_]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("tags", ("tags",)),
        ("tags.owner", ("tags", "owner")),
        ('tags["groundwork:team"]', ("tags", "groundwork:team")),
        ("rules[0].ports[12]", ("rules", 0, "ports", 12)),
        ('a["say \\"x\\""].b', ("a", 'say "x"', "b")),
    ],
)
def test_a_path_is_read_and_written_as_the_engine_does(text: str, steps: tuple[str | int, ...]):
    assert property_path(text) == steps
    assert shown_path(steps) == text


def test_a_path_that_cannot_be_read_is_a_name():
    assert property_path('a["b') == ('a["b',)


def test_what_was_changed_added_and_removed_is_told_by_path():
    old = state({"tags": {"owner": "ml", "stage": "dev"}, "days": 7})
    new = state({"tags": {"owner": "me", "note": "x"}, "days": 7})
    assert lines(found(old, new, "tags.owner", "tags.stage", "tags.note")) == [
        ("tags.note", "added", None, "x"),
        ("tags.owner", "changed", "ml", "me"),
        ("tags.stage", "removed", "dev", None),
    ]


def test_a_property_that_the_engine_names_as_a_whole_is_followed_to_its_leaves():
    old, new = state({"rule": {"days": 7, "on": True}}), state({"rule": {"days": 1, "on": True}})
    assert lines(found(old, new, "rule")) == [("rule.days", "changed", 7, 1)]


def test_a_difference_of_the_state_is_looked_up_in_the_outputs():
    old, new = state({}, {"size": 1}), state({}, {"size": 3})
    assert lines(differences(old, new, {"size": {"inputDiff": False}})) == [("size", "changed", 1, 3)]


def test_without_the_engines_detail_the_inputs_are_compared_and_then_the_outputs_that_it_names():
    assert lines(differences(state({"a": 1, "b": 2}), state({"a": 1, "b": 3}), None)) == [("b", "changed", 2, 3)]
    old, new = state({"a": 1}, {"etag": "x", "b": 1}), state({"a": 1}, {"etag": "y", "b": 2})
    assert lines(differences(old, new, None, ["b"])) == [("b", "changed", 1, 2)]


def test_inside_a_policy_the_statement_that_changed_is_named():
    def policy(*statements: dict[str, str]) -> dict[str, Any]:
        return state({"policy": json.dumps({"Version": "2012-10-17", "Statement": list(statements)})})

    deny, allow = {"Sid": "Tls", "Effect": "Deny"}, {"Sid": "Tls", "Effect": "Allow"}
    assert lines(found(policy(deny), policy(allow), "policy")) == [
        ("policy → Statement[0].Effect", "changed", "Deny", "Allow")
    ]
    assert lines(found(policy(deny), policy(deny, allow), "policy")) == [
        ("policy → Statement[1]", "added", None, allow)
    ]


def test_the_same_document_in_other_words_is_still_a_difference():
    old, new = state({"policy": '{"a":1}'}), state({"policy": '{"a": 1}'})
    assert lines(found(old, new, "policy")) == [("policy", "changed", '{"a":1}', '{"a": 1}')]


def test_a_path_that_leads_nowhere_is_named_without_values():
    assert lines(found(state({}), state({}), "x.y")) == [("x.y", "changed", None, None)]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (state({"value": SECRET}), state({"value": SECRET}), "value"),
        # A provider reads the value without the mark that the program's own has.
        (state({"value": SECRET}), state({"value": "opened"}), "value"),
        (state({"value": "opened"}), state({"value": SECRET}), "value"),
        (state({"value": "opened"}, {"value": SECRET}), state({"value": "opened2"}, {"value": "opened2"}), "value"),
        (state({"env": SECRET}), state({"env": {"PASSWORD": "opened"}}), "env.PASSWORD"),
        (state({"env": {"PASSWORD": SECRET}}), state({"env": {"PASSWORD": "opened"}}), "env"),
        (state({"users": [{"p": SECRET}]}), state({"users": [{"p": "opened"}, {"p": "opened"}]}), "users"),
        (state({"users": [{"p": SECRET}]}), state({"users": [{"p": "opened"}]}), "users"),
    ],
)
def test_a_secret_is_named_and_never_shown(old: dict[str, Any], new: dict[str, Any], path: str):
    all_ = found(old, new, path)
    assert all_, "the difference itself must be told"
    assert "opened" not in repr(all_)
    assert {(each.recorded, each.actual) for each in all_} == {(HIDDEN, HIDDEN)}


def test_a_secret_that_nobody_says_has_changed_is_left_out():
    old = state({"password": SECRET, "size": 1})
    assert lines(differences(old, state({"password": SECRET, "size": 2}), None)) == [("size", "changed", 1, 2)]


def test_a_secret_beside_what_changed_is_left_out():
    old, new = state({"env": {"KEY": SECRET, "A": "1"}}), state({"env": {"KEY": SECRET, "A": "2"}})
    assert lines(found(old, new, "env")) == [("env.A", "changed", "1", "2")]


def test_a_file_is_told_by_its_hash():
    old, new = ({SIGNATURE_KEY: "0def7320c3a5731c473e5ecbe6d01bc7", "hash": value * 64} for value in "ab")
    assert lines(found(state({"code": old}), state({"code": new}), "code")) == [
        ("code", "changed", "[file aaaaaaaaaaaa]", "[file bbbbbbbbbbbb]")
    ]
