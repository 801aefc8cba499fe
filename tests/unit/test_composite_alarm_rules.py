"""Rules of composite alarms as the local AWS server reads them."""

import pytest

from local.aws_server.alarms.rule import RuleError, alarms_of, evaluate

pytestmark = pytest.mark.unit
STATES = {"up": "OK", "down": "ALARM", "new": "INSUFFICIENT_DATA"}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("ALARM(down)", True),
        ('ALARM("up")', False),
        ("NOT ALARM(up)", True),
        ("ALARM(down) AND OK(up)", True),
        ("ALARM(up) AND ALARM(down) OR INSUFFICIENT_DATA(new)", True),
        ("ALARM(up) AND (ALARM(down) OR INSUFFICIENT_DATA(new))", False),
        ("NOT (ALARM(up) OR FALSE)", True),
        ("TRUE", True),
        ('ALARM("arn:aws:cloudwatch:us-east-1:123456789012:alarm:down")', True),
    ],
)
def test_a_rule_holds_by_the_states_of_its_alarms(rule: str, holds: bool):
    assert evaluate(rule, STATES.__getitem__) is holds


@pytest.mark.parametrize("rule", ["", "ALARM(a", "ALARM(a) AND", "ALARM(a) ALARM(b)", "(ALARM(a)", "AND ALARM(a)", "a"])
def test_what_is_no_rule_is_an_error(rule: str):
    with pytest.raises(RuleError):
        evaluate(rule, lambda _: "OK")


def test_a_rule_names_its_alarms_even_where_they_do_not_decide():
    assert alarms_of('TRUE OR ALARM("a b") AND NOT OK(c)') == {"a b", "c"}
