"""Types whose id AWS chose: found by their tags, or by a name that AWS does not hold to be an id.

The id has the form of the section "Import" of the type's page, https://www.pulumi.com/registry/packages/aws/api-docs/.
What is on its way out is left aside: AWS lists it for up to an hour.
"""

from operations.resuming.finder import Details, Finder, Look, Settles, tagged

NETWORK = {
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Finder(
        id="{found}",
        look=Look(
            service="ec2",
            lists="describe_security_groups",
            items="SecurityGroups",
            id="GroupId",
            arguments={
                "Filters": [
                    {"Name": "vpc-id", "Values": ["{vpcId}"]},
                    {"Name": "group-name", "Values": ["default"]},
                ]
            },
        ),
    ),
    "aws:ec2/eip:Eip": tagged("describe_addresses", "Addresses", "AllocationId"),
    "aws:ec2/flowLog:FlowLog": tagged("describe_flow_logs", "FlowLogs", "FlowLogId", filters="Filter"),
    "aws:ec2/internetGateway:InternetGateway": tagged(
        "describe_internet_gateways", "InternetGateways", "InternetGatewayId"
    ),
    "aws:ec2/launchTemplate:LaunchTemplate": tagged("describe_launch_templates", "LaunchTemplates", "LaunchTemplateId"),
    "aws:ec2/natGateway:NatGateway": tagged(
        "describe_nat_gateways",
        "NatGateways[?State != 'deleted' && State != 'deleting' && State != 'failed']",
        "NatGatewayId",
        filters="Filter",
        settles=Settles(
            service="ec2",
            operation="describe_nat_gateways",
            arguments={"NatGatewayIds": ["{found}"]},
            status="NatGateways[0].State",
            busy=("pending",),
            failed=("failed",),
            gone=("NatGatewayNotFound",),
        ),
    ),
    "aws:ec2/routeTable:RouteTable": tagged("describe_route_tables", "RouteTables", "RouteTableId"),
    "aws:ec2/securityGroup:SecurityGroup": tagged("describe_security_groups", "SecurityGroups", "GroupId"),
    "aws:ec2/subnet:Subnet": tagged("describe_subnets", "Subnets", "SubnetId"),
    "aws:ec2/vpc:Vpc": tagged("describe_vpcs", "Vpcs", "VpcId"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": tagged(
        "describe_vpc_endpoints",
        "VpcEndpoints[?!contains(['deleted', 'deleting', 'failed', 'Deleted', 'Deleting', 'Failed'], State)]",
        "VpcEndpointId",
        settles=Settles(
            service="ec2",
            operation="describe_vpc_endpoints",
            arguments={"VpcEndpointIds": ["{found}"]},
            status="VpcEndpoints[0].State",
            busy=("pending", "Pending"),
            failed=("failed", "Failed", "rejected", "Rejected"),
            gone=("InvalidVpcEndpointId.NotFound",),
        ),
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": tagged(
        "describe_security_group_rules", "SecurityGroupRules[?IsEgress]", "SecurityGroupRuleId"
    ),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": tagged(
        "describe_security_group_rules", "SecurityGroupRules[?!IsEgress]", "SecurityGroupRuleId"
    ),
}

