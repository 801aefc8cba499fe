"""Amazon Managed Grafana under the genuine engine: up, nothing to do, a change of each kind, destroy, nothing left."""

from pathlib import Path

import pytest

from tests.local.aws_server_process import AwsServerProcess
from tests.local.engine_project import must, new_project

pytestmark = [pytest.mark.local, pytest.mark.timeout(600)]
ROOT = Path(__file__).resolve().parents[2]
ADMINS, MORE_ADMINS = "94482488-3041-7012-2f3a-0123456789ab", "94482488-3041-7012-2f3a-ba9876543210"

PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import pulumi
import pulumi_aws as aws
from components.monitoring.managed_grafana import ManagedGrafana, ManagedGrafanaArgs, Saml
from components.placement import Placement

config = pulumi.Config()
opts = pulumi.ResourceOptions(
    providers={{"aws": aws.Provider("aws", region="us-east-1", profile="groundwork-local")}}
)
place = Placement(prefix="groundwork-probe", environment="probe", region="us-east-1", account_id="123456789012")
saml = Saml(metadata_url="https://idp.example/metadata", role_attribute="role", admins=["platform"])
by_saml = config.require("signIn") == "SAML"
grafana = ManagedGrafana(
    "grafana",
    ManagedGrafanaArgs(
        placement=place,
        workspace_arn="arn:aws:aps:us-east-1:123456789012:workspace/ws-1",
        sign_in=config.require("signIn"),
        admin_groups=[] if by_saml else config.require("admins").split(","),
        saml=saml if by_saml else None,
    ),
    opts,
)
pulumi.export("id", grafana.workspace_id)
pulumi.export("url", grafana.url)
"""


def test_a_managed_grafana_comes_up_changes_and_leaves_nothing(server: AwsServerProcess, tmp_path: Path) -> None:
    project = new_project(tmp_path / "engine-home")
    project.write(PROGRAM)
    project.config({"signIn": "AWS_SSO", "admins": ADMINS})
    must(project, "up", "--yes", "--skip-preview")
    must(project, "preview", "--expect-no-changes")
    must(project, "refresh", "--yes", "--expect-no-changes")
    first = must(project, "stack", "output", "id").strip()
    grafana = server.client("grafana")

    project.config({"admins": f"{ADMINS},{MORE_ADMINS}"})
    assert "replaced" not in must(project, "up", "--yes", "--skip-preview")
    must(project, "preview", "--expect-no-changes")
    permissions = grafana.list_permissions(workspaceId=first)["permissions"]
    assert {entry["user"]["id"]: entry["role"] for entry in permissions} == {ADMINS: "ADMIN", MORE_ADMINS: "ADMIN"}

    # Another way to sign in is another workspace, as the provider's documentation says.
    project.config({"signIn": "SAML"})
    must(project, "up", "--yes", "--skip-preview")
    must(project, "preview", "--expect-no-changes")
    (workspace,) = grafana.list_workspaces()["workspaces"]
    assert workspace["id"] != first
    assert workspace["authentication"] == {"providers": ["SAML"], "samlConfigurationStatus": "CONFIGURED"}

    must(project, "destroy", "--yes", "--skip-preview")
    assert grafana.list_workspaces()["workspaces"] == []
    assert server.client("iam").list_roles()["Roles"] == []
