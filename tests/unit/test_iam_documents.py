"""Every IAM document that the program renders says what AWS understands, and fits."""

import json
from collections import defaultdict
from collections.abc import Iterator

import pytest

from infra.stack import deploy
from policies.iam_documents import DOCUMENTS, Kind
from policies.values import rows
from tests.unit.iam_lint import LIMITS, MANAGED_POLICY, lint
from tests.unit.recording import ACCOUNT, Recording, record
from tests.unit.shipped import settings_of
from tests.unit.test_account import everything
from tests.unit.test_account import record as record_account

pytestmark = pytest.mark.unit
ROLE_POLICY = "aws:iam/rolePolicy:RolePolicy"


@pytest.fixture(scope="module", params=["dev", "prod", "account"])
def recording(request: pytest.FixtureRequest) -> Recording:
    if request.param == "account":
        return record_account(everything())
    return record(deploy, stack=request.param, config=settings_of(request.param))


def documents(recording: Recording) -> Iterator[tuple[str, str, Kind]]:
    """Name, text and kind of every document."""
    for item in recording.registrations:
        for path, kind in DOCUMENTS.get(item.type, ()):
            head, _, rest = path.partition(".")
            values = rows(item.inputs, head)
            for value in [found for one in values for found in rows(one, rest)] if rest else values:
                if isinstance(value, str):
                    yield f"{item.type.split(':')[-1]} {item.name}", value, kind


def test_every_document_is_one_that_aws_understands(recording: Recording):
    found = [
        f"{name}: {problem}"
        for name, text, kind in documents(recording)
        for problem in lint(text, kind, limit=MANAGED_POLICY if name.startswith("Policy ") else None)
    ]
    assert found == []


def test_the_policies_of_a_role_fit_into_it_together(recording: Recording):
    sizes: dict[str, int] = defaultdict(int)
    for item in recording.of(ROLE_POLICY).values():
        sizes[item.inputs["role"]] += len(json.dumps(json.loads(item.inputs["policy"]), separators=(",", ":")))
    assert {role: size for role, size in sizes.items() if size > LIMITS["identity"]} == {}


def test_every_type_that_holds_a_document_is_looked_at(recording: Recording):
    for item in recording.registrations:
        known = {path.partition(".")[0] for path, _ in DOCUMENTS.get(item.type, ())}
        for key, value in item.inputs.items():
            if item.type.startswith("aws:") and isinstance(value, str) and '"Statement"' in value:
                assert key in known, f"{item.type} {key}"


BUCKET = "arn:aws:s3:::b"


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ({"Action": "s3:GetObjekt", "Resource": f"{BUCKET}/*"}, "no action s3:GetObjekt"),
        ({"Action": "s4:GetObject", "Resource": f"{BUCKET}/*"}, "no action s4:GetObject"),
        ({"Action": "s3:GetObject", "Resource": BUCKET}, "s3:GetObject is never about"),
        ({"Action": "s3:ListBucket", "Resource": f"{BUCKET}/*"}, "s3:ListBucket is never about"),
        ({"Action": "ecr:GetAuthorizationToken", "Resource": BUCKET}, "knows no resources"),
        (
            {"Action": ["s3:GetObject"], "Resource": [f"{BUCKET}/*", "arn:aws:sns:us-east-1:1:t"]},
            "none of its actions",
        ),
        (
            {
                "Action": "s3:GetObject",
                "Resource": f"{BUCKET}/*",
                "Condition": {"StringEquals": {"s3:prefix": "x"}},
            },
            "never carry s3:prefix",
        ),
        ({"Action": "iam:PassRole", "Resource": f"arn:aws:iam::{ACCOUNT}:role/r"}, "to any service"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_linter_finds_what_would_never_work(statement: dict[str, object], says: str):
    text = json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "A", "Effect": "Allow", **statement}]})
    found = list(lint(text, "identity"))
    assert any(says in problem for problem in found), found


def test_the_linter_finds_a_document_that_does_not_fit():
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ["arn:aws:iam::1:role/r"] * 200}}
    text = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    assert "AWS takes 2048" in next(iter(lint(text, "trust")))
