"""Whatever a preview holds, its report fits a comment, and a secret is in none of its forms."""

import base64
import html
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bench.preview_report import events, resources
from operations.differences import Difference
from operations.drift import Drift, Drifted
from operations.preview_command import Forge, Form, rendered
from operations.review.document import document_of
from operations.review.markdown import LEAST, LIMITS, MARKER_ROOM, as_markdown, size
from operations.review.model import Report, report_of
from operations.review.redaction import Redactor, secrets_of
from tests.unit.preview_events import (
    BUCKET,
    MARKED,
    created,
    deleted,
    diagnostic,
    environment,
    refusal,
    replaced,
    state,
    step,
    updated,
    urn,
)

pytestmark = pytest.mark.unit
# The same examples each time: a failure here is nobody's bad luck.
thoroughly = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

words = st.text(max_size=80)
"""Of any characters: markup, control characters, right-to-left marks, emoji."""
names = st.text(min_size=1, max_size=60).map(lambda text: text.replace("::", ":").strip(":") or "x")
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words | st.text(min_size=200, max_size=400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
inputs = st.dictionaries(st.sampled_from(["a", "b.c", "tags", "policy", "x`y", "{z}"]), values, max_size=4)
types = st.sampled_from([BUCKET, "aws:iam/role:Role", "kubernetes:core/v1:Namespace", "odd|type", "aws:kms/key:Key"])


@st.composite
def steps(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One resource and what becomes of it, with what is said about it."""
    one = state(draw(names), draw(types), draw(inputs))
    match draw(st.sampled_from(["create", "delete", "update", "replace", "same"])):
        case "create":
            made = created(one["urn"].rsplit("::", 1)[-1], one["type"], one["inputs"])
        case "delete":
            made = deleted(one)
        case "update":
            made = updated(one, draw(inputs))
        case "replace":
            made = replaced(one, draw(inputs))
        case _:
            made = step("same", one, one)
    name = one["urn"].rsplit("::", 1)[-1]
    said = st.sampled_from([[], [refusal(name)], [diagnostic(draw(words) or "x", "warning", name)]])
    return [*made, *draw(said)]


previews = st.lists(steps(), max_size=25)
"""Small ones, which hypothesis can take apart; large ones are below."""


def made_of(some: list[list[dict[str, Any]]]) -> Report:
    events_ = [event for each in some for event in each]
    gone = [event["resourcePreEvent"]["metadata"]["old"] for event in events_ if "resourcePreEvent" in event]
    known = {one["urn"]: one for one in gone if one}
    return report_of((environment(events_, list(known.values()), name="dev"),))


def fits(text: str, limit: int) -> None:
    assert size(text) <= limit - MARKER_ROOM, "no room is left for the line by which the comment is found"
    assert len(text) <= limit
    outside_of_code = re.sub(r"(`+) ?.*? ?\1", "", text)
    assert outside_of_code.count("<details>") == outside_of_code.count("</details>")


@thoroughly
@given(previews, st.integers(LEAST, 20_000))
def test_a_comment_keeps_to_every_limit(some: list[list[dict[str, Any]]], limit: int):
    report = made_of(some)
    text = as_markdown(document_of(report), limit)
    fits(text, limit)
    assert text.startswith("## "), "the verdict is always there"
    Report.model_validate_json(rendered(report, Form.json, Forge.github))


@thoroughly
@given(previews)
def test_a_page_holds_no_markup_but_its_own(some: list[list[dict[str, Any]]]):
    page = rendered(made_of(some), Form.html, Forge.github)
    tags = set(re.findall(r"</?([a-z][a-z0-9]*)", page))
    own = "html head meta title style body header main section h1 h2 h3 ul li table thead tbody tr th td"
    assert tags <= {*own.split(), "details", "summary", "code", "strong", "span"}
    assert not re.search(r"<[^>]*\son\w+=", page)


OWN_HTML = re.compile(r"<details><summary>[^<>]*</summary>|</details>")


@thoroughly
@given(previews)
def test_a_comment_holds_no_markup_but_its_own(some: list[list[dict[str, Any]]]):
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(rendered(made_of(some), Form.markdown, Forge.github))
    inline = [child for token in tokens for child in token.children or ()]
    for token in [*tokens, *inline]:
        if token.type.startswith("html"):
            assert not OWN_HTML.sub("", token.content).strip(), token.content
        assert token.type not in ("link_open", "image", "fence", "code_block", "hr"), token
        if token.type == "text":
            assert not re.search(r"@\w|#\d", token.content), token.content


@pytest.mark.parametrize("number", [500, 10_000])
def test_a_comment_of_up_to_ten_thousand_resources_fits_and_keeps_the_gravest(number: int):
    known = resources(number)
    report = report_of((environment(events(known), known, name="dev", end=False),))
    document = document_of(report)
    for forge, limit in LIMITS.items():
        text = as_markdown(document, limit)
        fits(text, limit)
        assert "would be lost" in text, forge
    comment = as_markdown(document, LIMITS["github"])
    if number > 1_000:
        assert "see the full report" in comment
        assert size(comment) > 0.95 * LIMITS["github"], "there was room for more"
    page = rendered(report, Form.html, Forge.github)
    lost = {each.name for each in report.environments[0].losses}
    assert lost
    assert all(html.escape(name) in page for name in lost), "the page has all of it"


def test_so_many_environments_that_not_even_their_names_fit_still_fit():
    some = [environment(deleted(state("data", BUCKET)), name=f"environment-{number}") for number in range(400)]
    for limit in (LEAST, 10_000, LIMITS["github"]):
        fits(as_markdown(document_of(report_of(tuple(some))), limit), limit)


ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-$%"
secrets = (
    st.text(ALPHABET, min_size=12, max_size=36)
    # A path or an ARN under a secret's name says where it is.
    .filter(lambda text: not text.startswith(("arn:", "/")) and re.search(r"[a-z]{3}", text) is not None)
    # No word of the report's own is meant, and the texts are made of the words in these sources, too.
    .map(lambda text: f"{text}Zq7x")
)


def marked_in_one_copy(secret: str) -> list[dict[str, Any]]:
    """The engine knows it, a provider reads it back in the clear, and the program prints it."""
    old = state("a", "aws:rds/instance:Instance", {"master": MARKED, "nested": {"deep": [MARKED]}})
    new = {**old, "outputs": {"master": secret, "nested": {"deep": [secret]}, "endpoint": f"host?{secret}"}}
    detailed = {name: {"diffKind": "update"} for name in ("master", "nested.deep[0]", "endpoint")}
    return [*step("update", old, new, detailedDiff=detailed), diagnostic(f"connected with {secret} to it", "warning")]


def under_its_name(secret: str) -> list[dict[str, Any]]:
    old = {"password": "before", "env": [{"name": "DB_PASSWORD", "value": "x"}], "auth": {"apiKey": "y"}}
    new = {"password": secret, "env": [{"name": "DB_PASSWORD", "value": secret}], "auth": {"apiKey": secret}}
    return updated(state("b", inputs=old), new)


def in_a_kubernetes_secret(secret: str) -> list[dict[str, Any]]:
    encoded = base64.b64encode(secret.encode()).decode()
    old = state("c", "kubernetes:core/v1:Secret", {"stringData": {"a": "x"}, "data": {"b": "y"}})
    return updated(old, {"stringData": {"a": secret}, "data": {"b": encoded}})


def in_a_parameter(secret: str) -> list[dict[str, Any]]:
    old = state("d", "aws:ssm/parameter:Parameter", {"type": "SecureString", "value": "x"})
    return replaced(old, {"type": "SecureString", "value": secret})


def in_a_document(secret: str) -> list[dict[str, Any]]:
    documents = [json.dumps({"database": {"user": "app", "password": each}}) for each in ("before", secret)]
    return updated(state("e", inputs={"config": documents[0]}), {"config": documents[1]})


def in_words(secret: str) -> list[dict[str, Any]]:
    quoted = json.dumps({"token": secret})
    return [
        diagnostic(f"could not sign in: password={secret}"),
        diagnostic(f"the answer was {quoted}", "warning"),
        diagnostic(f"again: {json.dumps(quoted)}", "warning"),
        diagnostic(f"postgres://app:{secret.replace('/', '')}@db.example:5432/app", "warning"),
    ]


PLANTS = (marked_in_one_copy, under_its_name, in_a_kubernetes_secret, in_a_parameter, in_a_document, in_words)


@thoroughly
@given(secrets, st.lists(st.sampled_from(PLANTS), min_size=1, max_size=6, unique=True), previews)
def test_a_planted_secret_is_in_no_form(secret: str, plants: list[Any], some: list[list[dict[str, Any]]]):
    report = made_of([*[plant(secret) for plant in plants], *some[:5]])
    encoded = base64.b64encode(secret.encode()).decode()
    for form in Form:
        text = html.unescape(rendered(report, form, Forge.gitlab))
        for one in {secret, encoded, secret.replace("/", "")}:
            assert one not in text, (form, plants)


@thoroughly
@given(secrets)
def test_a_secret_of_this_process_is_in_no_form_and_neither_is_one_that_drifted(secret: str):
    redactor = Redactor(secrets_of({"SOME_TOKEN": secret, "PULUMI_CONFIG_PASSPHRASE": f"{secret}2", "HOME": "/root"}))
    differences = tuple(
        Difference(path=path, kind="changed", recorded="x", actual=secret) for path in ("password", "a → b.apiKey")
    )
    role = "aws:iam/role:Role"
    drifted = Drifted(urn=urn("a"), type=role, name="a", id="a", happened="changed", differences=differences)
    told = [diagnostic(f"env: {secret} {secret}2"), *created(secret)]
    drift = Drift(resources=(drifted,), looked_at=1)
    report = report_of((environment(told, drift=drift, redactor=redactor),))
    for form in Form:
        assert secret not in html.unescape(rendered(report, form, Forge.github)), form


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        f"ghp_{'a1' * 18}",
        f"github_pat_{'a1' * 20}",
        f"glpat-{'x9' * 12}",
        f"xoxb-{'1' * 12}-abc",
        "hooks.slack.com/services/T000/B000/XXXX",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nabcd\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_what_looks_like_a_secret_is_hidden_wherever_it_stands(secret: str):
    some = updated(state("a", inputs={"text": "x"}), {"text": f"see {secret}, please"})
    report = report_of((environment([*some, diagnostic(f"failed with {secret}")]),))
    for form in Form:
        text = html.unescape(rendered(report, form, Forge.github))
        assert secret.splitlines()[-1] not in text, form
        assert "MIIB" not in text, form


def test_what_only_names_where_a_secret_is_stays_readable():
    arn = "arn:aws:secretsmanager:us-east-1:111122223333:secret:db"
    some = updated(state("a", inputs={"note": "x"}), {"note": f"secret = {arn}"})
    text = rendered(report_of((environment(some),)), Form.json, Forge.github)
    assert "arn:aws:secretsmanager:us-east-1:[account]:secret:db" in text
