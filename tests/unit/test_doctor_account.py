"""`groundwork doctor`: credentials, clock, account, administrators, service-linked roles, sign-in."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from operations.doctor.account import check_account, check_admin, check_clock, identify
from operations.doctor.finding import Level
from operations.doctor.service_roles import check_service_roles
from operations.doctor.sign_in import check_sign_in
from tests.unit.doctor_fakes import DEPLOYER, FakeSession, environment, one, refused, subject
from tests.unit.shipped import ACCOUNT

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
GROUP = "94482488-3041-7012-2f3a-0123456789ab"


def answer_at(moment: datetime) -> Any:
    return {"ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(moment, usegmt=True)}}}


@pytest.mark.parametrize(
    ("seconds", "level"), [(0, Level.OK), (59, Level.OK), (-90, Level.WARNING), (301, Level.FAILURE)]
)
def test_a_clock_that_is_off_is_told_before_aws_refuses_everything(seconds: int, level: Level):
    found = one(check_clock(answer_at(NOW - timedelta(seconds=seconds)), NOW))
    assert found.level is level


def test_a_call_that_was_refused_for_the_clocks_sake_is_mended_by_setting_it():
    told = {"date": format_datetime(datetime.now(UTC) - timedelta(hours=2), usegmt=True)}
    session = FakeSession(sts={"get_caller_identity": refused("SignatureDoesNotMatch", headers=told)})
    identity, found = identify(environment(), session)
    assert identity is None
    assert [finding.level for finding in found] == [Level.FAILURE, Level.FAILURE]
    assert all("timedatectl" in finding.mend for finding in found)


@pytest.mark.parametrize("error", [refused("ExpiredToken"), NoCredentialsError()])
def test_credentials_that_have_run_out_are_mended_by_signing_in(error: Exception):
    _, found = identify(environment(), FakeSession(sts={"get_caller_identity": error}))
    assert one(found).mend == "aws sso login --profile groundwork-dev"


def test_credentials_of_another_account_are_a_failure():
    found = one(check_account(subject(env=environment(account_id="999999999999"))))
    assert found.level is Level.FAILURE
    assert ACCOUNT in found.text
    assert "999999999999" in found.text


def test_settings_that_name_no_account_are_told_how_to():
    found = one(check_account(subject(env=environment(account_id=""))))
    assert found.level is Level.WARNING
    assert found.mend == f'pulumi config set --stack dev accountId "{ACCOUNT}"'


def test_a_session_of_an_administrators_role_is_let_in():
    assert one(check_admin(subject())).level is Level.OK


def test_a_caller_whom_eks_does_not_let_in_is_a_failure():
    found = one(check_admin(subject(arn=f"arn:aws:iam::{ACCOUNT}:user/somebody")))
    assert found.level is Level.FAILURE
    assert "role/groundwork-deployer" in found.text


def service_roles(decision: Any, there: tuple[str, ...] = (), **change: Any) -> dict[str, Any]:
    def list_roles(PathPrefix: str, MaxItems: int) -> Any:  # noqa: N803
        return {"Roles": [{}] if PathPrefix.split("/")[2] in there else []}

    def simulate(**request: Any) -> Any:
        assert request["PolicySourceArn"] == f"arn:aws:iam::{ACCOUNT}:role/people/groundwork-deployer"
        return decision if isinstance(decision, Exception) else {"EvaluationResults": [{"EvalDecision": decision}]}

    iam = {
        "list_roles": list_roles,
        "get_role": {"Role": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/people/groundwork-deployer"}},
        "simulate_principal_policy": simulate,
    }
    found = check_service_roles(subject(change={"monitoring": {"prometheus": True}, **change}, iam=iam))
    return {finding.text.split(" ")[0]: finding for finding in found}


def test_a_service_role_that_the_caller_may_have_made_is_no_problem():
    found = service_roles("allowed")
    assert {finding.level for finding in found.values()} == {Level.OK}


def test_a_service_role_that_the_caller_may_not_have_made_is_a_failure_with_the_command():
    found = service_roles("implicitDeny")["AWSServiceRoleForAmazonEKS"]
    assert found.level is Level.FAILURE
    assert "aws iam create-service-linked-role --aws-service-name eks.amazonaws.com" in found.mend


def test_the_cluster_has_the_role_for_spot_machines_made():
    assert service_roles("implicitDeny")["AWSServiceRoleForEC2Spot"].level is Level.OK


def test_a_role_that_is_there_is_not_asked_about():
    found = service_roles("implicitDeny", there=("eks.amazonaws.com", "scraper.aps.amazonaws.com"))
    assert "AWSServiceRoleForAmazonEKS" not in found
    assert found["there"].text == "there for eks.amazonaws.com, scraper.aps.amazonaws.com"


def test_roles_of_managed_pools_are_asked_for_with_such_pools_alone():
    assert "AWSServiceRoleForAutoScaling" not in service_roles("implicitDeny")
    pool = {"name": "big", "kind": "managed", "instanceType": "p4d.24xlarge", "maxGpus": 8}
    assert "AWSServiceRoleForAutoScaling" in service_roles("implicitDeny", nodePools=[pool])


def test_a_caller_who_may_not_ask_iam_is_told_so():
    found = service_roles(refused("AccessDenied", "SimulatePrincipalPolicy"))["AWSServiceRoleForAmazonEKS"]
    assert found.level is Level.WARNING
    assert "SimulatePrincipalPolicy: AccessDenied" in found.text


def sign_in(instances: list[Any], group: Any) -> list[Any]:
    grafana = {"signIn": "AWS_SSO", "adminGroups": [GROUP]}
    looked_at = subject(
        change={"monitoring": {"prometheus": True, "grafana": grafana}},
        sso_admin={"list_instances": {"Instances": instances}},
        identitystore={"describe_group": group},
    )
    return list(check_sign_in(looked_at))


def test_managed_grafana_without_identity_center_is_a_failure():
    assert one(sign_in([], None)).level is Level.FAILURE


INSTANCE = {"IdentityStoreId": "d-1234567890", "InstanceArn": "arn:aws:sso:::instance/ssoins-1"}


def test_a_group_that_is_not_there_is_a_failure_and_one_that_nobody_may_look_for_a_warning():
    assert [each.level for each in sign_in([INSTANCE], {"DisplayName": "ml"})] == [Level.OK, Level.OK]
    assert sign_in([INSTANCE], refused("ResourceNotFoundException"))[1].level is Level.FAILURE
    assert sign_in([INSTANCE], refused("AccessDeniedException"))[1].level is Level.WARNING


def test_grafana_on_the_cluster_needs_no_sign_in():
    assert list(check_sign_in(subject(change={"monitoring": {"prometheus": True}}))) == []


def test_saml_metadata_that_do_not_answer_here_are_a_warning():
    saml = {"metadataUrl": "https://127.0.0.1:9/metadata", "admins": ["platform"]}
    grafana = {"signIn": "SAML", "saml": saml}
    found = one(check_sign_in(subject(change={"monitoring": {"prometheus": True, "grafana": grafana}})))
    assert found.level is Level.WARNING
    assert DEPLOYER not in found.text
