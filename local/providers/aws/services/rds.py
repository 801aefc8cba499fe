"""Databases of RDS, and the groups of subnets and parameters that they name."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.clients import AwsError
from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging, Wait

_DESCRIPTION = "Managed by Pulumi"
_INSTANCE_GONE = ("DBInstanceNotFound", "DBInstanceNotFoundFault")
_SUBNETS_GONE = ("DBSubnetGroupNotFoundFault",)
_PARAMETERS_GONE = ("DBParameterGroupNotFound", "DBParameterGroupNotFoundFault")


def _tagging(member: str = "Tags") -> Tagging:
    return Tagging(
        member=member,
        style="pairs",
        path="tags",
        add=Call("AddTagsToResource", {"ResourceName": "$arn", "Tags": "$tags"}),
        remove=Call("RemoveTagsFromResource", {"ResourceName": "$arn", "TagKeys": "$tagKeys"}),
    )


def _read_tags(arn: str) -> Read:
    return Read("ListTagsForResource", {"ResourceName": arn}, "TagList", into="tags")


SUBNET_GROUP = Resource(
    type="aws:rds/subnetGroup:SubnetGroup",
    service="rds",
    docs=page("subnetgroup", "rds"),
    id="{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=255, path="DBSubnetGroupName"),
        Property("description", default=_DESCRIPTION, path="DBSubnetGroupDescription"),
        Property("subnetIds", "set", required=True, path="Subnets[].SubnetIdentifier"),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateDBSubnetGroup",
        {"DBSubnetGroupName": "$name", "DBSubnetGroupDescription": "$description", "SubnetIds": "$subnetIds"},
    ),
    reads=(
        Read("DescribeDBSubnetGroups", {"DBSubnetGroupName": "$id"}, "DBSubnetGroups[0]", gone=_SUBNETS_GONE),
        _read_tags("$document.DBSubnetGroupArn"),
    ),
    updates=(
        Call(
            "ModifyDBSubnetGroup",
            {"DBSubnetGroupName": "$id", "DBSubnetGroupDescription": "$description", "SubnetIds": "$subnetIds"},
            on=("description", "subnetIds"),
        ),
    ),
    delete=(Call("DeleteDBSubnetGroup", {"DBSubnetGroupName": "$id"}, ignore=_SUBNETS_GONE),),
    outputs={"arn": "DBSubnetGroupArn", "vpcId": "VpcId"},
    tagging=_tagging(),
    unique=("name",),
)


def _set_parameters(context: Context) -> None:
    """Sets what is asked for, and resets what is not any more."""
    wanted = {each["name"]: each for each in context.new.get("parameters") or ()}
    before = {each["name"]: each for each in context.old.get("parameters") or ()}
    for operation, chosen in (
        ("ResetDBParameterGroup", [each for name, each in before.items() if name not in wanted]),
        ("ModifyDBParameterGroup", list(wanted.values())),
    ):
        # An operation takes 20 parameters at most.
        for start in range(0, len(chosen), 20):
            context.call(
                operation,
                {
                    "DBParameterGroupName": context.id,
                    "Parameters": [
                        {
                            "ParameterName": each["name"],
                            "ParameterValue": each["value"],
                            "ApplyMethod": each.get("applyMethod") or "immediate",
                        }
                        for each in chosen[start : start + 20]
                    ],
                },
            )


PARAMETER_GROUP = Resource(
    type="aws:rds/parameterGroup:ParameterGroup",
    service="rds",
    docs=page("parametergroup", "rds"),
    id="{name}",
    properties=(
        Property("name", replaces=REPLACES, autoname=255, path="DBParameterGroupName"),
        Property("family", required=True, replaces=REPLACES, path="DBParameterGroupFamily"),
        Property("description", default=_DESCRIPTION, replaces=REPLACES),
        Property(
            "parameters",
            "blockset",
            path="parameters",
            fields=(
                Property("name", required=True, path="ParameterName"),
                Property("value", required=True, path="ParameterValue"),
                Property("applyMethod", default="immediate"),
            ),
        ),
        Property("skipDestroy", default=False, path=""),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateDBParameterGroup",
        {"DBParameterGroupName": "$name", "DBParameterGroupFamily": "$family", "Description": "$description"},
    ),
    reads=(
        Read(
            "DescribeDBParameterGroups",
            {"DBParameterGroupName": "$id"},
            "DBParameterGroups[?DBParameterGroupName == '$id'] | [0]",
            gone=_PARAMETERS_GONE,
        ),
        Read(
            "DescribeDBParameters", {"DBParameterGroupName": "$id", "Source": "user"}, "Parameters", into="parameters"
        ),
        _read_tags("$document.DBParameterGroupArn"),
    ),
    updates=(Function(_set_parameters, on=("parameters",), at_create=True),),
    delete=(
        Call(
            "DeleteDBParameterGroup", {"DBParameterGroupName": "$id"}, if_unset="skipDestroy", ignore=_PARAMETERS_GONE
        ),
    ),
    outputs={"arn": "DBParameterGroupArn"},
    tagging=_tagging(),
    unique=("name",),
)

_MODIFIABLE = {
    "allocatedStorage": "AllocatedStorage",
    "autoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "backupRetentionPeriod": "BackupRetentionPeriod",
    "backupWindow": "PreferredBackupWindow",
    "copyTagsToSnapshot": "CopyTagsToSnapshot",
    "dbSubnetGroupName": "DBSubnetGroupName",
    "deletionProtection": "DeletionProtection",
    "engineVersion": "EngineVersion",
    "iamDatabaseAuthenticationEnabled": "EnableIAMDatabaseAuthentication",
    "instanceClass": "DBInstanceClass",
    "maintenanceWindow": "PreferredMaintenanceWindow",
    "maxAllocatedStorage": "MaxAllocatedStorage",
    "multiAz": "MultiAZ",
    "parameterGroupName": "DBParameterGroupName",
    "port": "DBPortNumber",
    "publiclyAccessible": "PubliclyAccessible",
    "storageType": "StorageType",
    "vpcSecurityGroupIds": "VpcSecurityGroupIds",
}
"""Property to member of ModifyDBInstance."""
_AT_CREATE = {**_MODIFIABLE, "port": "Port", "dbName": "DBName", "engine": "Engine", "kmsKeyId": "KmsKeyId"} | {
    "identifier": "DBInstanceIdentifier",
    "enabledCloudwatchLogsExports": "EnableCloudwatchLogsExports",
    "manageMasterUserPassword": "ManageMasterUserPassword",
    "masterUserSecretKmsKeyId": "MasterUserSecretKmsKeyId",
    "storageEncrypted": "StorageEncrypted",
    "username": "MasterUsername",
}


def _modify(context: Context) -> None:
    """One ModifyDBInstance with what has changed."""
    params: dict[str, Any] = {
        "DBInstanceIdentifier": context.old["identifier"],
        "ApplyImmediately": bool(context.new.get("applyImmediately")),
    }
    for name in sorted(context.changed & _MODIFIABLE.keys()):
        value = context.value(name)
        if name == "maxAllocatedStorage" and not value:
            value = context.value("allocatedStorage")
        params[_MODIFIABLE[name]] = value
    if "identifier" in context.changed:
        params["NewDBInstanceIdentifier"] = context.new["identifier"]
    if context.changed & {"manageMasterUserPassword", "masterUserSecretKmsKeyId"}:
        params["ManageMasterUserPassword"] = bool(context.new.get("manageMasterUserPassword"))
        params["MasterUserSecretKmsKeyId"] = context.new.get("masterUserSecretKmsKeyId")
    if "enabledCloudwatchLogsExports" in context.changed:
        wanted = set(context.new.get("enabledCloudwatchLogsExports") or ())
        there = set(context.old.get("enabledCloudwatchLogsExports") or ())
        params["CloudwatchLogsExportConfiguration"] = {
            "EnableLogTypes": sorted(wanted - there),
            "DisableLogTypes": sorted(there - wanted),
        }
    if len(params) > len(("DBInstanceIdentifier", "ApplyImmediately")):
        context.call("ModifyDBInstance", {name: value for name, value in params.items() if value is not None})


def _told(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    """What the provider words in another way than RDS does."""
    version = str(document.get("EngineVersion") or "")
    wanted = str(context.new.get("engineVersion") or "")
    actual["engineVersion"] = wanted if wanted and f"{version}.".startswith(f"{wanted}.") else version
    actual["manageMasterUserPassword"] = True if document.get("MasterUserSecret") else None
    # A window is told in lower case.
    if window := context.new.get("maintenanceWindow"):
        told = actual.get("maintenanceWindow")
        actual["maintenanceWindow"] = window if str(window).lower() == told else told


def _identity(context: Context) -> Mapping[str, Any]:
    """Imports go by the identifier; the id is the one that RDS gave."""
    instances = context.call("DescribeDBInstances", {"DBInstanceIdentifier": context.id})["DBInstances"]
    if not instances:
        raise AwsError(f"{context.resource.type}: there is no database instance {context.id!r}.")
    return {"id": instances[0]["DbiResourceId"], "identifier": context.id}


INSTANCE = Resource(
    type="aws:rds/instance:Instance",
    service="rds",
    docs=page("instance", "rds"),
    id="answer:DBInstance.DbiResourceId",
    import_id=_identity,
    properties=(
        Property("identifier", required=True, path="DBInstanceIdentifier"),
        Property("engine", required=True, replaces=REPLACES),
        Property("engineVersion"),
        Property("instanceClass", required=True, path="DBInstanceClass"),
        Property("allocatedStorage", required=True),
        Property("maxAllocatedStorage", default=0),
        Property("storageType", computed=True),
        Property("storageEncrypted", default=False, replaces=REPLACES),
        Property("kmsKeyId", computed=True, replaces=REPLACES),
        Property("dbName", replaces=REPLACES, path="DBName"),
        Property("username", required=True, replaces=REPLACES, path="MasterUsername"),
        Property("manageMasterUserPassword"),
        Property("masterUserSecretKmsKeyId", computed=True, path="MasterUserSecret.KmsKeyId"),
        Property("port", computed=True, path="Endpoint.Port"),
        Property("dbSubnetGroupName", computed=True, path="DBSubnetGroup.DBSubnetGroupName"),
        Property("vpcSecurityGroupIds", "set", computed=True, path="VpcSecurityGroups[].VpcSecurityGroupId"),
        Property("parameterGroupName", computed=True, path="DBParameterGroups[0].DBParameterGroupName"),
        Property("publiclyAccessible", default=False),
        Property("multiAz", default=False, path="MultiAZ"),
        Property("backupRetentionPeriod", default=0),
        Property("backupWindow", computed=True, path="PreferredBackupWindow"),
        Property("maintenanceWindow", computed=True, path="PreferredMaintenanceWindow"),
        Property("copyTagsToSnapshot", default=False),
        Property("autoMinorVersionUpgrade", default=True),
        Property("enabledCloudwatchLogsExports", "set"),
        Property("iamDatabaseAuthenticationEnabled", default=False, path="IAMDatabaseAuthenticationEnabled"),
        Property("deletionProtection", default=False),
        Property("skipFinalSnapshot", default=False, path=""),
        Property("finalSnapshotIdentifier", path=""),
        Property("applyImmediately", default=False, path=""),
        Property("tags", "map"),
    ),
    create=Call("CreateDBInstance", {member: f"${name}" for name, member in _AT_CREATE.items()}),
    reads=(
        # By the id: the identifier may be another one by now.
        Read(
            "DescribeDBInstances",
            {"Filters": [{"Name": "dbi-resource-id", "Values": ["$id"]}]},
            "DBInstances[0]",
            gone=_INSTANCE_GONE,
        ),
        _read_tags("$document.DBInstanceArn"),
    ),
    updates=(Function(_modify),),
    delete=(
        Call(
            "DeleteDBInstance",
            {
                "DBInstanceIdentifier": "$identifier",
                "SkipFinalSnapshot": "$skipFinalSnapshot",
                "FinalDBSnapshotIdentifier": "$finalSnapshotIdentifier",
            },
            ignore=_INSTANCE_GONE,
        ),
    ),
    outputs={
        "arn": "DBInstanceArn",
        "address": "Endpoint.Address",
        "endpoint": "join(':', [Endpoint.Address, to_string(Endpoint.Port)])",
        "engineVersionActual": "EngineVersion",
        "hostedZoneId": "Endpoint.HostedZoneId",
        "masterUserSecrets": (
            "[MasterUserSecret][].{kmsKeyId: KmsKeyId, secretArn: SecretArn, secretStatus: SecretStatus}"
        ),
        "resourceId": "DbiResourceId",
        "status": "DBInstanceStatus",
    },
    shape=_told,
    stable=("resourceId",),
    tagging=_tagging(),
    created=Wait("DBInstanceStatus", ("available", "storage-optimization"), ("failed",), timeout_s=2400),
    updated=Wait("DBInstanceStatus", ("available", "storage-optimization"), ("failed",), timeout_s=4800),
    deleted_timeout_s=3600,
    unique=("identifier",),
)

TYPES = (SUBNET_GROUP, PARAMETER_GROUP, INSTANCE)
