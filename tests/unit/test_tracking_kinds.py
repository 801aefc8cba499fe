"""The serverless MLflow app, and MLflow on the cluster with a database of its own."""

import json

import pulumi_kubernetes as k8s
import pytest

from components.tracking import Tracking, TrackingArgs
from components.tracking_cluster import ClusterTrackingArgs
from components.tracking_database import DatabaseArgs
from components.training_policy import tracking_access
from tests.unit.parts import KEY, PLACEMENT, with_aws
from tests.unit.recording import ACCOUNT, Recording, record

pytestmark = pytest.mark.unit
APP = "aws:sagemaker/mlflowApp:MlflowApp"
DATABASE = "aws:rds/instance:Instance"
BUCKET = "arn:aws:s3:::artifacts"


def on_the_cluster(protect: bool = True) -> Recording:
    def program() -> None:
        options = with_aws()
        database = DatabaseArgs(
            placement=PLACEMENT,
            vpc_id="vpc-1",
            subnet_ids=["subnet-1", "subnet-2"],
            client_group_id="sg-cluster",
            kms_key_arn=KEY,
            logs_key_arn=f"{KEY}-logs",
            protect=protect,
        )
        args = ClusterTrackingArgs(
            placement=PLACEMENT,
            image="registry.example/mlflow:3.17.2",
            host="mlflow.ml.example.com",
            certificate_arn=f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/c",
            artifact_bucket="artifacts",
            artifact_bucket_arn=BUCKET,
            kms_key_arn=KEY,
            subnet_ids=["subnet-1", "subnet-2"],
            cluster_name="groundwork-dev",
            provider=k8s.Provider("cluster", kubeconfig="{}"),
            database=database,
        )
        Tracking("tracking", args, options)

    return record(program)


@pytest.fixture(scope="module")
def cluster() -> Recording:
    return on_the_cluster()


def test_a_serverless_app_takes_the_place_of_a_server():
    uris: list[str] = []

    def program() -> None:
        args = TrackingArgs(
            placement=PLACEMENT,
            artifact_bucket="artifacts",
            artifact_bucket_arn=BUCKET,
            kms_key_arn=KEY,
            kind="app",
        )
        Tracking("tracking", args, with_aws()).uri.apply(uris.append)

    recording = record(program)
    app = recording.one(APP)
    assert app.inputs["artifactStoreUri"] == "s3://artifacts/mlflow"
    assert app.protect
    assert not recording.of("aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer")
    assert uris[0].startswith("arn:aws:")


def test_a_client_of_an_app_may_call_it_and_a_client_of_a_server_needs_no_such_right():
    call = "sagemaker:CallMlflowAppApi"
    assert call in tracking_access(f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:mlflow-app/app-1")["Action"]
    assert call not in tracking_access(f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:mlflow-tracking-server/one")["Action"]


def test_the_databases_password_is_made_and_kept_by_rds(cluster: Recording):
    database = cluster.one(DATABASE).inputs
    assert database["manageMasterUserPassword"] is True
    assert database["masterUserSecretKmsKeyId"] == KEY
    assert not [key for key in database if key.lower().startswith("password")]


def test_the_database_is_encrypted_private_and_takes_tls_alone(cluster: Recording):
    database = cluster.one(DATABASE).inputs
    assert database["storageEncrypted"] is True
    assert database["kmsKeyId"] == KEY
    assert database["publiclyAccessible"] is False
    parameters = cluster.one("aws:rds/parameterGroup:ParameterGroup").inputs
    assert [(each["name"], each["value"]) for each in parameters["parameters"]] == [("rds.force_ssl", "1")]
    assert database["parameterGroupName"] == parameters["name"]


def test_nothing_but_the_cluster_reaches_the_database(cluster: Recording):
    rule = cluster.one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").inputs
    assert rule["referencedSecurityGroupId"] == "sg-cluster"
    assert (rule["fromPort"], rule["toPort"]) == (5432, 5432)
    assert "cidrIpv4" not in rule
    assert not cluster.of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")


def test_a_database_that_is_protected_leaves_a_last_snapshot_and_another_goes_at_once(cluster: Recording):
    kept = cluster.one(DATABASE)
    assert kept.protect
    assert kept.inputs["deletionProtection"] is True
    assert kept.inputs["finalSnapshotIdentifier"] == "groundwork-dev-tracking-last"
    loose = on_the_cluster(protect=False).one(DATABASE)
    assert not loose.protect
    assert loose.inputs["skipFinalSnapshot"] is True
    assert "finalSnapshotIdentifier" not in loose.inputs


def test_the_databases_log_has_an_end_and_a_key(cluster: Recording):
    logs = cluster.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert logs["name"] == "/aws/rds/instance/groundwork-dev-tracking/postgresql"
    assert logs["retentionInDays"] == 30
    assert logs["kmsKeyId"] == f"{KEY}-logs"


def test_the_server_reads_artifacts_and_writes_none(cluster: Recording):
    actions = {
        action
        for statement in cluster.policy("aws:iam/rolePolicy:RolePolicy", "tracking-cluster-policy")
        for action in statement["Action"]
    }
    assert actions == {"s3:ListBucket", "s3:GetObject", "secretsmanager:GetSecretValue", "kms:Decrypt"}


def test_no_secret_stands_in_the_servers_environment(cluster: Recording):
    pod = cluster.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]["spec"]
    environment = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
    assert environment["MLFLOW_SERVER_ALLOWED_HOSTS"] == "mlflow.ml.example.com"
    assert not [name for name in environment if "PASSWORD" in name or "STORE_URI" in name]
    assert not cluster.of("kubernetes:core/v1:Secret")


def test_the_servers_pod_has_no_more_rights_than_it_needs(cluster: Recording):
    pod = cluster.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    container = pod["containers"][0]["securityContext"]
    assert container["readOnlyRootFilesystem"] is True
    assert container["allowPrivilegeEscalation"] is False


def test_the_load_balancer_is_internal_and_speaks_tls(cluster: Recording):
    parameters = cluster.one("kubernetes:eks.amazonaws.com/v1:IngressClassParams").inputs["spec"]
    assert parameters["scheme"] == "internal"
    assert parameters["certificateARNs"] == [f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/c"]
    ingress = cluster.one("kubernetes:networking.k8s.io/v1:Ingress").inputs
    listens = json.loads(ingress["metadata"]["annotations"]["alb.ingress.kubernetes.io/listen-ports"])
    assert listens == [{"HTTPS": 443}]
    assert ingress["spec"]["rules"][0]["host"] == "mlflow.ml.example.com"


def test_the_namespace_goes_before_the_nodes_and_the_server_before_the_database(cluster: Recording):
    deployment = cluster.one("kubernetes:apps/v1:Deployment")
    assert {"tracking-cluster-database-instance", "tracking-cluster-pod-identity"} <= deployment.dependencies
