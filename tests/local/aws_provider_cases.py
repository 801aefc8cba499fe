"""The table of `test_aws_provider_types`: for each resource type an example, and a new value for each property."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from local.providers.harness import AwsServer, Live, Plugin

_COUNT = itertools.count(1)
DEFAULT_TAGS = {"project": "groundwork"}


def unique(word: str) -> str:
    return f"{word}-{next(_COUNT)}"


def policy(actions: str | list[str] = "s3:GetObject", **principal: Any) -> str:
    statement = {"Effect": "Allow", "Action": actions, **({"Principal": principal} if principal else {})}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Resource": "*"}]})


def trust(service: str) -> str:
    actions = ["sts:AssumeRole", "sts:TagSession"]
    statement = {"Effect": "Allow", "Action": actions, "Principal": {"Service": f"{service}.amazonaws.com"}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class World:
    """What resources need around them, made on first use."""

    def __init__(self, plugin: Plugin, server: AwsServer) -> None:
        self.plugin = plugin
        self.server = server

    def make(self, type_: str, **inputs: Any) -> Live:
        return self.plugin.create(type_, unique("world"), inputs)

    @cached_property
    def cidrs(self) -> Iterator[int]:
        return itertools.count(1)

    def new_vpc(self) -> str:
        return self.make("aws:ec2/vpc:Vpc", cidrBlock="10.0.0.0/16").id

    @cached_property
    def vpc(self) -> str:
        return self.new_vpc()

    def subnet(self, zone: str = "us-east-1a") -> str:
        cidr = f"10.0.{next(self.cidrs)}.0/24"
        return self.make("aws:ec2/subnet:Subnet", vpcId=self.vpc, cidrBlock=cidr, availabilityZone=zone).id

    @cached_property
    def subnets(self) -> list[str]:
        return [self.subnet("us-east-1a"), self.subnet("us-east-1b")]

    def address(self) -> str:
        return self.make("aws:ec2/eip:Eip", domain="vpc").id

    def gateway(self) -> str:
        return self.make("aws:ec2/internetGateway:InternetGateway", vpcId=self.new_vpc()).id

    def route_table(self) -> str:
        return self.make("aws:ec2/routeTable:RouteTable", vpcId=self.vpc).id

    def group(self) -> str:
        return self.make("aws:ec2/securityGroup:SecurityGroup", vpcId=self.vpc).id

    def bucket(self) -> str:
        return self.make("aws:s3/bucket:Bucket", forceDestroy=True).id

    def log_bucket(self) -> str:
        bucket = self.bucket()
        statement = {
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{bucket}/*",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.make("aws:s3/bucketPolicy:BucketPolicy", bucket=bucket, policy=document)
        return bucket

    def key(self) -> Live:
        return self.make("aws:kms/key:Key")

    def role(self, service: str = "eks") -> Live:
        return self.make("aws:iam/role:Role", assumeRolePolicy=trust(service))

    def managed_policy(self) -> str:
        return self.make("aws:iam/policy:Policy", policy=policy()).id

    def repository(self) -> str:
        return self.make("aws:ecr/repository:Repository").id

    def log_group(self) -> Live:
        return self.make("aws:cloudwatch/logGroup:LogGroup")

    def new_cluster(self) -> str:
        role = self.role().state["arn"]
        access = {"authenticationMode": "API"}
        return self.make("aws:eks/cluster:Cluster", roleArn=role, vpcConfig=self.placement, accessConfig=access).id

    @cached_property
    def cluster(self) -> str:
        return self.new_cluster()

    @property
    def placement(self) -> dict[str, Any]:
        return {"subnetIds": self.subnets}


Values = Mapping[str, Any] | Callable[[World], Mapping[str, Any]]


@dataclass(frozen=True)
class Case:
    """How to test one type.

    inputs: of the resource; changes: a new value for each property (made when needed, where it is a function);
    unchanged: properties that are not changed, with the reason; import_id: where it is not the id;
    stays: why something is left after the deletion; with_change: what changes together with a property;
    in_place: properties whose change here updates, though other changes of them replace.
    """

    inputs: Callable[[World], dict[str, Any]]
    changes: Mapping[str, Any]
    unchanged: Mapping[str, str] = field(default_factory=dict)
    import_id: Callable[[Live], str] | None = None
    stays: str = ""
    in_place: tuple[str, ...] = ()
    with_change: Mapping[str, Callable[[World], dict[str, Any]]] = field(default_factory=dict)


AUTO_MODE = ("computeConfig", "storageConfig", "kubernetesNetworkConfig")
IPV6 = "the local network is IPv4"
CASES: dict[str, Case] = {
    "aws:ec2/vpc:Vpc": Case(
        lambda w: {"cidrBlock": "10.1.0.0/16", "enableDnsHostnames": True},
        {
            "cidrBlock": "10.2.0.0/16",
            "enableDnsHostnames": False,
            "enableDnsSupport": False,
            "instanceTenancy": "dedicated",
        },
    ),
    "aws:ec2/subnet:Subnet": Case(
        lambda w: {"vpcId": w.vpc, "cidrBlock": f"10.0.{next(w.cidrs)}.0/24", "availabilityZone": "us-east-1a"},
        {
            "vpcId": World.new_vpc,
            "cidrBlock": lambda w: f"10.0.{next(w.cidrs)}.0/24",
            "availabilityZone": "us-east-1b",
            "mapPublicIpOnLaunch": True,
            "assignIpv6AddressOnCreation": True,
        },
        unchanged={"availabilityZoneId": "the zone is given by its name"},
    ),
    "aws:ec2/internetGateway:InternetGateway": Case(lambda w: {"vpcId": w.new_vpc()}, {"vpcId": World.new_vpc}),
    "aws:ec2/eip:Eip": Case(lambda w: {"domain": "vpc"}, {}, unchanged={"domain": "AWS has no other domain left"}),
    "aws:ec2/natGateway:NatGateway": Case(
        lambda w: {"subnetId": w.subnet(), "allocationId": w.address()},
        {
            "subnetId": World.subnet,
            "allocationId": World.address,
            "connectivityType": "private",
        },
        unchanged={"privateIp": "the AWS server chooses it"},
        with_change={"connectivityType": lambda w: {"allocationId": None}},
    ),
    "aws:ec2/routeTable:RouteTable": Case(lambda w: {"vpcId": w.vpc}, {"vpcId": World.new_vpc}),
    "aws:ec2/route:Route": Case(
        lambda w: {
            "routeTableId": w.route_table(),
            "destinationCidrBlock": "10.200.0.0/16",
            "gatewayId": w.gateway(),
        },
        {
            "routeTableId": World.route_table,
            "destinationCidrBlock": "10.201.0.0/16",
            "gatewayId": World.gateway,
            "natGatewayId": lambda w: (
                w.make("aws:ec2/natGateway:NatGateway", subnetId=w.subnet(), allocationId=w.address()).id
            ),
        },
        unchanged=dict.fromkeys(("destinationIpv6CidrBlock", "egressOnlyGatewayId"), IPV6)
        | dict.fromkeys(
            (
                "destinationPrefixListId",
                "networkInterfaceId",
                "transitGatewayId",
                "vpcEndpointId",
                "vpcPeeringConnectionId",
            ),
            "another target of the same operation",
        ),
        with_change={"natGatewayId": lambda w: {"gatewayId": None}},
    ),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Case(
        lambda w: {"routeTableId": w.route_table(), "subnetId": w.subnet()},
        {"routeTableId": World.route_table, "subnetId": World.subnet},
        unchanged={"gatewayId": "the other target of the same operation"},
        import_id=lambda live: f"{live.inputs['subnetId']}/{live.inputs['routeTableId']}",
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Case(
        lambda w: {
            "vpcId": w.vpc,
            "serviceName": "com.amazonaws.us-east-1.sts",
            "vpcEndpointType": "Interface",
            "privateDnsEnabled": True,
            "subnetIds": [w.subnets[0]],
            "securityGroupIds": [w.group()],
        },
        {
            "vpcId": World.new_vpc,
            "serviceName": "com.amazonaws.us-east-1.ecr.api",
            "vpcEndpointType": "Gateway",
            "policy": policy(AWS="*"),
            "privateDnsEnabled": False,
            "subnetIds": lambda w: [w.subnets[1]],
            "securityGroupIds": lambda w: [w.group()],
        },
        unchanged={"routeTableIds": "test_a_gateway_endpoint_follows_its_route_tables"},
        with_change={
            "vpcId": lambda w: {"subnetIds": [], "securityGroupIds": []},
            "vpcEndpointType": lambda w: {
                "serviceName": "com.amazonaws.us-east-1.s3",
                "subnetIds": None,
                "securityGroupIds": None,
                "privateDnsEnabled": None,
            },
        },
    ),
    "aws:ec2/flowLog:FlowLog": Case(
        lambda w: {
            "vpcId": w.new_vpc(),
            "trafficType": "ALL",
            "logDestination": w.log_group().state["arn"],
            "iamRoleArn": w.role("vpc-flow-logs").state["arn"],
        },
        {
            "vpcId": World.new_vpc,
            "subnetId": World.subnet,
            "trafficType": "REJECT",
            "logDestination": lambda w: w.log_group().state["arn"],
            "logDestinationType": "s3",
            "logFormat": "${srcaddr}",
            "iamRoleArn": lambda w: w.role("vpc-flow-logs").state["arn"],
            "maxAggregationInterval": 60,
        },
        unchanged={"eniId": "another owner of the same operation"},
        with_change={
            "subnetId": lambda w: {"vpcId": None},
            "logDestinationType": lambda w: {"logDestination": f"arn:aws:s3:::{w.bucket()}", "iamRoleArn": None},
        },
    ),
    "aws:ec2/securityGroup:SecurityGroup": Case(
        lambda w: {"vpcId": w.vpc, "description": "jobs"},
        {
            "name": lambda w: unique("renamed"),
            "description": "endpoints",
            "vpcId": World.new_vpc,
            "ingress": [{"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.0.0.0/8"]}],
            "egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}],
            "revokeRulesOnDelete": True,
        },
    ),
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": Case(
        lambda w: {"vpcId": w.new_vpc()},
        {
            "vpcId": World.new_vpc,
            "ingress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "self": True}],
            "egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}],
            "revokeRulesOnDelete": True,
        },
        stays="AWS deletes the default security group with its VPC alone",
    ),
    **{
        f"aws:vpc/securityGroup{direction}Rule:SecurityGroup{direction}Rule": Case(
            lambda w: {
                "securityGroupId": w.group(),
                "ipProtocol": "tcp",
                "fromPort": 443,
                "toPort": 443,
                "cidrIpv4": "10.0.0.0/8",
                "description": "TLS",
            },
            {
                "securityGroupId": World.group,
                "ipProtocol": "udp",
                "fromPort": 400,
                "toPort": 444,
                "cidrIpv4": "10.9.0.0/16",
                "description": "TLS from everywhere",
            },
            unchanged={
                "cidrIpv6": IPV6,
                "prefixListId": "AWS refuses another kind of source in an existing rule",
                "referencedSecurityGroupId": "AWS refuses another kind of source in an existing rule",
            },
        )
        for direction in ("Ingress", "Egress")
    },
    "aws:kms/key:Key": Case(
        lambda w: {"description": "artifacts", "enableKeyRotation": True, "deletionWindowInDays": 7},
        {
            "description": "all artifacts",
            "keyUsage": "SIGN_VERIFY",
            "customerMasterKeySpec": "RSA_2048",
            "multiRegion": True,
            "policy": policy("kms:*", AWS="arn:aws:iam::123456789012:root"),
            "isEnabled": False,
            "enableKeyRotation": False,
            "rotationPeriodInDays": 100,
            "deletionWindowInDays": 8,
            "bypassPolicyLockoutSafetyCheck": True,
        },
        with_change={
            "keyUsage": lambda w: {"customerMasterKeySpec": "RSA_2048", "enableKeyRotation": None},
            "customerMasterKeySpec": lambda w: {"keyUsage": "SIGN_VERIFY", "enableKeyRotation": None},
        },
    ),
    "aws:kms/alias:Alias": Case(
        lambda w: {"name": f"alias/{unique('a')}", "targetKeyId": w.key().state["arn"]},
        {"name": lambda w: f"alias/{unique('b')}", "targetKeyId": lambda w: w.key().id},
    ),
    "aws:s3/bucket:Bucket": Case(
        lambda w: {"forceDestroy": True},
        {"bucket": lambda w: unique("groundwork-renamed"), "forceDestroy": False, "objectLockEnabled": True},
    ),
    "aws:s3/bucketVersioning:BucketVersioning": Case(
        lambda w: {"bucket": w.bucket(), "versioningConfiguration": {"status": "Enabled"}},
        {"bucket": World.bucket, "versioningConfiguration": {"status": "Suspended"}},
        stays="versioning can only be suspended",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": Case(
        lambda w: {
            "bucket": w.bucket(),
            "rules": [
                {
                    "applyServerSideEncryptionByDefault": {
                        "sseAlgorithm": "aws:kms",
                        "kmsMasterKeyId": w.key().state["arn"],
                    },
                    "bucketKeyEnabled": True,
                }
            ],
        },
        {
            "bucket": World.bucket,
            "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}],
        },
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": Case(
        lambda w: {"bucket": w.bucket(), "blockPublicAcls": True, "blockPublicPolicy": True},
        {
            "bucket": World.bucket,
            "blockPublicAcls": False,
            "blockPublicPolicy": False,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": Case(
        lambda w: {"bucket": w.bucket(), "rule": {"objectOwnership": "BucketOwnerEnforced"}},
        {"bucket": World.bucket, "rule": {"objectOwnership": "BucketOwnerPreferred"}},
    ),
    "aws:s3/bucketPolicy:BucketPolicy": Case(
        lambda w: {"bucket": w.bucket(), "policy": policy(AWS="*")},
        {"bucket": World.bucket, "policy": policy(["s3:GetObject", "s3:PutObject"], AWS="*")},
    ),
    "aws:s3/bucketLogging:BucketLogging": Case(
        lambda w: {"bucket": w.bucket(), "targetBucket": w.log_bucket(), "targetPrefix": "s3/"},
        {"bucket": World.bucket, "targetBucket": World.log_bucket, "targetPrefix": "access/"},
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": Case(
        lambda w: {
            "bucket": w.bucket(),
            "rules": [
                {"id": "old-versions", "status": "Enabled", "noncurrentVersionExpiration": {"noncurrentDays": 90}},
                {
                    "id": "scratch",
                    "status": "Enabled",
                    "filter": {"prefix": "scratch/"},
                    "expiration": {"days": 7},
                    "transitions": [{"days": 3, "storageClass": "STANDARD_IA"}],
                    "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1},
                },
            ],
        },
        {
            "bucket": World.bucket,
            "rules": [
                {
                    "id": "scratch",
                    "status": "Enabled",
                    "filter": {"and": {"prefix": "scratch/", "tags": {"keep": "no"}}},
                    "expiration": {"days": 8},
                }
            ],
        },
    ),
    "aws:ecr/repository:Repository": Case(
        lambda w: {"imageTagMutability": "IMMUTABLE", "imageScanningConfiguration": {"scanOnPush": True}},
        {
            "name": lambda w: unique("renamed"),
            "imageTagMutability": "MUTABLE",
            "imageScanningConfiguration": {"scanOnPush": False},
            "encryptionConfigurations": [{"encryptionType": "KMS"}],
            "forceDelete": True,
        },
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Case(
        lambda w: {"repository": w.repository(), "policy": _keep_images(10)},
        {"repository": World.repository, "policy": lambda w: _keep_images(20)},
    ),
    "aws:iam/role:Role": Case(
        lambda w: {"assumeRolePolicy": trust("sagemaker"), "description": "jobs"},
        {
            "name": lambda w: unique("renamed"),
            "assumeRolePolicy": trust("eks"),
            "path": "/teams/",
            "description": "jobs and endpoints",
            "maxSessionDuration": 7200,
            "permissionsBoundary": World.managed_policy,
            "forceDetachPolicies": True,
        },
    ),
    "aws:iam/rolePolicy:RolePolicy": Case(
        lambda w: {"role": w.role().id, "policy": policy()},
        {"role": lambda w: w.role().id, "name": lambda w: unique("renamed"), "policy": policy("s3:PutObject")},
    ),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Case(
        lambda w: {"role": w.role().id, "policyArn": w.managed_policy()},
        {"role": lambda w: w.role().id, "policyArn": World.managed_policy},
    ),
    "aws:iam/policy:Policy": Case(
        lambda w: {"policy": policy(), "description": "reads"},
        {
            "name": lambda w: unique("renamed"),
            "path": "/teams/",
            "description": "reads and writes",
            "policy": policy(["s3:GetObject", "s3:PutObject"]),
        },
    ),
    "aws:iam/instanceProfile:InstanceProfile": Case(
        lambda w: {"role": w.role("ec2").id},
        {"name": lambda w: unique("renamed"), "path": "/nodes/", "role": lambda w: w.role("ec2").id},
    ),
    "aws:eks/cluster:Cluster": Case(
        lambda w: {
            "roleArn": w.role().state["arn"],
            "vpcConfig": {**w.placement, "endpointPrivateAccess": True},
            "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False},
            "bootstrapSelfManagedAddons": False,
            "computeConfig": {
                "enabled": True,
                "nodePools": ["system", "general-purpose"],
                "nodeRoleArn": w.role("ec2").state["arn"],
            },
            "kubernetesNetworkConfig": {"elasticLoadBalancing": {"enabled": True}},
            "storageConfig": {"blockStorage": {"enabled": True}},
            "encryptionConfig": {"provider": {"keyArn": w.key().state["arn"]}, "resources": ["secrets"]},
            "enabledClusterLogTypes": ["api", "audit"],
        },
        {
            "name": lambda w: unique("renamed"),
            "roleArn": lambda w: w.role().state["arn"],
            "vpcConfig": lambda w: {**w.placement, "endpointPublicAccess": False, "endpointPrivateAccess": True},
            "accessConfig": {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": True},
            "bootstrapSelfManagedAddons": True,
            "enabledClusterLogTypes": ["authenticator"],
            "upgradePolicy": {"supportType": "STANDARD"},
            "zonalShiftConfig": {"enabled": True},
            "deletionProtection": True,
            "forceUpdateVersion": True,
        },
        with_change={"bootstrapSelfManagedAddons": lambda w: dict.fromkeys(AUTO_MODE)},
        unchanged={
            "version": "test_a_cluster_is_upgraded_in_place",
            "computeConfig": "test_auto_mode_is_switched_as_a_whole",
            "kubernetesNetworkConfig": "test_auto_mode_is_switched_as_a_whole",
            "storageConfig": "test_auto_mode_is_switched_as_a_whole",
            "encryptionConfig": "test_envelope_encryption_cannot_be_taken_back",
        },
    ),
    "aws:eks/accessEntry:AccessEntry": Case(
        lambda w: {
            "clusterName": w.cluster,
            "principalArn": w.role().state["arn"],
            "kubernetesGroups": ["readers", "writers"],
        },
        {
            "clusterName": World.new_cluster,
            "principalArn": lambda w: w.role().state["arn"],
            "kubernetesGroups": ["readers"],
            "type": "EC2",
            "userName": "ml-engineer",
        },
        with_change={"type": lambda w: {"kubernetesGroups": None}},
    ),
    "aws:eks/accessPolicyAssociation:AccessPolicyAssociation": Case(
        lambda w: {
            "clusterName": w.cluster,
            "principalArn": _entry(w, w.cluster),
            "policyArn": _access_policy("AmazonEKSViewPolicy"),
            "accessScope": {"type": "namespace", "namespaces": ["team-a", "team-b"]},
        },
        {
            "principalArn": lambda w: _entry(w, w.cluster),
            "policyArn": lambda w: _access_policy("AmazonEKSEditPolicy"),
            "accessScope": {"type": "cluster"},
        },
        unchanged={"clusterName": "its access entry would have to be another one too"},
    ),
    "aws:eks/addon:Addon": Case(
        lambda w: {
            "clusterName": w.new_cluster(),
            "addonName": "metrics-server",
            "serviceAccountRoleArn": w.role().state["arn"],
        },
        {
            "clusterName": World.new_cluster,
            "addonName": "kube-state-metrics",
            "configurationValues": json.dumps({"replicas": 2}),
            "serviceAccountRoleArn": lambda w: w.role().state["arn"],
            "podIdentityAssociations": lambda w: [
                {"roleArn": w.role("pods.eks").state["arn"], "serviceAccount": "metrics"}
            ],
            "resolveConflictsOnCreate": "OVERWRITE",
            "resolveConflictsOnUpdate": "PRESERVE",
            "preserve": True,
        },
        unchanged={"addonVersion": "test_an_addon_is_upgraded_in_place"},
    ),
    "aws:eks/podIdentityAssociation:PodIdentityAssociation": Case(
        lambda w: {
            "clusterName": w.cluster,
            "namespace": unique("team"),
            "serviceAccount": "jobs",
            "roleArn": w.role("pods.eks").state["arn"],
        },
        {
            "clusterName": World.new_cluster,
            "namespace": lambda w: unique("team"),
            "serviceAccount": "serving",
            "roleArn": lambda w: w.role("pods.eks").state["arn"],
            "targetRoleArn": lambda w: w.role("pods.eks").state["arn"],
            "disableSessionTags": True,
        },
        import_id=lambda live: f"{live.inputs['clusterName']},{live.id}",
    ),
    "aws:cloudwatch/logGroup:LogGroup": Case(
        lambda w: {"retentionInDays": 30},
        {
            "name": lambda w: unique("renamed"),
            "retentionInDays": 90,
            "kmsKeyId": lambda w: w.key().state["arn"],
            "logGroupClass": "INFREQUENT_ACCESS",
            "skipDestroy": True,
        },
    ),
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": Case(
        lambda w: {
            "trackingServerName": unique("tracking"),
            "artifactStoreUri": f"s3://{w.bucket()}/mlflow",
            "roleArn": w.role("sagemaker").state["arn"],
        },
        {
            "trackingServerName": lambda w: unique("renamed"),
            "artifactStoreUri": lambda w: f"s3://{w.bucket()}/runs",
            "roleArn": lambda w: w.role("sagemaker").state["arn"],
            "trackingServerSize": "Medium",
            "mlflowVersion": "2.16",
            "automaticModelRegistration": True,
            "weeklyMaintenanceWindowStart": "Sun:03:00",
        },
    ),
    "aws:ssm/parameter:Parameter": Case(
        lambda w: {"name": f"/groundwork/{unique('p')}", "type": "String", "value": '{"a": 1}', "description": "one"},
        {
            "name": lambda w: f"/groundwork/{unique('renamed')}",
            "type": "SecureString",
            "value": '{"a": 2}',
            "description": "two",
            "allowedPattern": ".*",
            "tier": "Advanced",
            "dataType": "aws:ec2:image",
            "overwrite": True,
        },
        in_place=("tier",),
        with_change={"dataType": lambda w: {"value": "ami-0123456789abcdef0"}},
        unchanged={
            "insecureValue": "test_a_parameter_shows_an_insecure_value",
            "keyId": "test_a_secret_parameter_has_its_own_key",
        },
    ),
}


def _keep_images(count: int) -> str:
    selection = {"tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": count}
    return json.dumps({"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]})


def _access_policy(name: str) -> str:
    return f"arn:aws:eks::aws:cluster-access-policy/{name}"


def _entry(world: World, cluster: str) -> str:
    principal = world.role().state["arn"]
    world.make("aws:eks/accessEntry:AccessEntry", clusterName=cluster, principalArn=principal)
    return principal


CANNOT_BE_LEFT_OUT = {
    ("aws:eks/addon:Addon", "serviceAccountRoleArn"): "EKS cannot take it back; the error says so",
    ("aws:ec2/route:Route", "gatewayId"): "a route has a target",
    ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "rules"): "S3 keeps no empty configuration",
    ("aws:ssm/parameter:Parameter", "value"): "a parameter has a value",
    **dict.fromkeys(
        [
            (f"aws:vpc/securityGroup{way}Rule:SecurityGroup{way}Rule", name)
            for way in ("Ingress", "Egress")
            for name in ("cidrIpv4", "fromPort", "toPort")
        ],
        "a rule has a source and ports",
    ),
}
