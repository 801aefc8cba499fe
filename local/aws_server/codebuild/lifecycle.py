"""What becomes of builds when the server stops and starts."""

import shutil
from datetime import UTC, datetime

from local.aws_server.codebuild.run import BUILD, runs_of
from local.aws_server.operations import Server, on_start, on_stop

LOST = "The local AWS server ended while the build ran, and the build with it."


@on_start
def start(server: Server) -> None:
    """Builds of an earlier server did not end well: their commands end with their server."""
    for key, build in server.records.items(BUILD):
        if not build["buildComplete"]:
            now = datetime.now(UTC)
            ended = {"endTime": now, "phaseStatus": "FAULT", "contexts": [{"statusCode": "FAULT", "message": LOST}]}
            phases = [*build["phases"][:-1], build["phases"][-1] | ended, {"phaseType": "COMPLETED", "startTime": now}]
            status = {"buildStatus": "FAULT", "buildComplete": True, "endTime": now, "currentPhase": "COMPLETED"}
            server.records.put(BUILD, key, build | status | {"phases": phases})
    shutil.rmtree(server.settings.state_dir / "codebuild", ignore_errors=True)


@on_stop
def stop(server: Server) -> None:
    """A clean stop leaves no process."""
    for run in list(runs_of(server).values()):
        run.request_stop()
    for run in list(runs_of(server).values()):
        run.join(10)
