"""One resource of every kind that a teardown may leave behind, planted in an AWS server."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

from components.tagging import ENVIRONMENT_TAG
from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer, eventually

ACCOUNT = "123456789012"
Planter = Callable[[str, str], str]
"""Makes one for an environment; returns its id."""


class Plants:
    """What is planted, environment by environment. `ids` maps each kind's word to the id of the planted one."""

    def __init__(self, server: SageMakerServer):
        self._server = server
        self._clients: dict[str, Any] = {}
        self.ids: dict[str, dict[str, str]] = {}

    def client(self, service: str) -> Any:
        """A client of the server."""
        if service not in self._clients:
            self._clients[service] = self._server.client(service)
        return self._clients[service]

    def plant(self, environment: str, *, only_once: bool) -> dict[str, str]:
        """One of every kind for an environment. only_once: also those of which a server holds a single one."""
        self._env = environment
        self._name = f"groundwork-{environment}"
        self._tags = {ENVIRONMENT_TAG: environment, "managed-by": "groundwork"}
        self._list = [{"Key": key, "Value": value} for key, value in self._tags.items()]
        planted = dict(self._everything())
        if only_once:
            planted["tracking server"] = self._tracking_server()
        self.ids[environment] = planted
        return planted

    def _everything(self) -> Iterator[tuple[str, str]]:
        yield from self._network()
        yield from self._machines()
        yield from self._sagemaker()
        yield from self._work()
        yield from self._watch()
        yield from self._data()
        yield from self._identity()

    def _spec(self, kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": self._list}]

    def _network(self) -> Iterator[tuple[str, str]]:
        ec2 = self.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=self._spec("vpc"))["Vpc"]["VpcId"]
        yield "VPC", self.vpc
        self.subnets = [
            # By its place alone: no tag.
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for number, zone in enumerate(("us-east-1a", "us-east-1b"))
        ]
        yield "subnet", self.subnets[0]
        made = ec2.create_internet_gateway(TagSpecifications=self._spec("internet-gateway"))
        gateway = made["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        yield "internet gateway", gateway
        address = ec2.allocate_address(Domain="vpc", TagSpecifications=self._spec("elastic-ip"))["AllocationId"]
        yield "address", address
        nat = ec2.create_nat_gateway(SubnetId=self.subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
        yield "NAT gateway", nat
        table = ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=table, SubnetId=self.subnets[0])
        yield "route table", table
        groups = [
            ec2.create_security_group(GroupName=f"eks-{word}", Description="x", VpcId=self.vpc)["GroupId"]
            for word in ("one", "two")
        ]
        for one, other in (groups, reversed(groups)):
            pair = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]}
            ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=[pair])
        yield "security group", groups[0]
        interface = ec2.create_network_interface(SubnetId=self.subnets[1], Groups=[groups[1]])
        yield "network interface", interface["NetworkInterface"]["NetworkInterfaceId"]
        endpoint = ec2.create_vpc_endpoint(
            VpcId=self.vpc, ServiceName="com.amazonaws.us-east-1.s3", VpcEndpointType="Gateway"
        )
        yield "VPC endpoint", endpoint["VpcEndpoint"]["VpcEndpointId"]
        logs = ec2.create_flow_logs(
            ResourceIds=[self.vpc],
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="s3",
            LogDestination=f"arn:aws:s3:::{BUCKET}",
            TagSpecifications=self._spec("vpc-flow-log"),
        )
        yield "flow log", logs["FlowLogIds"][0]

    def _machines(self) -> Iterator[tuple[str, str]]:
        ec2, cluster = self.client("ec2"), {"Key": "eks:eks-cluster-name", "Value": self._name}
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        # A node that outlived its cluster, which tagged it.
        instance = ec2.run_instances(
            ImageId=image,
            MinCount=1,
            MaxCount=1,
            InstanceType="m5.large",
            NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": self.subnets[0], "DeleteOnTermination": True}],
            TagSpecifications=[{"ResourceType": "instance", "Tags": [cluster]}],
        )["Instances"][0]["InstanceId"]
        yield "instance", instance
        volume = ec2.create_volume(
            AvailabilityZone="us-east-1a",
            Size=10,
            VolumeType="gp3",
            TagSpecifications=[{"ResourceType": "volume", "Tags": [cluster]}],
        )["VolumeId"]
        yield "volume", volume
        snapshot = ec2.create_snapshot(VolumeId=volume, TagSpecifications=self._spec("snapshot"))["SnapshotId"]
        yield "snapshot", snapshot
        made = ec2.create_image(InstanceId=instance, Name=self._name, TagSpecifications=self._spec("image"))["ImageId"]
        yield "machine image", made
        template = ec2.create_launch_template(
            LaunchTemplateName=f"{self._name}-gpu", LaunchTemplateData={"InstanceType": "m5.large"}
        )["LaunchTemplate"]["LaunchTemplateId"]
        yield "launch template", template
        ec2.create_placement_group(GroupName=f"{self._name}-efa", Strategy="cluster")
        yield "placement group", f"{self._name}-efa"
        group = f"eks-{self._env}-nodes"
        self.client("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=group,
            MinSize=0,
            MaxSize=1,
            LaunchTemplate={"LaunchTemplateId": template},
            VPCZoneIdentifier=self.subnets[0],
            Tags=[
                {
                    "Key": f"kubernetes.io/cluster/{self._name}",
                    "Value": "owned",
                    "PropagateAtLaunch": True,
                    "ResourceId": group,
                    "ResourceType": "auto-scaling-group",
                }
            ],
        )
        yield "Auto Scaling group", group
        balancers = self.client("elbv2")
        made = balancers.create_load_balancer(
            Name=f"k8s-{self._env}-web",
            Subnets=self.subnets,
            Type="network",
            Tags=[{"Key": "elbv2.k8s.aws/cluster", "Value": self._name}],
        )
        yield "load balancer", made["LoadBalancers"][0]["LoadBalancerArn"]
        target = balancers.create_target_group(Name=f"k8s-{self._env}-t", Protocol="TCP", Port=80, VpcId=self.vpc)
        yield "target group", target["TargetGroups"][0]["TargetGroupArn"]
        listener = {"Protocol": "tcp", "LoadBalancerPort": 80, "InstancePort": 80}
        self.client("elb").create_load_balancer(
            LoadBalancerName=f"a{self._env}", Listeners=[listener], Subnets=[self.subnets[0]]
        )
        yield "classic load balancer", f"a{self._env}"

    def _sagemaker(self) -> Iterator[tuple[str, str]]:
        server, sagemaker = self._server, self.client("sagemaker")
        name = f"team-{self._env}"
        sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"Image": "model-server:1", "ModelDataUrl": f"s3://{BUCKET}/models/model.tar.gz"},
            ExecutionRoleArn=ROLE,
            Tags=self._list,
        )
        yield "model", name
        variant = {"VariantName": "All", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], Tags=self._list)
        yield "endpoint configuration", name
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=self._list)
        server.settled(name)
        yield "endpoint", name
        server.submit(name, "sleep 50", Tags=self._list)
        yield "training job", name
        sagemaker.create_processing_job(
            ProcessingJobName=name,
            RoleArn=ROLE,
            AppSpecification={"ImageUri": "project:1", "ContainerEntrypoint": ["/bin/sh", "-c", "sleep 50"]},
            ProcessingResources={
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
            },
            Tags=self._list,
        )
        yield "processing job", name
        sagemaker.create_model_package_group(ModelPackageGroupName=name, Tags=self._list)
        yield "model package group", name

    def _tracking_server(self) -> str:
        self.client("sagemaker").create_mlflow_tracking_server(
            TrackingServerName=self._name, ArtifactStoreUri=f"s3://{BUCKET}/mlflow", RoleArn=ROLE, Tags=self._list
        )
        eventually(
            lambda: self.client("sagemaker").describe_mlflow_tracking_server(TrackingServerName=self._name),
            lambda found: found["TrackingServerStatus"] != "Creating",
        )
        return self._name

    def _work(self) -> Iterator[tuple[str, str]]:
        self._trusted("work", "lambda.amazonaws.com", "codebuild.amazonaws.com", "scheduler.amazonaws.com")
        role = f"arn:aws:iam::{ACCOUNT}:role/work-{self._env}"
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as made:
            made.writestr("work.py", "def run(event, context): pass")
        function = self.client("lambda").create_function(
            FunctionName=f"fn-{self._env}",
            Runtime="python3.13",
            Role=role,
            Handler="work.run",
            Code={"ZipFile": archive.getvalue()},
            Tags=self._tags,
        )
        yield "function", f"fn-{self._env}"
        self.client("scheduler").create_schedule(
            Name=f"{self._name}-clock",
            ScheduleExpression="rate(10 hours)",
            State="DISABLED",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": function["FunctionArn"], "RoleArn": role},
        )
        yield "schedule", f"{self._name}-clock"
        self.client("codebuild").create_project(
            name=f"builder-{self._env}",
            serviceRole=role,
            artifacts={"type": "NO_ARTIFACTS"},
            environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
            source={"type": "S3", "location": f"{BUCKET}/source.zip"},
            tags=[{"key": key, "value": value} for key, value in self._tags.items()],
        )
        yield "build project", f"builder-{self._env}"
        self._trusted("cluster", "eks.amazonaws.com")
        self._trusted("node", "ec2.amazonaws.com")
        self.client("eks").create_cluster(
            name=self._name,
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/cluster-{self._env}",
            resourcesVpcConfig={"subnetIds": self.subnets, "endpointPrivateAccess": True},
            accessConfig={"authenticationMode": "API"},
            bootstrapSelfManagedAddons=False,
            computeConfig={
                "enabled": True,
                "nodePools": ["general-purpose", "system"],
                "nodeRoleArn": f"arn:aws:iam::{ACCOUNT}:role/node-{self._env}",
            },
            kubernetesNetworkConfig={"elasticLoadBalancing": {"enabled": True}},
            storageConfig={"blockStorage": {"enabled": True}},
            tags=self._tags,
            deletionProtection=True,
        )
        yield "cluster", self._name

    def _watch(self) -> Iterator[tuple[str, str]]:
        watch = self.client("cloudwatch")
        watch.put_metric_alarm(
            AlarmName=f"slow-{self._env}",
            Namespace="x",
            MetricName="y",
            Statistic="Sum",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Period=60,
            Threshold=1,
            Tags=self._list,
        )
        yield "alarm", f"slow-{self._env}"
        watch.put_composite_alarm(
            AlarmName=f"both-{self._env}", AlarmRule=f'ALARM("slow-{self._env}")', Tags=self._list
        )
        yield "composite alarm", f"both-{self._env}"
        amp = self.client("amp")
        workspace = amp.create_workspace(alias="metrics", tags=self._tags)
        yield "Prometheus workspace", workspace["workspaceId"]
        cluster = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/{self._name}"
        blob = b"global: {scrape_interval: 60s}\nscrape_configs: [{job_name: x}]\n"
        scraper = amp.create_scraper(
            scrapeConfiguration={"configurationBlob": blob},
            source={"eksConfiguration": {"clusterArn": cluster, "subnetIds": self.subnets}},
            destination={"ampConfiguration": {"workspaceArn": workspace["arn"]}},
            tags=self._tags,
        )
        yield "scraper", scraper["scraperId"]
        grafana = self.client("grafana").create_workspace(
            accountAccessType="CURRENT_ACCOUNT",
            authenticationProviders=["AWS_SSO"],
            permissionType="CUSTOMER_MANAGED",
            tags=self._tags,
        )
        yield "Grafana workspace", grafana["workspace"]["id"]
        budget = {
            "BudgetName": f"{self._name}-month",
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": "10", "Unit": "USD"},
        }
        self.client("budgets").create_budget(AccountId=ACCOUNT, Budget=budget)
        yield "budget", budget["BudgetName"]
        explorer = self.client("ce")
        tagged = json.loads(f'{{"Tags": {{"Key": "{ENVIRONMENT_TAG}", "Values": ["{self._env}"]}}}}')
        monitor = explorer.create_anomaly_monitor(
            AnomalyMonitor={"MonitorName": self._name, "MonitorType": "CUSTOM", "MonitorSpecification": tagged}
        )["MonitorArn"]
        yield "anomaly monitor", monitor
        topic = self.client("sns").create_topic(Name=f"alerts-{self._env}", Tags=self._list)["TopicArn"]
        yield "topic", topic
        subscription = explorer.create_anomaly_subscription(
            AnomalySubscription={
                "SubscriptionName": self._name,
                "MonitorArnList": [monitor],
                "Frequency": "IMMEDIATE",
                "Subscribers": [{"Address": topic, "Type": "SNS"}],
                "ThresholdExpression": {
                    "Dimensions": {
                        "Key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE",
                        "MatchOptions": ["GREATER_THAN_OR_EQUAL"],
                        "Values": ["10"],
                    }
                },
            }
        )
        yield "anomaly subscription", subscription["SubscriptionArn"]

    def _data(self) -> Iterator[tuple[str, str]]:
        s3, ecr, rds = self.client("s3"), self.client("ecr"), self.client("rds")
        bucket = f"lake-{self._env}"
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": self._list})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for body in (b"old", b"new"):
            s3.put_object(Bucket=bucket, Key="rows.csv", Body=body)
        s3.delete_object(Bucket=bucket, Key="rows.csv")
        yield "bucket", bucket
        trails = f"trails-{self._env}"
        s3.create_bucket(Bucket=trails)
        arn = f"arn:aws:cloudtrail:us-east-1:{ACCOUNT}:trail/{self._name}"
        allow = {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"}}
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {**allow, "Action": "s3:GetBucketAcl", "Resource": f"arn:aws:s3:::{trails}"},
                {**allow, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{trails}/AWSLogs/{ACCOUNT}/*"},
            ],
        }
        s3.put_bucket_policy(Bucket=trails, Policy=json.dumps(policy))
        self.client("cloudtrail").create_trail(Name=self._name, S3BucketName=trails, TagsList=self._list)
        yield "trail", arn
        ecr.create_repository(repositoryName=f"images-{self._env}", tags=self._list)
        yield "repository", f"images-{self._env}"
        ecr.create_pull_through_cache_rule(
            ecrRepositoryPrefix=f"gw-{self._env}/k8s", upstreamRegistryUrl="registry.k8s.io"
        )
        yield "cache rule", f"gw-{self._env}/k8s"
        group = rds.create_db_subnet_group(
            DBSubnetGroupName=f"subnets-{self._env}",
            DBSubnetGroupDescription="x",
            SubnetIds=self.subnets,
            Tags=self._list,
        )
        yield "database subnet group", group["DBSubnetGroup"]["DBSubnetGroupName"]
        rds.create_db_parameter_group(
            DBParameterGroupName=f"params-{self._env}",
            DBParameterGroupFamily="postgres17",
            Description="x",
            Tags=self._list,
        )
        yield "database parameter group", f"params-{self._env}"
        rds.create_db_instance(
            DBInstanceIdentifier=f"runs-{self._env}",
            Engine="postgres",
            DBInstanceClass="db.t4g.small",
            AllocatedStorage=20,
            StorageType="gp3",
            MasterUsername="mlflow",
            MasterUserPassword="not-a-secret-here",
            DBSubnetGroupName=f"subnets-{self._env}",
            DeletionProtection=True,
            Tags=self._list,
        )
        yield "database", f"runs-{self._env}"
        rds.create_db_snapshot(
            DBSnapshotIdentifier=f"runs-{self._env}-last",
            DBInstanceIdentifier=f"runs-{self._env}",
            Tags=self._list,
        )
        yield "database snapshot", f"runs-{self._env}-last"
        secret = self.client("secretsmanager").create_secret(
            Name=f"word-{self._env}", SecretString="x", Tags=self._list
        )
        yield "secret", secret["ARN"]
        self.client("ssm").put_parameter(Name=f"/groundwork/{self._env}/contract", Value="{}", Type="String")
        yield "parameter", f"/groundwork/{self._env}/contract"
        # A cluster's last line, written after its log group was deleted, makes the group again, without a tag.
        self.client("logs").create_log_group(logGroupName=f"/aws/eks/{self._name}/cluster")
        yield "log group", f"/aws/eks/{self._name}/cluster"

    def _identity(self) -> Iterator[tuple[str, str]]:
        iam, kms = self.client("iam"), self.client("kms")
        document = json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
        )
        role, policy = f"{self._name}-tracking", f"{self._name}-models"
        self._trusted("x", "ec2.amazonaws.com", name=role)
        iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=document)
        arn = iam.create_policy(PolicyName=policy, PolicyDocument=document)["Policy"]["Arn"]
        iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
        iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        iam.create_instance_profile(InstanceProfileName=f"{self._name}-nodes")
        iam.add_role_to_instance_profile(InstanceProfileName=f"{self._name}-nodes", RoleName=role)
        yield "role", role
        yield "policy", arn
        yield "instance profile", f"{self._name}-nodes"
        provider = iam.create_open_id_connect_provider(
            Url=f"https://oidc.{self._env}.example.com", ClientIDList=["sts.amazonaws.com"], Tags=self._list
        )
        yield "identity provider", provider["OpenIDConnectProviderArn"]
        tags = [{"TagKey": key, "TagValue": value} for key, value in self._tags.items()]
        key = kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/{self._name}-data", TargetKeyId=key)
        yield "key", key
        yield "key alias", f"alias/{self._name}-data"

    def _trusted(self, word: str, *services: str, name: str = "") -> None:
        """A role that these services may take."""
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": list(services)},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
        self.client("iam").create_role(
            RoleName=name or f"{word}-{self._env}",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        )
