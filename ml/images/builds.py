"""Builds of images by the platform's CodeBuild project: starting one, following it, and what came of it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, cast

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.environment import Environment
from ml.errors import ExitCode, MlError
from ml.images.context import Context
from ml.ledger import creating
from ml.targets.sagemaker.jobs import Pause
from platform_contract import PlatformContract

RECENT = 20


@dataclass(frozen=True, kw_only=True)
class Build:
    """A build as CodeBuild describes it.

    status: IN_PROGRESS, SUCCEEDED, FAILED, FAULT, TIMED_OUT or STOPPED. digest, sbom: of the image released.
    reason: what the phase that failed says.
    """

    id: str
    status: str
    phase: str
    image: str
    digest: str | None
    sbom: str | None
    reason: str
    log_group: str
    log_stream: str

    @property
    def over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status != "IN_PROGRESS"

    @property
    def exit_code(self) -> ExitCode:
        """What a command that waited for it ends with."""
        ends = {"IN_PROGRESS": ExitCode.IN_PROGRESS, "SUCCEEDED": ExitCode.OK, "STOPPED": ExitCode.STOPPED}
        return {**ends, "TIMED_OUT": ExitCode.TIMED_OUT}.get(self.status, ExitCode.JOB_FAILED)

    def document(self) -> dict[str, Any]:
        """The build as `-o json` prints it."""
        return asdict(self)


def upload(environment: Environment, contract: PlatformContract, team: str, context: Context) -> str:
    """Put a context where the builder reads it, once; returns `bucket/key`."""
    bucket, _, prefix = contract.teams[team].artifact_uri.removeprefix("s3://").partition("/")
    key = f"{prefix}/images/{context.digest}.zip"
    s3 = environment.clients.client("s3")
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error_details(error).code not in {"404", "NoSuchKey", "NotFound", "403"}:
            raise
        s3.put_object(Bucket=bucket, Key=key, Body=context.archive)
    return f"{bucket}/{key}"


def start(
    environment: Environment, contract: PlatformContract, team: str, purpose: str, tag: str, location: str
) -> Build:
    """Start a build. Its ledger entry goes before it. Raises MlError where CodeBuild refuses it."""
    project = contract.registry.build_project
    details = {"image": f"{purpose}:{tag}", "project": project, "uploads": [f"s3://{location}"]}
    chosen = {"IMAGE_REPOSITORY": purpose, "IMAGE_TAG": tag}
    with creating(environment, contract, team, "build", f"{project}/{purpose}/{tag}", details=details) as creation:
        answer = environment.clients.client("codebuild").start_build(
            projectName=project,
            sourceLocationOverride=location,
            environmentVariablesOverride=[
                {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in chosen.items()
            ],
        )
        creation.arn = answer["build"]["arn"]
    return _build(answer["build"])


def running(environment: Environment, contract: PlatformContract, image: str) -> Build | None:
    """A build of `REPOSITORY:TAG` that is under way."""
    codebuild = environment.clients.client("codebuild")
    ids = codebuild.list_builds_for_project(projectName=contract.registry.build_project, sortOrder="DESCENDING")["ids"][
        :RECENT
    ]
    if not ids:
        return None
    found = [_build(entry) for entry in codebuild.batch_get_builds(ids=ids)["builds"]]
    return next((build for build in found if build.image == image and not build.over), None)


def describe(environment: Environment, build_id: str) -> Build:
    """A build by its id."""
    found = environment.clients.client("codebuild").batch_get_builds(ids=[build_id])["builds"]
    if not found:
        raise MlError(f"There is no build {build_id}.")
    return _build(found[0])


def follow(environment: Environment, build: Build, on_line: Callable[[str], None]) -> Build:
    """Wait until a build is over, handing over each line of its log."""
    log = _Log(environment.clients.client("logs"), build)
    pause = Pause()
    while True:
        state = describe(environment, build.id)
        for line in log.read():
            on_line(line)
        if state.over:
            pause.settle()
            for line in log.read():
                on_line(line)
            return state
        pause.sleep()


class _Log:
    """Reads a build's log from where the last read ended."""

    def __init__(self, logs: Any, build: Build):
        self._logs, self._build = logs, build
        self._token: str | None = None

    def read(self) -> list[str]:
        lines: list[str] = []
        while True:
            request: dict[str, Any] = {
                "logGroupName": self._build.log_group,
                "logStreamName": self._build.log_stream,
                "startFromHead": True,
                **({"nextToken": self._token} if self._token else {}),
            }
            try:
                page = self._logs.get_log_events(**request)
            except ClientError as error:
                if error_details(error).code == "ResourceNotFoundException":
                    return lines  # there is no stream before the first line
                raise
            lines += [event["message"].rstrip("\n") for event in page["events"]]
            ended = not page["events"] or page["nextForwardToken"] == self._token
            self._token = page["nextForwardToken"]
            if ended:
                return lines


def _build(entry: dict[str, Any]) -> Build:
    variables = {one["name"]: one["value"] for one in entry["environment"].get("environmentVariables", [])}
    told = {one["name"]: one.get("value", "") for one in entry.get("exportedEnvironmentVariables", [])}
    succeeded = entry["buildStatus"] == "SUCCEEDED"
    failed = [phase for phase in entry.get("phases", []) if phase.get("phaseStatus") not in (None, "SUCCEEDED")]
    contexts = cast(list[dict[str, str]], failed[0].get("contexts", []) if failed else [])
    reason = f"{failed[0]['phaseType']} {failed[0]['phaseStatus']}" if failed else ""
    said = " ".join(context.get("message", "") for context in contexts).strip()
    logs = entry.get("logs", {})
    return Build(
        id=entry["id"],
        status=entry["buildStatus"],
        phase=entry.get("currentPhase", ""),
        image=f"{variables.get('IMAGE_REPOSITORY', '')}:{variables.get('IMAGE_TAG', '')}",
        digest=(told.get("IMAGE_DIGEST") or None) if succeeded else None,
        sbom=(told.get("SBOM_DIGEST") or None) if succeeded else None,
        reason=f"{reason}: {said}" if said else reason,
        log_group=logs.get("groupName", ""),
        log_stream=logs.get("streamName", ""),
    )
