"""Amazon Managed Grafana as far as the AWS server knows it."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_server_process import AwsServerProcess

pytestmark = pytest.mark.local
GROUP = {"id": "94482488-3041-7012-2f3a-0123456789ab", "type": "SSO_GROUP"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServerProcess]:
    process = AwsServerProcess(tmp_path_factory.mktemp("grafana"))
    process.start()
    yield process
    process.ensure_stopped()


@pytest.fixture(scope="module")
def grafana(server: AwsServerProcess) -> Any:
    return server.client("grafana")


def workspace(grafana: Any, **changes: Any) -> dict[str, Any]:
    members = {
        "accountAccessType": "CURRENT_ACCOUNT",
        "authenticationProviders": ["AWS_SSO"],
        "permissionType": "CUSTOMER_MANAGED",
        **changes,
    }
    return grafana.create_workspace(**members)["workspace"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"workspaceRoleArn": "arn:aws:iam::123456789012:role/nobody"}, "does not exist"),
        ({"grafanaVersion": "7.0"}, "supported are 9.4"),
        ({"configuration": "[]"}, "must be a JSON object"),
        ({"accountAccessType": "ORGANIZATION"}, "needs workspaceOrganizationalUnits"),
        ({"workspaceName": "a b"}, "letters, digits"),
    ],
)
def test_a_workspace_that_aws_would_refuse_is_refused(grafana: Any, changes: dict[str, Any], said: str):
    with pytest.raises(ClientError, match=said) as caught:
        workspace(grafana, **changes)
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_a_workspace_never_goes_back_to_an_older_grafana(grafana: Any):
    made = workspace(grafana, grafanaVersion="12.4")
    with pytest.raises(ClientError, match="cannot go back"):
        grafana.update_workspace_configuration(workspaceId=made["id"], configuration="{}", grafanaVersion="10.4")


def test_saml_is_configured_only_where_users_sign_in_by_it(grafana: Any):
    saml = {"idpMetadata": {"url": "https://idp.example/metadata"}}
    made = workspace(grafana)
    with pytest.raises(ClientError, match="needs the authentication provider SAML"):
        grafana.update_workspace_authentication(
            workspaceId=made["id"], authenticationProviders=["AWS_SSO"], samlConfiguration=saml
        )
    by_saml = workspace(grafana, authenticationProviders=["SAML"])["id"]
    before = grafana.describe_workspace_authentication(workspaceId=by_saml)["authentication"]
    assert before["saml"]["status"] == "NOT_CONFIGURED"
    grafana.update_workspace_authentication(
        workspaceId=by_saml, authenticationProviders=["SAML"], samlConfiguration=saml
    )
    after = grafana.describe_workspace(workspaceId=by_saml)["workspace"]["authentication"]
    assert after["samlConfigurationStatus"] == "CONFIGURED"


def test_a_group_has_one_role_until_it_is_taken_away(grafana: Any):
    made = workspace(grafana)["id"]
    for role in ("VIEWER", "ADMIN"):
        grafana.update_permissions(
            workspaceId=made, updateInstructionBatch=[{"action": "ADD", "role": role, "users": [GROUP]}]
        )
    assert [entry["role"] for entry in grafana.list_permissions(workspaceId=made)["permissions"]] == ["ADMIN"]
    grafana.update_permissions(
        workspaceId=made, updateInstructionBatch=[{"action": "REVOKE", "role": "ADMIN", "users": [GROUP]}]
    )
    assert grafana.list_permissions(workspaceId=made)["permissions"] == []


def test_a_workspace_survives_a_crash_and_a_deleted_one_is_gone(server: AwsServerProcess, grafana: Any):
    kept, gone = workspace(grafana, workspaceName="kept")["id"], workspace(grafana)["id"]
    grafana.delete_workspace(workspaceId=gone)
    server.kill()
    server.start()
    names = {item["id"]: item.get("name") for item in grafana.list_workspaces()["workspaces"]}
    assert names[kept] == "kept"
    assert gone not in names
    with pytest.raises(ClientError, match="does not exist"):
        grafana.describe_workspace(workspaceId=gone)
