"""Source credentials: one a kind of forge and region. What is secret in them is not kept."""

from typing import Any

from local.aws_server.codebuild.common import CREDENTIAL, codebuild_operation, exists, invalid, not_found
from local.aws_server.codeconnections import connection_of
from local.aws_server.operations import Call, ServiceError


@codebuild_operation("ImportSourceCredentials")
def import_source_credentials(call: Call) -> dict[str, Any]:
    """A connection must have been confirmed; a secret must be there."""
    params = call.params
    arn = call.arn(f"token/{params['serverType'].lower()}")
    key = f"{call.region}/{arn}"
    if call.server.records.get(CREDENTIAL, key) and not params.get("shouldOverwrite", True):
        raise exists(f"Source credentials for {params['serverType']} exist already.")
    record = {"arn": arn, "serverType": params["serverType"], "authType": params["authType"]}
    if params["authType"] == "CODECONNECTIONS":
        try:
            connection = connection_of(call, params["token"])
        except ServiceError as error:
            raise invalid(f"Connection {params['token']} cannot be found.") from error
        if connection["ConnectionStatus"] != "AVAILABLE":
            raise invalid(f"Connection {params['token']} is {connection['ConnectionStatus']} and not AVAILABLE.")
        record["resource"] = params["token"]
    elif params["authType"] == "SECRETS_MANAGER":
        call.server.call("secretsmanager", "DescribeSecret", {"SecretId": params["token"]}, region=call.region)
        record["resource"] = params["token"]
    call.server.records.put(CREDENTIAL, key, record)
    return {"arn": arn}


@codebuild_operation("ListSourceCredentials")
def list_source_credentials(call: Call) -> dict[str, Any]:
    found = call.server.records.items(CREDENTIAL, f"{call.region}/")
    return {"sourceCredentialsInfos": [record for _, record in found]}


@codebuild_operation("DeleteSourceCredentials")
def delete_source_credentials(call: Call) -> dict[str, Any]:
    key = f"{call.region}/{call.params['arn']}"
    if call.server.records.get(CREDENTIAL, key) is None:
        raise not_found(f"Source credentials {call.params['arn']} cannot be found.")
    call.server.records.delete(CREDENTIAL, key)
    return {"arn": call.params["arn"]}
