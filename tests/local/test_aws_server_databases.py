"""RDS on the AWS server: what holds up a deletion, what is refused, and where the password is."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.providers.harness import AwsServer, Plugin, ProviderError

pytestmark = [pytest.mark.local, pytest.mark.timeout(180)]
INSTANCE = "aws:rds/instance:Instance"
SUBNETS, PARAMETERS = "aws:rds/subnetGroup:SubnetGroup", "aws:rds/parameterGroup:ParameterGroup"
_COUNT = itertools.count(1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServer]:
    with AwsServer(Path(tmp_path_factory.mktemp("aws"))) as running:
        yield running


@pytest.fixture(scope="module")
def plugin(server: AwsServer) -> Iterator[Plugin]:
    started = Plugin(server.environment, {"region": "us-east-1"})
    yield started
    started.close()


@pytest.fixture(scope="module")
def subnets(server: AwsServer) -> list[str]:
    network = server.call("ec2", "create_vpc", CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    return [
        server.call(
            "ec2", "create_subnet", VpcId=network, CidrBlock=f"10.9.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate("aab")
    ]


def database(**more: Any) -> dict[str, Any]:
    return {
        "identifier": f"database-{next(_COUNT)}",
        "engine": "postgres",
        "engineVersion": "17",
        "instanceClass": "db.t4g.small",
        "allocatedStorage": 20,
        "username": "mlflow",
        "manageMasterUserPassword": True,
        "skipFinalSnapshot": True,
        **more,
    }


def test_a_protected_database_is_not_deleted(plugin: Plugin):
    live = plugin.create(INSTANCE, "db", database(deletionProtection=True))
    with pytest.raises(ProviderError, match="protected"):
        plugin.delete(live)
    plugin.update(live, {**live.inputs, "deletionProtection": False})
    plugin.delete(live)
    assert plugin.read(live) is None


def test_a_database_goes_with_a_last_snapshot_or_by_being_told_to_go_without(plugin: Plugin, server: AwsServer):
    live = plugin.create(INSTANCE, "db", database(skipFinalSnapshot=False))
    with pytest.raises(ProviderError, match="FinalDBSnapshotIdentifier is required"):
        plugin.delete(live)
    plugin.update(live, {**live.inputs, "finalSnapshotIdentifier": "the-last-one"})
    plugin.delete(live)
    snapshots = server.call("rds", "describe_db_snapshots", DBSnapshotIdentifier="the-last-one")["DBSnapshots"]
    assert [snapshot["DBInstanceIdentifier"] for snapshot in snapshots] == [live.inputs["identifier"]]


def test_groups_stay_while_a_database_uses_them(plugin: Plugin, subnets: list[str]):
    inside = plugin.create(SUBNETS, "subnets", {"name": "inside", "subnetIds": subnets})
    set_so = plugin.create(PARAMETERS, "parameters", {"name": "set-so", "family": "postgres17"})
    live = plugin.create(INSTANCE, "db", database(dbSubnetGroupName="inside", parameterGroupName="set-so"))
    for group in (inside, set_so):
        with pytest.raises(ProviderError, match=r"using it|still members"):
            plugin.delete(group)
    plugin.delete(live)
    plugin.delete(inside)
    plugin.delete(set_so)


def test_a_subnet_group_covers_two_zones(plugin: Plugin, subnets: list[str]):
    with pytest.raises(ProviderError, match="DBSubnetGroupDoesNotCoverEnoughAZs"):
        plugin.create(SUBNETS, "subnets", {"name": "one-zone", "subnetIds": subnets[:2]})


def test_the_password_is_in_secrets_manager_and_in_no_state(plugin: Plugin, server: AwsServer):
    live = plugin.create(INSTANCE, "db", database())
    (secret,) = live.state["masterUserSecrets"]
    kept = server.call("secretsmanager", "get_secret_value", SecretId=secret["secretArn"])
    password = json.loads(kept["SecretString"])["password"]
    assert password not in json.dumps(live.state)
    plugin.delete(live)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        server.call("secretsmanager", "get_secret_value", SecretId=secret["secretArn"])


def test_a_password_of_ones_own_does_not_go_with_one_of_rds(server: AwsServer):
    with pytest.raises(ClientError, match="MasterUserPassword"):
        server.call(
            "rds",
            "create_db_instance",
            DBInstanceIdentifier="mine",
            DBInstanceClass="db.t4g.small",
            Engine="postgres",
            MasterUsername="mlflow",
            MasterUserPassword="my-own-one",
            ManageMasterUserPassword=True,
        )


def test_a_crash_loses_neither_a_database_nor_its_password_nor_an_app(tmp_path: Path):
    with AwsServer(tmp_path) as server:
        plugin = Plugin(server.environment, {"region": "us-east-1"})
        live = plugin.create(INSTANCE, "db", database())
        server.call("s3", "create_bucket", Bucket="artifacts")
        document = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = server.call("iam", "create_role", RoleName="tracking", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        app = {"Name": "one", "ArtifactStoreUri": "s3://artifacts/mlflow", "RoleArn": role}
        arn = server.call("sagemaker", "create_mlflow_app", **app)["Arn"]
        plugin.close()
        assert server._process is not None
        server._process.kill()
    with AwsServer(tmp_path) as server:
        (found,) = server.call("rds", "describe_db_instances")["DBInstances"]
        assert found["DbiResourceId"] == live.state["resourceId"]
        secret = found["MasterUserSecret"]["SecretArn"]
        assert server.call("secretsmanager", "get_secret_value", SecretId=secret)["SecretString"]
        assert server.call("sagemaker", "describe_mlflow_app", Arn=arn)["Status"] == "Created"
        assert server.call("sagemaker", "create_presigned_mlflow_app_url", Arn=arn) is not None