MONITORING = {
    "aws:amp/scraper:Scraper": Finder(
        id="{found}",
        look=Look(
            service="amp",
            lists="list_scrapers",
            items="scrapers[?status.statusCode != 'DELETING']",
            id="scraperId",
            details=(Details("describe_scraper", {"scraperId": "{id}"}, "scraper"),),
            tags="tags",
        ),
        settles=Settles(
            service="amp",
            operation="describe_scraper",
            arguments={"scraperId": "{found}"},
            status="scraper.status.statusCode",
            busy=("CREATING", "UPDATING"),
            failed=("CREATION_FAILED",),
            gone=("ResourceNotFoundException",),
        ),
    ),
    "aws:amp/workspace:Workspace": Finder(
        id="{found}",
        look=Look(
            service="amp",
            lists="list_workspaces",
            items="workspaces[?status.statusCode != 'DELETING']",
            id="workspaceId",
            details=(Details("describe_workspace", {"workspaceId": "{id}"}, "workspace"),),
            tags="tags",
        ),
        settles=Settles(
            service="amp",
            operation="describe_workspace",
            arguments={"workspaceId": "{found}"},
            status="workspace.status.statusCode",
            busy=("CREATING", "UPDATING"),
            failed=("CREATION_FAILED",),
            gone=("ResourceNotFoundException",),
        ),
    ),
    "aws:costexplorer/anomalyMonitor:AnomalyMonitor": Finder(
        id="{found}",
        look=Look(
            service="ce",
            lists="get_anomaly_monitors",
            items="AnomalyMonitors",
            id="MonitorArn",
            match={"MonitorName": "{name}"},
        ),
    ),
    "aws:costexplorer/anomalySubscription:AnomalySubscription": Finder(
        id="{found}",
        look=Look(
            service="ce",
            lists="get_anomaly_subscriptions",
            items="AnomalySubscriptions",
            id="SubscriptionArn",
            match={"SubscriptionName": "{name}"},
        ),
    ),
    "aws:grafana/workspace:Workspace": Finder(
        id="{found}",
        look=Look(
            service="grafana",
            lists="list_workspaces",
            items="workspaces[?status != 'DELETING']",
            id="id",
            match={"name": "{name}"},
        ),
        settles=Settles(
            service="grafana",
            operation="describe_workspace",
            arguments={"workspaceId": "{found}"},
            status="workspace.status",
            busy=("CREATING", "UPDATING", "UPGRADING"),
            failed=("CREATION_FAILED", "FAILED"),
            gone=("ResourceNotFoundException",),
        ),
    ),
    "aws:sns/topicSubscription:TopicSubscription": Finder(
        id="{found}",
        look=Look(
            service="sns",
            lists="list_subscriptions_by_topic",
            items="Subscriptions[?SubscriptionArn != 'PendingConfirmation']",
            id="SubscriptionArn",
            arguments={"TopicArn": "{topic}"},
            match={"Protocol": "{protocol}", "Endpoint": "{endpoint}"},
        ),
    ),
}

ACCESS_AND_WORK = {
    "aws:codebuild/sourceCredential:SourceCredential": Finder(
        id="{found}",
        look=Look(
            service="codebuild",
            lists="list_source_credentials",
            items="sourceCredentialsInfos",
            id="arn",
            match={"serverType": "{serverType}", "authType": "{authType}"},
        ),
    ),
    "aws:codeconnections/connection:Connection": Finder(
        id="{found}",
        look=Look(
            service="codeconnections",
            lists="list_connections",
            items="Connections",
            id="ConnectionArn",
            match={"ConnectionName": "{name}"},
        ),
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Finder(
        id="{clusterName},{found}",
        look=Look(
            service="eks",
            lists="list_pod_identity_associations",
            items="associations",
            id="associationId",
            arguments={
                "clusterName": "{clusterName}",
                "namespace": "{namespace}",
                "serviceAccount": "{serviceAccount}",
            },
        ),
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Finder(
        id="{found}",
        look=Look(
            service="iam",
            lists="list_open_id_connect_providers",
            items="OpenIDConnectProviderList",
            id="Arn",
            details=(Details("get_open_id_connect_provider", {"OpenIDConnectProviderArn": "{id}"}, "@"),),
            tags="Tags",
        ),
    ),
    "aws:kms/key:Key": Finder(
        id="{found}",
        look=Look(
            service="kms",
            lists="list_keys",
            items="Keys",
            id="KeyId",
            details=(
                Details("describe_key", {"KeyId": "{id}"}, "KeyMetadata.{manager: KeyManager, state: KeyState}"),
                Details("list_resource_tags", {"KeyId": "{id}"}, "{Tags: Tags}"),
            ),
            match={"manager": "CUSTOMER", "state": "Enabled"},
            tags="Tags",
        ),
    ),
    "aws:sagemaker/mlflowApp:MlflowApp": Finder(
        id="{found}",
        look=Look(
            service="sagemaker",
            lists="list_mlflow_apps",
            items="Summaries[?Status != 'Deleted' && Status != 'Deleting']",
            id="Arn",
            match={"Name": "{name}"},
        ),
        settles=Settles(
            service="sagemaker",
            operation="describe_mlflow_app",
            arguments={"Arn": "{found}"},
            status="Status",
            busy=("Creating", "Updating"),
            failed=("CreateFailed",),
            gone=("ResourceNotFound",),
        ),
    ),
}

BY_LOOKUP = {**NETWORK, **MONITORING, **ACCESS_AND_WORK}
