"""The API of builds. They run: `run.py` has their life, `local/container_engine` stands in for Docker.

A build starts from a project's own source in S3, or without any. One of a forge's repository is refused: nothing here
reaches a forge.
"""

import uuid
from datetime import UTC, datetime
from typing import Any

from local.aws_server.codebuild.buildspec import BuildspecError, parse
from local.aws_server.codebuild.common import codebuild_operation, invalid, not_found, project_of
from local.aws_server.codebuild.run import BUILD, NUMBER, BuildRun, runs_of
from local.aws_server.operations import Call, ServiceError

_OVERRIDES = {
    "sourceTypeOverride": ("source", "type"),
    "sourceLocationOverride": ("source", "location"),
    "buildspecOverride": ("source", "buildspec"),
    "environmentTypeOverride": ("environment", "type"),
    "imageOverride": ("environment", "image"),
    "computeTypeOverride": ("environment", "computeType"),
    "privilegedModeOverride": ("environment", "privilegedMode"),
}
_WHOLE = {"timeoutInMinutesOverride": "timeoutInMinutes", "serviceRoleOverride": "serviceRole"}
_TAKEN = {"projectName", "sourceVersion", "environmentVariablesOverride", "idempotencyToken", *_OVERRIDES, *_WHOLE}


@codebuild_operation("StartBuild")
def start_build(call: Call) -> dict[str, Any]:
    params = call.params
    project = project_of(call, params["projectName"])
    if unknown := sorted(set(params) - _TAKEN):
        raise invalid(f"The local stack starts no build with {', '.join(unknown)}.")
    build = _build(call, project)
    _check(build)
    running = [run for run in runs_of(call.server).values() if run.build["projectName"] == project["name"]]
    if len(running) >= project.get("concurrentBuildLimit", len(running) + 1):
        message = f"Cannot have more than {project['concurrentBuildLimit']} builds in queue for the project"
        raise ServiceError("AccountLimitExceededException", message)
    call.server.records.put(BUILD, f"{call.region}/{build['id']}", build)
    BuildRun(call.server, call.region, build).start()
    return {"build": build}


def _build(call: Call, project: dict[str, Any]) -> dict[str, Any]:
    params, records = call.params, call.server.records
    number = (records.get(NUMBER, f"{call.region}/{project['name']}") or 0) + 1
    records.put(NUMBER, f"{call.region}/{project['name']}", number)
    build_id = f"{project['name']}:{uuid.uuid4()}"
    parts = {"source": dict(project["source"]), "environment": dict(project["environment"])}
    for name, (part, member) in _OVERRIDES.items():
        if params.get(name) is not None:
            parts[part][member] = params[name]
    variables = {each["name"]: each for each in parts["environment"].get("environmentVariables") or ()}
    variables |= {each["name"]: each for each in params.get("environmentVariablesOverride") or ()}
    parts["environment"]["environmentVariables"] = list(variables.values())
    chosen = (project.get("logsConfig") or {}).get("cloudWatchLogs") or {}
    group = chosen.get("groupName") or f"/aws/codebuild/{project['name']}"
    stream = "/".join(filter(None, [chosen.get("streamName"), build_id.partition(":")[2]]))
    now = datetime.now(UTC)
    return {
        "id": build_id,
        "arn": call.arn(f"build/{build_id}"),
        "buildNumber": number,
        "startTime": now,
        "currentPhase": "SUBMITTED",
        "buildStatus": "IN_PROGRESS",
        "projectName": project["name"],
        "phases": [{"phaseType": "SUBMITTED", "phaseStatus": "SUCCEEDED", "startTime": now, "endTime": now}],
        **parts,
        **({"sourceVersion": params["sourceVersion"]} if params.get("sourceVersion") else {}),
        "artifacts": {"location": ""},
        "cache": project.get("cache") or {"type": "NO_CACHE"},
        "serviceRole": project["serviceRole"],
        "timeoutInMinutes": project["timeoutInMinutes"],
        "queuedTimeoutInMinutes": project["queuedTimeoutInMinutes"],
        **{member: params[name] for name, member in _WHOLE.items() if params.get(name) is not None},
        "buildComplete": False,
        "initiator": call.caller_arn.rpartition(":")[2].removeprefix("user/").removeprefix("assumed-role/"),
        "encryptionKey": project["encryptionKey"],
        "exportedEnvironmentVariables": [],
        "logs": {
            "groupName": group,
            "streamName": stream,
            "cloudWatchLogs": {"status": "ENABLED", **chosen},
            "cloudWatchLogsArn": f"arn:aws:logs:{call.region}:{call.account_id}:log-group:{group}:log-stream:{stream}",
        },
    }


def _check(build: dict[str, Any]) -> None:
    source, variables = build["source"], build["environment"]["environmentVariables"]
    if source["type"] not in ("S3", "NO_SOURCE"):
        raise invalid(
            f"The local stack records the project {build['projectName']}, and runs builds of sources in S3 alone."
        )
    if "\n" not in source.get("buildspec", ""):
        raise invalid("The local stack runs builds whose project holds the buildspec itself, not a file's name.")
    try:
        parse(source["buildspec"])
    except BuildspecError as error:
        raise invalid(str(error)) from error
    for each in variables:
        if each.get("type", "PLAINTEXT") != "PLAINTEXT":
            raise invalid(f"The local stack starts no build with a variable of type {each['type']} ({each['name']}).")


def _known(call: Call, build_id: str) -> dict[str, Any] | None:
    return call.server.records.get(BUILD, f"{call.region}/{build_id.rpartition(':build/')[2] or build_id}")


@codebuild_operation("BatchGetBuilds")
def batch_get_builds(call: Call) -> dict[str, Any]:
    found = {build_id: _known(call, build_id) for build_id in call.params["ids"]}
    return {
        "builds": [build for build in found.values() if build],
        "buildsNotFound": [build_id for build_id, build in found.items() if not build],
    }


@codebuild_operation("StopBuild")
def stop_build(call: Call) -> dict[str, Any]:
    build = _known(call, call.params["id"])
    if build is None:
        raise not_found(f"Build cannot be found: {call.params['id']}")
    if run := runs_of(call.server).get(build["id"]):
        run.request_stop()
    return {"build": build}


def _newest_first(call: Call, project: str | None = None) -> dict[str, Any]:
    builds = [build for _, build in call.server.records.items(BUILD, f"{call.region}/")]
    chosen = [build for build in builds if project in (None, build["projectName"])]
    descending = call.params.get("sortOrder", "DESCENDING") == "DESCENDING"
    ordered = sorted(chosen, key=lambda build: build["startTime"], reverse=descending)
    return {"ids": [build["id"] for build in ordered[:100]]}


@codebuild_operation("ListBuildsForProject")
def list_builds_for_project(call: Call) -> dict[str, Any]:
    """A hundred builds, on one page."""
    return _newest_first(call, project_of(call, call.params["projectName"])["name"])


@codebuild_operation("ListBuilds")
def list_builds(call: Call) -> dict[str, Any]:
    """A hundred builds, on one page."""
    return _newest_first(call)
