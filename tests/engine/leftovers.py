"""What a destroyed platform may have left behind, on the AWS server and in the cluster."""

import json
from dataclasses import dataclass
from typing import Any

import jmespath

from local.kubernetes.api import ApiClient, Endpoint
from tests.checkout import Checkout

OURS = [{"Name": "tag:managed-by", "Values": ["groundwork"]}]


@dataclass(frozen=True)
class Kind:
    """How to list one kind of resource. names: JMESPath to what is left; AWS's own defaults are not ours."""

    title: str
    service: str
    operation: str
    names: str
    arguments: dict[str, Any] | None = None


KINDS = (
    Kind("vpcs", "ec2", "describe_vpcs", "Vpcs[].VpcId", {"Filters": OURS}),
    Kind("subnets", "ec2", "describe_subnets", "Subnets[].SubnetId", {"Filters": OURS}),
    Kind("security groups", "ec2", "describe_security_groups", "SecurityGroups[].GroupId", {"Filters": OURS}),
    Kind("route tables", "ec2", "describe_route_tables", "RouteTables[].RouteTableId", {"Filters": OURS}),
    Kind(
        "internet gateways",
        "ec2",
        "describe_internet_gateways",
        "InternetGateways[].InternetGatewayId",
        {"Filters": OURS},
    ),
    Kind(
        "NAT gateways",
        "ec2",
        "describe_nat_gateways",
        "NatGateways[?State != 'deleted'].NatGatewayId",
        {"Filters": OURS},
    ),
    Kind("addresses", "ec2", "describe_addresses", "Addresses[].AllocationId"),
    Kind(
        "VPC endpoints",
        "ec2",
        "describe_vpc_endpoints",
        "VpcEndpoints[?State != 'deleted'].VpcEndpointId",
        {"Filters": OURS},
    ),
    Kind("flow logs", "ec2", "describe_flow_logs", "FlowLogs[].FlowLogId"),
    Kind("launch templates", "ec2", "describe_launch_templates", "LaunchTemplates[].LaunchTemplateName"),
    Kind("placement groups", "ec2", "describe_placement_groups", "PlacementGroups[].GroupName"),
    Kind(
        "instances",
        "ec2",
        "describe_instances",
        "Reservations[].Instances[?State.Name != 'terminated'].InstanceId[]",
    ),
    Kind("buckets", "s3", "list_buckets", "Buckets[].Name"),
    Kind("roles", "iam", "list_roles", "Roles[?starts_with(RoleName, 'groundwork-')].RoleName"),
    Kind("policies", "iam", "list_policies", "Policies[].PolicyName", {"Scope": "Local"}),
    Kind("instance profiles", "iam", "list_instance_profiles", "InstanceProfiles[].InstanceProfileName"),
    Kind("OIDC providers", "iam", "list_open_id_connect_providers", "OpenIDConnectProviderList[].Arn"),
    Kind("aliases", "kms", "list_aliases", "Aliases[?starts_with(AliasName, 'alias/groundwork')].AliasName"),
    Kind("log groups", "logs", "describe_log_groups", "logGroups[?contains(logGroupName, 'groundwork')].logGroupName"),
    Kind("clusters", "eks", "list_clusters", "clusters"),
    Kind("repositories", "ecr", "describe_repositories", "repositories[].repositoryName"),
    Kind(
        "tracking servers", "sagemaker", "list_mlflow_tracking_servers", "TrackingServerSummaries[].TrackingServerName"
    ),
    Kind(
        "parameters",
        "ssm",
        "get_parameters_by_path",
        "Parameters[].Name",
        {"Path": "/groundwork", "Recursive": True},
    ),
    Kind("alarms", "cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    Kind("topics", "sns", "list_topics", "Topics[].TopicArn"),
    Kind("Prometheus workspaces", "amp", "list_workspaces", "workspaces[].workspaceId"),
    Kind("trails", "cloudtrail", "describe_trails", "trailList[].Name"),
    Kind("runner projects", "codebuild", "list_projects", "projects"),
    Kind("databases", "rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier"),
    Kind("budgets", "budgets", "describe_budgets", "Budgets[].BudgetName", {"AccountId": "123456789012"}),
    Kind("anomaly monitors", "ce", "get_anomaly_monitors", "AnomalyMonitors[].MonitorName"),
    Kind("anomaly subscriptions", "ce", "get_anomaly_subscriptions", "AnomalySubscriptions[].SubscriptionName"),
    Kind("cache rules", "ecr", "describe_pull_through_cache_rules", "pullThroughCacheRules[].ecrRepositoryPrefix"),
)


def aws_leftovers(checkout: Checkout) -> dict[str, list[str]]:
    """Everything on the AWS server that the program could have made, by kind."""
    found: dict[str, list[str]] = {}
    for kind in KINDS:
        answer = getattr(checkout.aws(kind.service), kind.operation)(**(kind.arguments or {}))
        found[kind.title] = jmespath.search(kind.names, answer) or []
    kms = checkout.aws("kms")
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    # KMS deletes a key after a waiting period of 7 days at least.
    found["keys"] = [key["KeyId"] for key in keys if key["KeyManager"] == "CUSTOMER" and key["KeyState"] == "Enabled"]
    return found


def kubernetes_leftovers(checkout: Checkout) -> list[str]:
    """Namespaces, node pools and node classes that do not come with a new cluster."""
    api = api_server(checkout)
    built_in = {"default", "kube-system", "kube-public", "kube-node-lease", "general-purpose", "system"}
    names: list[str] = []
    for path in ("/api/v1/namespaces", "/apis/karpenter.sh/v1/nodepools", "/apis/eks.amazonaws.com/v1/nodeclasses"):
        try:
            names += [item["metadata"]["name"] for item in api.request("GET", path)["items"]]
        except Exception as error:
            # The definitions go with the cluster that brought them.
            if getattr(error, "status", None) != 404:
                raise
    return [name for name in names if name not in built_in]


def api_server(checkout: Checkout) -> ApiClient:
    """The API server, asked by its own administrator: it answers when the cluster's record is gone, too."""
    certificates = checkout.folder / ".groundwork" / "local" / "kubernetes"
    ports = json.loads((checkout.folder / ".groundwork" / "local" / "ports.json").read_text())
    return ApiClient(
        Endpoint(
            server=f"https://127.0.0.1:{ports['kubernetes']}",
            certificate_authority=certificates / "ca.crt",
            client_certificate=(certificates / "admin.crt", certificates / "admin.key"),
        )
    )
