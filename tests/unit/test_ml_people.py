"""Who somebody is when a role of the team is taken in their own name."""

from pathlib import Path

import pytest

from ml.aws import Clients
from ml.registry.people import acts_as, person

pytestmark = pytest.mark.unit
ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/groundwork-prod-research-approve"


@pytest.mark.parametrize(
    ("caller", "name"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/ada", "ada"),
        (f"arn:aws:iam::{ACCOUNT}:user/people/research/ada", "ada"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Researcher_0123/ada@example.com", "ada@example.com"),
        (f"arn:aws:iam::{ACCOUNT}:root", "root"),
        (f"arn:aws:iam::{ACCOUNT}:user/a", "a-"),
        (f"arn:aws:iam::{ACCOUNT}:user/{'x' * 64}", "x" * 64),
    ],
)
def test_a_person_is_called_as_the_user_or_the_session_is(caller: str, name: str) -> None:
    assert person(caller) == name


def test_a_session_of_the_role_is_told_from_one_of_another_role_or_account() -> None:
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/groundwork-prod-research-approve/ada"
    assert acts_as(session, ROLE)
    assert not acts_as(session.replace("-approve", "-submit"), ROLE)
    assert not acts_as(session.replace(ACCOUNT, "210987654321"), ROLE)
    assert not acts_as(f"arn:aws:iam::{ACCOUNT}:user/groundwork-prod-research-approve", ROLE)


def test_a_profile_that_takes_a_role_leads_to_the_profile_that_it_takes_it_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(
        "[profile groundwork-prod]\nregion = us-east-1\nsource_profile = ada\n"
        f"role_arn = {ROLE}\n[profile ada]\nregion = eu-west-1\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    taken = Clients("groundwork-prod")
    assert taken.of_source().region == "eu-west-1"
    own = Clients("ada")
    assert own.of_source() is own
