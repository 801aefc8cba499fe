"""The IAM policy evaluator, by the rules of the policy reference."""

from typing import Any

import pytest

from local.aws_server.iam_policy import Policy, evaluate, parse, wildcard

pytestmark = pytest.mark.unit


def policy(*statements: dict[str, Any], name: str = "p") -> Policy:
    return Policy(name, "role", {"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def decide(
    *statements: dict[str, Any], action: str = "s3:GetObject", on: str = "arn:aws:s3:::b/k", **context: str
) -> str:
    keys = {name.replace("__", ":").lower(): [value] for name, value in context.items()}
    return evaluate(action, on, keys, [policy(*statements)]).decision


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        ([], "implicitDeny"),
        ([allow("s3:*")], "allowed"),
        ([allow("S3:getobject")], "allowed"),
        ([allow("s3:Put*")], "implicitDeny"),
        ([allow("s3:GetObjec?")], "allowed"),
        ([allow("*", "arn:aws:s3:::b/*")], "allowed"),
        ([allow("*", "arn:aws:s3:::B/*")], "implicitDeny"),
        ([allow("*", ["arn:aws:s3:::x", "arn:aws:s3:::b/k"])], "allowed"),
        ([allow("s3:*"), deny("s3:Get*")], "explicitDeny"),
        ([deny("s3:Get*"), allow("s3:*")], "explicitDeny"),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], "allowed"),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], "implicitDeny"),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::b/*"}], "implicitDeny"),
    ],
)
def test_actions_and_resources_match_as_the_reference_says(statements: list[dict[str, Any]], decision: str) -> None:
    assert decide(*statements) == decision


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"aws:x": "a"}}, {"aws__x": "a"}, True),
        ({"StringEquals": {"aws:x": ["b", "a"]}}, {"aws__x": "a"}, True),
        ({"StringEquals": {"aws:x": "a"}}, {"aws__x": "A"}, False),
        ({"StringEqualsIgnoreCase": {"aws:x": "a"}}, {"aws__x": "A"}, True),
        ({"StringEquals": {"aws:x": "a"}}, {}, False),
        ({"StringEqualsIfExists": {"aws:x": "a"}}, {}, True),
        ({"StringNotEquals": {"aws:x": "a"}}, {}, True),
        ({"StringNotEquals": {"aws:x": ["a", "b"]}}, {"aws__x": "b"}, False),
        ({"StringLike": {"aws:x": "team-*"}}, {"aws__x": "team-a"}, True),
        ({"StringNotLike": {"aws:x": "team-*"}}, {"aws__x": "team-a"}, False),
        ({"NumericLessThanEquals": {"aws:x": "5"}}, {"aws__x": "5"}, True),
        ({"NumericLessThan": {"aws:x": "5"}}, {"aws__x": "not a number"}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, {"aws__securetransport": "true"}, False),
        ({"Bool": {"aws:SecureTransport": False}}, {"aws__securetransport": "false"}, True),
        ({"Null": {"aws:x": "true"}}, {}, True),
        ({"Null": {"aws:x": "false"}}, {}, False),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws__sourceip": "10.2.3.4"}, True),
        ({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, {"aws__sourceip": "10.2.3.4"}, False),
        ({"DateGreaterThan": {"aws:now": "2026-01-01T00:00:00Z"}}, {"aws__now": "2026-06-01T00:00:00Z"}, True),
        ({"ArnLike": {"aws:a": "arn:aws:iam::*:role/x*"}}, {"aws__a": "arn:aws:iam::123456789012:role/xy"}, True),
        ({"ArnNotLike": {"aws:a": "arn:aws:iam::*:role/x*"}}, {"aws__a": "arn:aws:iam::123456789012:role/xy"}, False),
        ({"ForAllValues:StringEquals": {"aws:x": ["a"]}}, {}, True),
        ({"ForAnyValue:StringEquals": {"aws:x": ["a"]}}, {}, False),
        ({"StringEquals": {"aws:x": "a"}, "Bool": {"aws:y": "true"}}, {"aws__x": "a", "aws__y": "false"}, False),
        ({"NoSuchOperator": {"aws:x": "a"}}, {"aws__x": "a"}, False),
    ],
)
def test_conditions_hold_as_the_reference_says(condition: dict[str, Any], context: dict[str, str], holds: bool) -> None:
    assert decide(allow("*", Condition=condition), **context) == ("allowed" if holds else "implicitDeny")


def test_several_values_of_a_key_need_the_quantifier_that_is_asked_for() -> None:
    context = {"aws:tagkeys": ["a", "b"]}
    every = policy(allow("*", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}))
    some = policy(allow("*", Condition={"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}))
    assert evaluate("x:y", "*", context, [every]).decision == "implicitDeny"
    assert evaluate("x:y", "*", context, [some]).decision == "allowed"


def test_policy_variables_are_filled_and_a_missing_one_matches_nothing() -> None:
    own = allow("s3:*", "arn:aws:s3:::b/${aws:username}/*")
    assert decide(own, on="arn:aws:s3:::b/ann/k", aws__username="ann") == "allowed"
    assert decide(own, on="arn:aws:s3:::b/bob/k", aws__username="ann") == "implicitDeny"
    assert decide(own, on="arn:aws:s3:::b/ann/k") == "implicitDeny"
    found = evaluate("s3:GetObject", "arn:aws:s3:::b/ann/k", {}, [policy(own)])
    assert found.missing_context == {"aws:username"}


def test_a_boundary_limits_what_a_policy_allows() -> None:
    wide, narrow = policy(allow("*")), policy(allow("s3:*"))
    assert evaluate("s3:GetObject", "*", {}, [wide], [narrow]).decision == "allowed"
    assert evaluate("iam:CreateRole", "*", {}, [wide], [narrow]).decision == "implicitDeny"
    assert evaluate("iam:CreateRole", "*", {}, [narrow], [wide]).decision == "implicitDeny"
    assert evaluate("s3:GetObject", "*", {}, [wide], []).decision == "implicitDeny"


def test_a_decision_names_the_policies_that_made_it() -> None:
    named = [policy(allow("s3:*"), name="yes"), policy(deny("s3:*"), name="no")]
    assert [found.name for found in evaluate("s3:GetObject", "*", {}, named).matched] == ["no"]


def test_a_url_encoded_document_is_read() -> None:
    assert parse("%7B%22Statement%22%3A%5B%5D%7D") == {"Statement": []}


def test_only_star_and_question_mark_are_special() -> None:
    assert wildcard("a[b]*", "a[b]c")
    assert not wildcard("a[b]*", "abc")
    assert wildcard("*", "with\nnewline")
