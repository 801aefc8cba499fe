"""Amazon Managed Grafana: a workspace whose users sign in by IAM Identity Center or SAML."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.iam import written_with
from components.monitoring.grafana_policy import read_policy, workspace_trust
from components.placement import Placement

SignIn = Literal["AWS_SSO", "SAML"]
VERSION = "12.4"
"""Of those that the provider takes (9.4, 10.4, 12.4, 13.2): the newest whose own Prometheus data source still signs.

Source: https://www.pulumi.com/registry/packages/aws/api-docs/grafana/workspace/ and
https://grafana.com/docs/grafana/v12.4/datasources/prometheus/configure/aws-authentication/
"""


@dataclass(frozen=True, kw_only=True)
class Saml:
    """How a SAML identity provider says who somebody is.

    metadata_url: where it publishes its metadata.
    role_attribute: the assertion's attribute that holds roles; admins, editors: its values for these roles. Whoever has
        neither is a viewer.
    """

    metadata_url: str
    role_attribute: str
    admins: Sequence[str]
    editors: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ManagedGrafanaArgs:
    """What a workspace needs.

    workspace_arn: of the Amazon Managed Prometheus workspace that it asks.
    sign_in: AWS_SSO is IAM Identity Center.
    admin_groups, viewer_groups: ids of Identity Center's groups that have these roles.
    saml: goes together with SAML.
    """

    placement: Placement
    workspace_arn: pulumi.Input[str]
    sign_in: SignIn
    admin_groups: Sequence[str] = ()
    viewer_groups: Sequence[str] = ()
    saml: Saml | None = None


class ManagedGrafana(pulumi.ComponentResource):
    """A workspace, the role that it reads with, and who has which role in it."""

    url: pulumi.Output[str]
    workspace_id: pulumi.Output[str]

    def __init__(self, name: str, args: ManagedGrafanaArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:monitoring:ManagedGrafana", name, None, opts)
        self._name, self._child = name, pulumi.ResourceOptions(parent=self)
        placement = args.placement
        role = aws.iam.Role(
            f"{name}-role",
            name=f"{placement.prefix}-managed-grafana",
            description="The Grafana workspace reads metrics with it",
            assume_role_policy=written_with(
                workspace_trust, account_id=placement.account_id, workspaces=placement.arn("grafana", "/workspaces/*")
            ),
            opts=self._child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name="read-metrics",
            role=role.name,
            policy=written_with(read_policy, region=placement.region, workspace_arn=args.workspace_arn),
            opts=self._child,
        )
        workspace = aws.grafana.Workspace(
            f"{name}-workspace",
            name=placement.prefix,
            description=f"Dashboards of {placement.prefix}",
            account_access_type="CURRENT_ACCOUNT",
            authentication_providers=[args.sign_in],
            permission_type="CUSTOMER_MANAGED",
            role_arn=role.arn,
            data_sources=["PROMETHEUS", "CLOUDWATCH"],
            grafana_version=VERSION,
            # Alerts are rules of Prometheus and alarms of CloudWatch; plugins come from nobody.
            configuration=json.dumps({"unifiedAlerting": {"enabled": False}, "plugins": {"pluginAdminEnabled": False}}),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )
        self.workspace_id = workspace.id
        self.url = pulumi.Output.concat("https://", workspace.endpoint)
        if args.saml is not None:
            self._saml(args.saml)
        for role_name, groups in (("ADMIN", args.admin_groups), ("VIEWER", args.viewer_groups)):
            if groups:
                aws.grafana.RoleAssociation(
                    f"{name}-{role_name.lower()}s",
                    workspace_id=self.workspace_id,
                    role=role_name,
                    group_ids=list(groups),
                    opts=self._child,
                )
        self.register_outputs({"url": self.url, "workspaceId": self.workspace_id})

    def _saml(self, saml: Saml) -> None:
        aws.grafana.WorkspaceSamlConfiguration(
            f"{self._name}-saml",
            workspace_id=self.workspace_id,
            idp_metadata_url=saml.metadata_url,
            role_assertion=saml.role_attribute,
            admin_role_values=list(saml.admins),
            editor_role_values=list(saml.editors),
            opts=self._child,
        )
