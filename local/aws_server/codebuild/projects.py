"""Build projects. moto knows neither GitLab as a source nor UpdateProject."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from local.aws_server.codebuild.common import (
    FORGES,
    PROJECT,
    codebuild_operation,
    exists,
    invalid,
    project_key,
    project_of,
)
from local.aws_server.identity import principal_exists
from local.aws_server.operations import Call, ServiceError

_MEMBERS = (
    *("artifacts", "autoRetryLimit", "cache", "concurrentBuildLimit", "description", "encryptionKey", "environment"),
    *("logsConfig", "queuedTimeoutInMinutes", "secondarySources", "serviceRole", "source", "sourceVersion", "tags"),
    *("timeoutInMinutes", "vpcConfig"),
)
_GPU_SIZES = ("BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_LARGE")
"""https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-compute-types.html"""


def _check(call: Call, project: Mapping[str, Any]) -> None:
    environment, source = project["environment"], project["source"]
    if environment["type"] == "LINUX_GPU_CONTAINER" and environment["computeType"] not in _GPU_SIZES:
        raise invalid(f"Compute type {environment['computeType']} is not offered for LINUX_GPU_CONTAINER.")
    if source["type"] in FORGES and not source.get("location"):
        raise invalid("Project source location is required")
    if not principal_exists(project["serviceRole"]):
        raise invalid(f"CodeBuild is not authorized to perform sts:AssumeRole on {project['serviceRole']}.")
    cache = project.get("cache") or {}
    if cache.get("type") == "S3":
        bucket = str(cache.get("location") or "").partition("/")[0]
        try:
            call.server.call("s3", "HeadBucket", {"Bucket": bucket})
        except ServiceError as error:
            raise invalid(f"Invalid cache: the bucket {bucket!r} does not exist.") from error
    vpc = project.get("vpcConfig") or {}
    if vpc and not (vpc.get("vpcId") and vpc.get("subnets") and vpc.get("securityGroupIds")):
        raise invalid("Invalid vpc config: the VPC, its subnets and security groups are required together.")
    for subnet in vpc.get("subnets") or ():
        _in_vpc(call, "DescribeSubnets", {"SubnetIds": [subnet]}, "Subnets", vpc["vpcId"])
    for group in vpc.get("securityGroupIds") or ():
        _in_vpc(call, "DescribeSecurityGroups", {"GroupIds": [group]}, "SecurityGroups", vpc["vpcId"])


def _in_vpc(call: Call, operation: str, params: Mapping[str, Any], member: str, vpc_id: str) -> None:
    try:
        found = call.server.call("ec2", operation, params, region=call.region)[member]
    except ServiceError as error:
        raise invalid(f"Invalid vpc config: {error.message}") from error
    if any(each["VpcId"] != vpc_id for each in found):
        raise invalid(f"Invalid vpc config: {member} of another VPC than {vpc_id}.")


@codebuild_operation("CreateProject")
def create_project(call: Call) -> dict[str, Any]:
    params = call.params
    name = params["name"]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{1,149}", name):
        raise invalid("Only alphanumeric characters, dash, and underscore are supported")
    key = project_key(call, name)
    if call.server.records.get(PROJECT, key):
        raise exists(f"Project already exists: {call.arn(f'project/{name}')}")
    _check(call, params)
    now = datetime.now(UTC)
    record = {
        "name": name,
        "arn": call.arn(f"project/{name}"),
        "encryptionKey": f"arn:aws:kms:{call.region}:{call.account_id}:alias/aws/s3",
        "cache": {"type": "NO_CACHE"},
        "timeoutInMinutes": 60,
        "queuedTimeoutInMinutes": 480,
        "autoRetryLimit": 0,
        **{member: params[member] for member in _MEMBERS if params.get(member) is not None},
        "badge": {"badgeEnabled": bool(params.get("badgeEnabled"))},
        "projectVisibility": "PRIVATE",
        "created": now,
        "lastModified": now,
    }
    call.server.records.put(PROJECT, key, record)
    return {"project": record}


@codebuild_operation("UpdateProject")
def update_project(call: Call) -> dict[str, Any]:
    record = project_of(call, call.params["name"])
    changed = record | {member: call.params[member] for member in _MEMBERS if call.params.get(member) is not None}
    if call.params.get("badgeEnabled") is not None:
        changed["badge"] = {"badgeEnabled": call.params["badgeEnabled"]}
    if changed.get("concurrentBuildLimit") == -1:
        del changed["concurrentBuildLimit"]
    _check(call, changed)
    changed["lastModified"] = datetime.now(UTC)
    call.server.records.put(PROJECT, project_key(call, record["name"]), changed)
    return {"project": changed}


@codebuild_operation("BatchGetProjects")
def batch_get_projects(call: Call) -> dict[str, Any]:
    names = call.params["names"]
    found = {name: call.server.records.get(PROJECT, project_key(call, name)) for name in names}
    return {
        "projects": [record for record in found.values() if record],
        "projectsNotFound": [name for name, record in found.items() if not record],
    }


@codebuild_operation("ListProjects")
def list_projects(call: Call) -> dict[str, Any]:
    """All names of the region, on one page."""
    return {"projects": [record["name"] for _, record in call.server.records.items(PROJECT, f"{call.region}/")]}


@codebuild_operation("DeleteProject")
def delete_project(call: Call) -> dict[str, Any]:
    """A project that is not there is no error, as on AWS."""
    call.server.records.delete(PROJECT, project_key(call, call.params["name"]))
    return {}
