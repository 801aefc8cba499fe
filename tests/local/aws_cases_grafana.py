"""Examples of Amazon Managed Grafana's types for `test_aws_provider_types`."""

import json

from aws_provider_cases import Case, World, unique

GROUP, OTHER_GROUP = "94482488-3041-7012-2f3a-0123456789ab", "94482488-3041-7012-2f3a-ba9876543210"
METADATA = "https://idp.example/metadata"


def _workspace(world: World, provider: str = "AWS_SSO") -> str:
    return world.make(
        "aws:grafana/workspace:Workspace",
        accountAccessType="CURRENT_ACCOUNT",
        authenticationProviders=[provider],
        permissionType="CUSTOMER_MANAGED",
        roleArn=world.role("grafana").state["arn"],
    ).id


CASES: dict[str, Case] = {
    "aws:grafana/workspace:Workspace": Case(
        lambda w: {
            "accountAccessType": "CURRENT_ACCOUNT",
            "authenticationProviders": ["AWS_SSO"],
            "permissionType": "CUSTOMER_MANAGED",
            "roleArn": w.role("grafana").state["arn"],
            "dataSources": ["PROMETHEUS"],
            "description": "one",
            "grafanaVersion": "10.4",
            "organizationRoleName": "reader",
            "stackSetName": "roles",
            "configuration": json.dumps({"plugins": {"pluginAdminEnabled": False}}),
        },
        {
            "accountAccessType": "ORGANIZATION",
            "authenticationProviders": ["SAML"],
            "configuration": json.dumps({"plugins": {"pluginAdminEnabled": True}}),
            "dataSources": ["PROMETHEUS", "CLOUDWATCH"],
            "description": "two",
            "kmsKeyId": lambda w: w.key().state["arn"],
            "name": lambda w: unique("renamed"),
            "networkAccessControl": {"prefixListIds": ["pl-0123456789abcdef0"], "vpceIds": ["vpce-0123456789abcdef0"]},
            "notificationDestinations": ["SNS"],
            "organizationRoleName": "grafana-reader",
            "organizationalUnits": ["ou-ab12-cd345678"],
            "permissionType": "SERVICE_MANAGED",
            "roleArn": lambda w: w.role("grafana").state["arn"],
            "stackSetName": "grafana-roles",
            "vpcConfiguration": lambda w: {"securityGroupIds": [w.group()], "subnetIds": w.subnets},
        },
        with_change={"accountAccessType": lambda w: {"organizationalUnits": ["ou-ab12-cd345678"]}},
        unchanged={"grafanaVersion": "it only rises: test_a_workspace_never_goes_back_to_an_older_grafana"},
    ),
    "aws:grafana/workspaceSamlConfiguration:WorkspaceSamlConfiguration": Case(
        lambda w: {
            "workspaceId": _workspace(w, "SAML"),
            "editorRoleValues": ["editor"],
            "adminRoleValues": ["admin"],
            "idpMetadataUrl": METADATA,
        },
        {
            "workspaceId": lambda w: _workspace(w, "SAML"),
            "editorRoleValues": ["writer"],
            "adminRoleValues": ["owner"],
            "allowedOrganizations": ["ml"],
            "idpMetadataUrl": f"{METADATA}/2",
            "idpMetadataXml": "<EntityDescriptor/>",
            "loginValidityDuration": 120,
            "emailAssertion": "email",
            "groupsAssertion": "groups",
            "loginAssertion": "login",
            "nameAssertion": "name",
            "orgAssertion": "org",
            "roleAssertion": "role",
        },
        with_change={"idpMetadataXml": lambda w: {"idpMetadataUrl": None}},
        stays="AWS keeps the configuration as long as the workspace",
    ),
    "aws:grafana/roleAssociation:RoleAssociation": Case(
        lambda w: {"workspaceId": _workspace(w), "role": "ADMIN", "groupIds": [GROUP]},
        {
            "workspaceId": _workspace,
            "role": "EDITOR",
            "groupIds": [OTHER_GROUP],
            "userIds": ["94482488-3041-7012-2f3a-00000000000a"],
        },
    ),
}

CANNOT_BE_LEFT_OUT = {
    ("aws:grafana/workspace:Workspace", "roleArn"): "a workspace that manages no role itself has one",
    ("aws:grafana/workspace:Workspace", "organizationRoleName"): "the API takes no empty name",
    ("aws:grafana/workspace:Workspace", "stackSetName"): "the API takes no empty name",
    ("aws:grafana/workspaceSamlConfiguration:WorkspaceSamlConfiguration", "idpMetadataUrl"): "SAML needs metadata",
    ("aws:grafana/roleAssociation:RoleAssociation", "groupIds"): "an association of nobody is none",
}
