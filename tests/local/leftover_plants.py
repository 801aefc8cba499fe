"""One resource of every kind that a teardown may leave behind, planted in an AWS server."""

import io
import json
import zipfile
from collections.abc import Iterator

from components.tagging import ENVIRONMENT_TAG
from tests.local.leftover_bed import ACCOUNT
from tests.local.leftover_plants_data import DataPlants
from tests.local.leftover_plants_network import NetworkPlants
from tests.local.sagemaker_server import BUCKET, ROLE, eventually


class Plants(NetworkPlants, DataPlants):
    """All of them."""

    def plant(self, environment: str, *, only_once: bool) -> dict[str, str]:
        """One of every kind for an environment. only_once: also those of which a server holds a single one."""
        self.prepare(environment)
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
        server.submit(name, "sleep 3600", StoppingCondition={"MaxRuntimeInSeconds": 3600}, Tags=self._list)
        yield "training job", name
        sagemaker.create_processing_job(
            ProcessingJobName=name,
            RoleArn=ROLE,
            AppSpecification={"ImageUri": "project:1", "ContainerEntrypoint": ["/bin/sh", "-c", "sleep 3600"]},
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
