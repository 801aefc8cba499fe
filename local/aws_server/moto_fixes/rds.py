"""RDS: what a group is used by holds up its deletion, parameters can be reset, a port and an id are kept."""

import secrets
import string
from typing import Any

from moto.rds.models import rds_backends

from local.aws_server.operations import Call, ServiceError, operation

_MINIMUM_ZONES = 2


def _zones(call: Call) -> None:
    """Subnets of fewer than two zones are refused
    (https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html)."""
    subnets = call.server.call("ec2", "DescribeSubnets", {"SubnetIds": call.params["SubnetIds"]}, region=call.region)
    if len({subnet["AvailabilityZone"] for subnet in subnets["Subnets"]}) < _MINIMUM_ZONES:
        raise ServiceError(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement: it must cover two.",
        )


@operation("rds", "CreateDBSubnetGroup")
def create_db_subnet_group(call: Call) -> dict[str, Any]:
    _zones(call)
    return call.forward()


@operation("rds", "ModifyDBSubnetGroup")
def modify_db_subnet_group(call: Call) -> dict[str, Any]:
    _zones(call)
    name = call.params["DBSubnetGroupName"]
    with call.server.changing("rds"):
        groups = rds_backends[call.account_id][call.region].subnet_groups
        group = groups.get(name)
        answer = call.forward()
        # moto takes the group out and forgets to put it back.
        groups[name] = group
    return answer


@operation("rds", "DeleteDBSubnetGroup")
def delete_db_subnet_group(call: Call) -> dict[str, Any]:
    name = call.params["DBSubnetGroupName"]
    for database in rds_backends[call.account_id][call.region].databases.values():
        group = getattr(database, "db_subnet_group", None)
        if group is not None and group.name == name:
            message = (
                f"Cannot delete the subnet group '{name}' because at least one database instance is still using it."
            )
            raise ServiceError("InvalidDBSubnetGroupStateFault", message)
    return call.forward()


@operation("rds", "DeleteDBParameterGroup")
def delete_db_parameter_group(call: Call) -> dict[str, Any]:
    name = call.params["DBParameterGroupName"]
    for database in rds_backends[call.account_id][call.region].databases.values():
        if database.db_parameter_group_name == name:
            message = (
                "One or more database instances are still members of this parameter group, so it cannot be deleted."
            )
            raise ServiceError("InvalidDBParameterGroupState", message)
    return call.forward()


@operation("rds", "ResetDBParameterGroup")
def reset_db_parameter_group(call: Call) -> dict[str, Any]:
    name = call.params["DBParameterGroupName"]
    with call.server.changing("rds"):
        group = rds_backends[call.account_id][call.region].db_parameter_groups.get(name)
        if group is None:
            raise ServiceError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", status=404)
        if call.params.get("ResetAllParameters"):
            group.parameters.clear()
        for parameter in call.params.get("Parameters") or ():
            group.parameters.pop(parameter["ParameterName"], None)
    return {"DBParameterGroupName": name}


@operation("rds", "CreateDBInstance")
def create_db_instance(call: Call) -> dict[str, Any]:
    params = call.params
    if params.get("ManageMasterUserPassword") and params.get("MasterUserPassword"):
        message = "You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled."
        raise ServiceError("InvalidParameterCombination", message)
    if params.get("KmsKeyId"):
        try:
            call.server.call("kms", "DescribeKey", {"KeyId": params["KmsKeyId"]}, region=call.region)
        except ServiceError as error:
            raise ServiceError(
                "KMSKeyNotAccessibleFault", f"The KMS key {params['KmsKeyId']} does not exist."
            ) from error
    answer = call.forward()
    with call.server.changing("rds"):
        database = rds_backends[call.account_id][call.region].databases[params["DBInstanceIdentifier"].lower()]
        letters = string.ascii_uppercase + string.digits
        database.dbi_resource_id = f"db-{''.join(secrets.choice(letters) for _ in range(26))}"
        _settle(database)
    answer["DBInstance"]["DbiResourceId"] = database.dbi_resource_id
    return answer


@operation("rds", "ModifyDBInstance")
def modify_db_instance(call: Call) -> dict[str, Any]:
    answer = call.forward()
    port = call.params.get("DBPortNumber")
    name = call.params.get("NewDBInstanceIdentifier") or call.params["DBInstanceIdentifier"]
    with call.server.changing("rds"):
        database = rds_backends[call.account_id][call.region].databases[name.lower()]
        _settle(database)
        if port is not None:
            database.port = port
            answer["DBInstance"]["Endpoint"]["Port"] = port
    return answer


def _settle(database: Any) -> None:
    """The secret is there at once; moto lets it be `creating` until somebody has looked."""
    if database.manage_master_user_password:
        database.master_user_secret._status = "active"


@operation("rds", "DeleteDBInstance")
def delete_db_instance(call: Call) -> dict[str, Any]:
    skip, last = call.params.get("SkipFinalSnapshot"), call.params.get("FinalDBSnapshotIdentifier")
    if bool(skip) == bool(last):
        message = (
            "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified, and not allowed with it."
        )
        raise ServiceError("InvalidParameterCombination", message)
    return call.forward()
