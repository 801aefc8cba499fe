"""What each resource type is charged for: a table from Pulumi's type to the items of the price list.

A type that is in neither table is unknown, and an estimate says so.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from prices.catalogue import HOURS_A_MONTH
from prices.usage import Usage

Inputs = Mapping[str, Any]


@dataclass(frozen=True)
class Charge:
    """A quantity of an item in a month; `note` says what for."""

    item: str
    quantity: float
    note: str = ""


UNKNOWN_MACHINE = "a machine that only its launch template names"
Meter = Callable[[Inputs, Usage], Iterator[Charge]]


def _inside(inputs: Inputs, name: str) -> Inputs:
    """A block of the inputs; an empty one where it is not set."""
    return cast(Inputs, inputs.get(name) or {})


def _hourly(item: str, note: str = "") -> Meter:
    def meter(inputs: Inputs, usage: Usage) -> Iterator[Charge]:
        yield Charge(item, HOURS_A_MONTH, note)

    return meter


def _monthly(item: str) -> Meter:
    def meter(inputs: Inputs, usage: Usage) -> Iterator[Charge]:
        yield Charge(item, 1)

    return meter


def _interface_endpoint(inputs: Inputs, usage: Usage) -> Iterator[Charge]:
    """An interface endpoint costs by the hour and zone; a gateway endpoint costs nothing."""
    if inputs.get("vpcEndpointType") == "Interface":
        yield Charge("vpc:interface-endpoint", HOURS_A_MONTH * max(1, len(inputs.get("subnetIds") or [])))


def _alarm(inputs: Inputs, usage: Usage) -> Iterator[Charge]:
    """Each metric that an alarm looks at counts."""
    queries = cast(list[Inputs], inputs.get("metricQueries") or [])
    yield Charge("cloudwatch:alarm-metric", max(1, sum(1 for each in queries if each.get("metric"))))


def _scraper(inputs: Inputs, usage: Usage) -> Iterator[Charge]:
    yield Charge("amp:collector", HOURS_A_MONTH)
    if usage.samples:
        yield Charge("amp:samples-collected", usage.samples / 1e7)
        yield Charge("amp:samples-ingested", usage.samples / 1e7)


def _tracking_server(inputs: Inputs, usage: Usage) -> Iterator[Charge]:
    size = str(inputs.get("trackingServerSize") or "Small").lower()
    yield Charge(f"sagemaker:mlflow-server-{size}", 1)


def _database(inputs: Inputs, usage: Usage) -> Iterator[Charge]:
    zones = "multi-az" if inputs.get("multiAz") else "single-az"
    engine = inputs.get("engine") or "postgres"
    yield Charge(f"rds:{engine}:{inputs.get('instanceClass')}:{zones}", HOURS_A_MONTH)
    if size := inputs.get("allocatedStorage"):
        yield Charge(f"rds:{inputs.get('storageType') or 'gp3'}-storage:{zones}", float(size))


def _node_group(inputs: Inputs, usage: Usage) -> Iterator[Charge]:
    """A managed node group's smallest number of nodes with their disks, on demand; 0 costs nothing."""
    least = int(float(_inside(inputs, "scalingConfig").get("minSize") or 0))
    types = cast(list[str], inputs.get("instanceTypes") or [UNKNOWN_MACHINE])
    if least:
        yield Charge(f"ec2:{types[0]}", HOURS_A_MONTH * least)
        if size := inputs.get("diskSize"):
            yield Charge("ebs:gp3", float(size) * least)


def _service(inputs: Inputs, usage: Usage) -> Iterator[Charge]:
    """A Service of type LoadBalancer is a network load balancer."""
    if _inside(inputs, "spec").get("type") == "LoadBalancer":
        yield Charge("lb:network", HOURS_A_MONTH)


def _volume_claim(inputs: Inputs, usage: Usage) -> Iterator[Charge]:
    requests = _inside(_inside(_inside(inputs, "spec"), "resources"), "requests")
    size = str(requests.get("storage") or "0Gi")
    yield Charge("ebs:gp3", float(size.removesuffix("Gi")))


