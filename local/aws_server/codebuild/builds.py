"""Builds are refused: there is nothing here that would run one, and an invented success would hide that."""

from typing import Any

from local.aws_server.codebuild.common import codebuild_operation, invalid, project_of
from local.aws_server.operations import Call


@codebuild_operation("StartBuild")
def start_build(call: Call) -> dict[str, Any]:
    project = project_of(call, call.params["projectName"])
    raise invalid(f"The local stack records the project {project['name']} and runs no builds.")


@codebuild_operation("ListBuildsForProject")
def list_builds_for_project(call: Call) -> dict[str, Any]:
    project_of(call, call.params["projectName"])
    return {"ids": []}
