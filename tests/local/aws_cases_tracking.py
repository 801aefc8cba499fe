"""Cases of `test_aws_provider_types` for what experiment tracking needs: MLflow apps and databases."""

from typing import Any

from aws_provider_cases import Case, World, unique


def _subnet_group(world: World) -> str:
    return world.make("aws:rds/subnetGroup:SubnetGroup", name=unique("subnets"), subnetIds=world.subnets).id


def _parameter_group(world: World) -> str:
    return world.make("aws:rds/parameterGroup:ParameterGroup", name=unique("parameters"), family="postgres17").id


def _database(world: World) -> dict[str, Any]:
    return {
        "identifier": unique("database"),
        "engine": "postgres",
        "engineVersion": "17",
        "instanceClass": "db.t4g.small",
        "allocatedStorage": 20,
        "maxAllocatedStorage": 100,
        "storageType": "gp3",
        "storageEncrypted": True,
        "kmsKeyId": world.key().state["arn"],
        "dbName": "mlflow",
        "username": "mlflow",
        "manageMasterUserPassword": True,
        "port": 5432,
        "dbSubnetGroupName": _subnet_group(world),
        "vpcSecurityGroupIds": [world.group()],
        "parameterGroupName": _parameter_group(world),
        "backupRetentionPeriod": 7,
        "enabledCloudwatchLogsExports": ["postgresql"],
        "skipFinalSnapshot": True,
    }


CASES: dict[str, Case] = {
    "aws:sagemaker/mlflowApp:MlflowApp": Case(
        lambda w: {
            "name": unique("app"),
            "artifactStoreUri": f"s3://{w.bucket()}/mlflow",
            "roleArn": w.role("sagemaker").state["arn"],
        },
        {
            "name": lambda w: unique("renamed"),
            "artifactStoreUri": lambda w: f"s3://{w.bucket()}/runs",
            "roleArn": lambda w: w.role("sagemaker").state["arn"],
            "modelRegistrationMode": "AutoModelRegistrationEnabled",
            "weeklyMaintenanceWindowStart": "Sun:03:00",
            "accountDefaultStatus": "ENABLED",
            "defaultDomainIdLists": ["d-0123456789ab"],
        },
    ),
    "aws:rds/subnetGroup:SubnetGroup": Case(
        lambda w: {"name": unique("subnets"), "subnetIds": w.subnets, "description": "one"},
        {
            "name": lambda w: unique("renamed"),
            "subnetIds": lambda w: [*w.subnets, w.subnet("us-east-1b")],
            "description": "two",
        },
    ),
    "aws:rds/parameterGroup:ParameterGroup": Case(
        lambda w: {
            "name": unique("parameters"),
            "family": "postgres17",
            "description": "one",
            "parameters": [{"name": "rds.force_ssl", "value": "1"}],
        },
        {
            "name": lambda w: unique("renamed"),
            "family": "postgres16",
            "description": "two",
            "parameters": [{"name": "log_connections", "value": "1", "applyMethod": "pending-reboot"}],
            "skipDestroy": True,
        },
    ),
    "aws:rds/instance:Instance": Case(
        _database,
        {
            "identifier": lambda w: unique("renamed"),
            "engine": "mysql",
            "engineVersion": "18",
            "instanceClass": "db.m7g.large",
            "allocatedStorage": 40,
            "maxAllocatedStorage": 200,
            "storageType": "io2",
            "storageEncrypted": False,
            "kmsKeyId": lambda w: w.key().state["arn"],
            "dbName": "other",
            "username": "somebody",
            "port": 5433,
            "masterUserSecretKmsKeyId": lambda w: w.key().state["arn"],
            "dbSubnetGroupName": _subnet_group,
            "vpcSecurityGroupIds": lambda w: [w.group()],
            "parameterGroupName": _parameter_group,
            "publiclyAccessible": True,
            "multiAz": True,
            "backupRetentionPeriod": 14,
            "backupWindow": "03:00-04:00",
            "maintenanceWindow": "Sun:05:00-Sun:06:00",
            "copyTagsToSnapshot": True,
            "autoMinorVersionUpgrade": False,
            "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
            "iamDatabaseAuthenticationEnabled": True,
            "finalSnapshotIdentifier": "last",
            "applyImmediately": True,
            "skipFinalSnapshot": False,
        },
        unchanged={
            "manageMasterUserPassword": "without it a password has to stand in the state",
            "deletionProtection": "test_a_protected_database_is_not_deleted",
        },
        import_id=lambda live: live.inputs["identifier"],
        with_change={
            "skipFinalSnapshot": lambda w: {"finalSnapshotIdentifier": unique("last")},
            "finalSnapshotIdentifier": lambda w: {"skipFinalSnapshot": False},
            "storageEncrypted": lambda w: {"kmsKeyId": None},
            "engine": lambda w: {"engineVersion": "8.4", "parameterGroupName": None},
        },
    ),
}
CANNOT_BE_LEFT_OUT = {
    ("aws:rds/instance:Instance", "engineVersion"): "RDS stays at the version that it has",
    ("aws:rds/instance:Instance", "manageMasterUserPassword"): "without it a password has to stand in the state",
}
