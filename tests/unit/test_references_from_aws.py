"""What AWS answers when a setting's value is looked up there, in words that say what to do."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ProfileNotFound

from infra.references.from_aws import LARGEST_STATE, AwsReader
from infra.references.values import CommaSeparated, Output, UnreachableError
from tests.unit.doctor_fakes import FakeSession, refused
from tests.unit.shipped import ACCOUNT

pytestmark = pytest.mark.unit
STATE = b'{"version": 4, "outputs": {"vpc_id": {"value": "vpc-0a1b2c3d"}}}'


class Session(FakeSession):
    profile_name = "groundwork-dev"


def session(account: str = ACCOUNT, *, exports: Any = None, state: Any = None) -> Session:
    return Session(
        sts={"get_caller_identity": {"Account": account}},
        cloudformation={"list_exports": exports},
        s3={"get_object": state},
    )


def body(content: bytes, length: int | None = None) -> Callable[..., dict[str, Any]]:
    return lambda **_: {"ContentLength": len(content) if length is None else length, "Body": io.BytesIO(content)}


def reader(found: Any, account_id: str = ACCOUNT) -> AwsReader:
    return AwsReader(lambda: found, account_id)


def test_exports_are_texts_that_may_be_lists():
    pages = {"Exports": [{"Name": "shared-vpc", "Value": "vpc-1"}, {"Name": "shared:zones", "Value": "a, b"}]}
    found = reader(session(exports=pages)).exports()
    assert found.values == {"shared-vpc": Output(value="vpc-1"), "shared:zones": Output(value="a, b")}
    zones = found.values["shared:zones"].value
    assert isinstance(zones, CommaSeparated)
    assert zones.parts() == ["a", "b"]
    assert CommaSeparated(" ").parts() == []
    assert found.where == f"CloudFormation in us-east-1 (profile groundwork-dev, account {ACCOUNT})"


def test_a_state_is_read_from_its_bucket():
    found = reader(session(state=body(STATE))).state("acme-terraform", "network/terraform.tfstate")
    assert found.values == {"vpc_id": Output(value="vpc-0a1b2c3d")}
    assert found.where == "the state s3://acme-terraform/network/terraform.tfstate"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refused("NoSuchBucket"), "there is no bucket acme"),
        (refused("NoSuchKey"), r"the bucket acme has no object a\. A workspace other than `default`"),
        (refused("AccessDenied", "GetObject"), "whoever previews needs s3:GetObject on it, and kms:Decrypt"),
        (refused("SlowDown", "GetObject"), r"An error occurred \(SlowDown\)"),
        (body(b"", LARGEST_STATE + 1), f"{LARGEST_STATE} are read at most"),
        (body(b"<html>"), "no Terraform state file"),
    ],
)
def test_a_state_that_cannot_be_read_says_why(answer: Any, said: str):
    with pytest.raises(UnreachableError, match=said):
        reader(session(state=answer)).state("acme", "a")


def test_whoever_may_not_list_exports_is_told_the_permission():
    with pytest.raises(UnreachableError, match="whoever previews needs cloudformation:ListExports"):
        reader(session(exports=refused("AccessDenied", "ListExports"))).exports()


def test_nothing_is_read_in_another_account():
    found = session("999999999999", exports=AssertionError("asked"), state=AssertionError("asked"))
    for read in (reader(found).exports, lambda: reader(found).state("acme", "a")):
        with pytest.raises(UnreachableError, match=rf"of account 999999999999, and the only account .* is {ACCOUNT}"):
            read()


def test_without_an_account_in_the_settings_nobody_asks_who_calls():
    found = session("999999999999", exports={"Exports": []})
    found.services["sts"].answers = {}
    assert reader(found, "").exports().where == "CloudFormation in us-east-1 (profile groundwork-dev)"


def test_a_profile_that_is_not_there_is_named():
    def missing() -> Any:
        raise ProfileNotFound(profile="groundwork-dev")

    with pytest.raises(UnreachableError, match=r"The config profile \(groundwork-dev\) could not be found"):
        AwsReader(missing, ACCOUNT).exports()
