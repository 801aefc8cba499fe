"""Edits of a settings file: what is asked for changes, and every other character stays."""

import difflib

import pytest
import yaml

from operations.yaml_edit import flow, value_at, with_entry, with_value, without
from operations.yaml_lines import NotEditableError
from tests.unit.shipped import ROOT

pytestmark = pytest.mark.unit
TEAMS = ("config", "groundwork:teams")
BUDGETS = ("config", "groundwork:guardrails", "budget", "teams")


def changed(before: str, after: str) -> list[str]:
    """The lines that differ, with their sign."""
    told = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in told if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize("environment", ["local", "dev", "prod"])
def test_a_team_comes_into_a_shipped_file_by_its_own_lines_and_goes_again_without_a_trace(environment: str):
    before = (ROOT / f"Pulumi.{environment}.yaml").read_text()
    entry = {"name": "newcomers", "members": ["role/new-people"], "quota": {"cpus": 8, "gpus": 1}}
    added = with_entry(before, TEAMS, entry)
    assert changed(before, added) == [
        "+    - name: newcomers",
        "+      members: [role/new-people]",
        "+      quota: {cpus: 8, gpus: 1}",
    ]
    with_budget = with_value(added, (*BUDGETS, "newcomers"), 50)
    (gone, came) = changed(added, with_budget)
    assert came == gone.replace("-", "+", 1).replace("}}", ", newcomers: 50}}")
    index = len(yaml.safe_load(before)["config"]["groundwork:teams"])
    assert without(without(with_budget, (*BUDGETS, "newcomers")), (*TEAMS, index)) == before


def test_one_number_changes_and_the_comment_beside_it_stays():
    before = "a:\n  # about x\n  x: 1   # one\n  y: {p: 1, q: 2}  # two\n"
    assert changed(before, with_value(before, ("a", "x"), 7)) == ["-  x: 1   # one", "+  x: 7   # one"]
    assert changed(before, with_value(before, ("a", "y", "q"), 7))[1] == "+  y: {p: 1, q: 7}  # two"
    assert changed(before, with_value(before, ("a", "y", "r"), [1]))[1] == "+  y: {p: 1, q: 2, r: [1]}  # two"
    assert changed(before, with_value(before, ("a", "z", "deep"), True)) == ["+  z: {deep: true}"]


def test_an_entry_goes_with_its_own_lines_wherever_it_stands():
    text = "l:\n  # first\n  - name: a\n    v: [1]\n\n  - name: b   # b's\n    v: 2\n  - {name: c}\n# end\n"
    for index, name in enumerate("abc"):
        left = without(text, ("l", index))
        assert [each["name"] for each in yaml.safe_load(left)["l"]] == [each for each in "abc" if each != name]
        assert left.endswith("# end\n")
        assert len(changed(text, left)) == (1 if name == "c" else 2)
    assert "# first" in without(text, ("l", 1))


def test_the_last_entry_leaves_an_empty_list_and_a_list_without_any_takes_one():
    text = "config:\n  l:\n    - name: a\n  m: 1\n"
    empty = without(text, ("config", "l", 0))
    assert empty == "config:\n  l: []\n  m: 1\n"
    assert with_entry(empty, ("config", "l"), {"name": "a"}) == text


def test_keys_go_from_mappings_of_either_kind():
    text = "a:\n  - x: 1\n    y: {p: 1, q: 2}\n    z:\n      - s\n      - t\nb: 1\n"
    assert yaml.safe_load(without(text, ("a", 0, "x"))) == {"a": [{"y": {"p": 1, "q": 2}, "z": ["s", "t"]}], "b": 1}
    assert changed(text, without(text, ("a", 0, "y", "p")))[1] == "+    y: {q: 2}"
    assert changed(text, without(text, ("a", 0, "y", "q")))[1] == "+    y: {p: 1}"
    assert changed(text, without(text, ("a", 0, "z"))) == ["-    z:", "-      - s", "-      - t"]


def test_a_block_is_replaced_on_the_line_of_its_key():
    text = "a:\n  z:\n    - s\n    - t   # t\n  y: 1\n"
    assert with_value(text, ("a", "z"), ["u"]) == "a:\n  z: [u]   # t\n  y: 1\n"
    assert with_value("a:\n  q:\n  y: 1\n", ("a", "q", "gpus"), 2) == "a:\n  q: {gpus: 2}\n  y: 1\n"


def test_words_that_yaml_would_take_for_something_else_are_quoted():
    for word in ("yes", "012", "a: b", "# c", "1e3", "null", "- d", "{e}", "f, g]"):
        assert value_at(with_value("a: {b: 1}\n", ("a", "b"), word), ("a", "b")) == word
        assert yaml.safe_load(flow([word])) == [word]


@pytest.mark.parametrize("text", ["a: &x {b: 1}\nc: *x\n", "a: 1\n", "- a\n", "a: [unclosed"])
def test_what_cannot_be_edited_is_refused(text: str):
    with pytest.raises(NotEditableError):
        with_value(text, ("a", "b"), 2)


def test_a_file_without_a_line_end_gets_one():
    assert with_entry("l:\n  - {a: 1}", ("l",), {"a": 2}) == "l:\n  - {a: 1}\n  - a: 2\n"