METERS: Mapping[str, Meter] = {
    "aws:eks/cluster:Cluster": _hourly("eks:cluster"),
    "aws:eks/nodeGroup:NodeGroup": _node_group,
    "aws:ec2/natGateway:NatGateway": _hourly("nat:gateway"),
    "aws:ec2/eip:Eip": _hourly("vpc:public-ipv4"),
    "aws:ec2/vpcEndpoint:VpcEndpoint": _interface_endpoint,
    "aws:kms/key:Key": _monthly("kms:key"),
    "aws:secretsmanager/secret:Secret": _monthly("secretsmanager:secret"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": _monthly("cloudwatch:composite-alarm"),
    "aws:amp/scraper:Scraper": _scraper,
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": _tracking_server,
    "aws:sagemaker/mlflowApp:MlflowApp": _monthly("sagemaker:mlflow-app"),
    "aws:rds/instance:Instance": _database,
    "aws:grafana/workspace:Workspace": _monthly("grafana:active-user"),
    "kubernetes:networking.k8s.io/v1:Ingress": _hourly("lb:application", "the load balancer that EKS makes for it"),
    "kubernetes:core/v1:Service": _service,
    "kubernetes:core/v1:PersistentVolumeClaim": _volume_claim,
}
"""Pulumi type → what it is charged for by being there."""


def usage_charges(usage: Usage) -> Iterator[Charge]:
    """What is charged by use, for the environment as a whole."""
    for instance_type, count in usage.nodes.items():
        yield Charge(f"ec2:{instance_type}", HOURS_A_MONTH * count, "node for what the platform itself runs")
        yield Charge(f"eks-auto-mode:{instance_type}", HOURS_A_MONTH * count, "EKS Auto Mode's fee for it")
        yield Charge("ebs:gp3", usage.node_disk_gib * count, "its disk")
    by_item = {
        "nat:data": usage.nat_gb,
        "vpc:interface-endpoint-data": usage.endpoint_gb,
        "s3:standard": usage.s3_gb,
        "ecr:storage": usage.image_gb,
        "cloudwatch:logs-ingested": usage.log_gb,
        "cloudtrail:data-events": usage.data_events / 100_000,
        "secretsmanager:secret": usage.secret_count,
        "lambda:arm-duration": usage.function_gb_s,
    }
    for item, quantity in by_item.items():
        if quantity:
            yield Charge(item, quantity)


FREE: Mapping[str, str] = {
    **dict.fromkeys(
        (
            *("aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet", "aws:ec2/routeTable:RouteTable", "aws:ec2/route:Route"),
            *("aws:ec2/routeTableAssociation:RouteTableAssociation", "aws:ec2/internetGateway:InternetGateway"),
            *("aws:ec2/securityGroup:SecurityGroup", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"),
            *("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",),
            *("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "aws:ec2/launchTemplate:LaunchTemplate"),
            "aws:ec2/placementGroup:PlacementGroup",
        ),
        "a part of the network or of a template",
    ),
    **dict.fromkeys(
        (
            *("aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy", "aws:iam/policy:Policy"),
            *("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "aws:iam/instanceProfile:InstanceProfile"),
            "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        ),
        "IAM",
    ),
    **dict.fromkeys(
        (
            *("aws:eks/accessEntry:AccessEntry", "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"),
            *("aws:eks/podIdentityAssociation:PodIdentityAssociation", "aws:eks/addon:Addon"),
        ),
        "a part of the cluster",
    ),
    **dict.fromkeys(
        (
            "aws:kms/alias:Alias",
            "aws:ssm/parameter:Parameter",
            "aws:ecr/lifecyclePolicy:LifecyclePolicy",
            "aws:ecr/pullThroughCacheRule:PullThroughCacheRule",
            "aws:sns/topicPolicy:TopicPolicy",
            "aws:rds/subnetGroup:SubnetGroup",
            "aws:rds/parameterGroup:ParameterGroup",
            "aws:amp/ruleGroupNamespace:RuleGroupNamespace",
            "aws:amp/workspaceConfiguration:WorkspaceConfiguration",
            "aws:autoscaling/tag:Tag",
            "aws:amp/alertManagerDefinition:AlertManagerDefinition",
            "aws:costexplorer/anomalyMonitor:AnomalyMonitor",
            "aws:costexplorer/anomalySubscription:AnomalySubscription",
            "aws:budgets/budget:Budget",
            "aws:codebuild/sourceCredential:SourceCredential",
            "aws:codebuild/webhook:Webhook",
            "aws:codeconnections/connection:Connection",
            "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
            "aws:grafana/roleAssociation:RoleAssociation",
            "aws:scheduler/schedule:Schedule",
            "aws:grafana/workspaceSamlConfiguration:WorkspaceSamlConfiguration",
        ),
        "a setting; budgets without actions, standard parameters and basic image scans cost nothing",
    ),
}
"""Types that cost nothing, and why."""

BY_USE: Mapping[str, str] = {
    "aws:s3/bucket:Bucket": "s3_gb",
    "aws:ecr/repository:Repository": "image_gb",
    "aws:cloudwatch/logGroup:LogGroup": "log_gb",
    "aws:ec2/flowLog:FlowLog": "log_gb",
    "aws:cloudtrail/trail:Trail": "data_events",
    "aws:amp/workspace:Workspace": "metric_series",
    "aws:lambda/function:Function": "function_gb_s",
    "aws:codebuild/project:Project": "a build costs by the minute, and none runs unless somebody asks for it",
    "aws:sns/topic:Topic": "a message costs less than a cent",
    "aws:sns/topicSubscription:TopicSubscription": "a message costs less than a cent",
}
"""Types that cost by use alone, and the member of Usage that says how much, or why none does."""

FREE_PREFIXES: Mapping[str, str] = {
    "aws:s3/bucket": "a setting of a bucket, or what the program itself writes into one",
    "pulumi:": "exists in Pulumi alone",
    "groundwork:": "a part of the program",
}
"""Beginnings of types that cost nothing, and why."""

FREE_KINDS: Mapping[str, str] = {
    **dict.fromkeys(
        ("DaemonSet", "Deployment", "NodeClass", "NodePool"),
        "nodes cost, not what starts them or runs on them: Usage.nodes, and each pool's ceiling",
    ),
    **dict.fromkeys(
        (
            *("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "ServiceAccount"),
            *("ConfigMap", "CustomResourceDefinition", "LimitRange", "Namespace", "ResourceQuota", "Secret"),
            *("IngressClass", "IngressClassParams", "NetworkPolicy"),
            *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
            *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
            *("ClusterQueue", "Cohort", "LocalQueue", "ResourceFlavor", "WorkloadPriorityClass"),
        ),
        "a setting of the cluster",
    ),
}
"""Kinds of Kubernetes objects that cost nothing, and why. One that is not here may bring disks or load balancers."""
KUBERNETES = "kubernetes:"


def why_free(type_: str) -> str:
    """Why a type costs nothing by being there; empty for one that does, or that nobody has entered."""
    if type_ in METERS:
        return ""
    if type_ in FREE:
        return FREE[type_]
    if type_ in BY_USE:
        return f"by use alone: {BY_USE[type_]}"
    if type_.startswith(KUBERNETES):
        return FREE_KINDS.get(type_.rsplit(":", 1)[-1], "")
    return next((reason for prefix, reason in FREE_PREFIXES.items() if type_.startswith(prefix)), "")
