"""Every rule lets pass what is right and refuses what is wrong, with a message that says how to mend it."""

import pytest

from policies.rules import RULES
from tests.policy import cases_data, cases_iam, cases_platform
from tests.policy.cases import Case, messages

pytestmark = pytest.mark.policy
CASES = [*cases_iam.CASES, *cases_data.CASES, *cases_platform.CASES]


@pytest.mark.parametrize("case", [case for case in CASES if not case.says], ids=str)
def test_what_is_right_passes(case: Case):
    assert messages(case.rule, case.resources, case.parameters) == []


@pytest.mark.parametrize("case", [case for case in CASES if case.says], ids=str)
def test_what_is_wrong_is_refused_and_the_message_says_why(case: Case):
    found = messages(case.rule, case.resources, case.parameters)
    assert any(case.says in message for message in found), found


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_rule_has_a_case_that_passes_and_one_that_is_refused(rule: str):
    assert {bool(case.says) for case in CASES if case.rule == rule} == {True, False}


@pytest.mark.parametrize("case", [case for case in CASES if case.says], ids=str)
def test_a_refusal_says_what_to_do(case: Case):
    # A second sentence, which begins with what to do.
    verbs = (
        "Set ",
        "Name ",
        "Add ",
        "Give ",
        "Use ",
        "Make ",
        "Hand ",
        "Leave ",
        "Write ",
        "Bind ",
        "Choose ",
        "To mend",
    )
    for message in messages(case.rule, case.resources, case.parameters):
        assert any(f". {verb}" in message for verb in verbs), message


def test_names_of_rules_differ():
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)
