"""What the data plane does when its server starts and stops."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from local.aws_server.operations import REGION, RawResponse, Server, on_start, on_stop
from local.aws_server.sagemaker import processing_operations, training_operations, transform_operations
from local.aws_server.sagemaker.endpoints import start_endpoints, stop_endpoints
from local.aws_server.sagemaker.plane import forget_plane, plane_of
from local.aws_server.sagemaker.processes import namespace_kind

logger = logging.getLogger(__name__)


@on_start
def start(server: Server) -> None:
    """Finds out what this machine allows, and carries on with the jobs and endpoints of an earlier server."""
    if namespace_kind() == "none":
        logger.warning(
            "This machine allows no mount namespaces (unshare), so containers do not see their folder as /opt/ml: "
            "SAGEMAKER_BASE_DIR and the SM_* variables say where it is; a script that has /opt/ml written in it fails."
        )
    plane = plane_of(server)
    pages: dict[str, Any] = getattr(server, "pages", {})
    pages["/_groundwork/sagemaker/interrupt"] = interrupt
    training_operations.JOBS.start(server, plane)
    processing_operations.JOBS.start(server, plane)
    transform_operations.JOBS.start(server, plane)
    start_endpoints(server, plane)


def interrupt(server: Server, environ: Mapping[str, Any], body: bytes) -> RawResponse:
    """POST {"TrainingJobName": …}: takes the instances of a managed spot job away, as EC2 may at any time.

    With `"Warning": false` the processes get no SIGTERM, and what is not in S3 yet is lost.
    AWS has no such call for SageMaker; it is how a user sees whether a job comes back from its checkpoints.
    """
    try:
        document: dict[str, Any] = json.loads(body)
        key = f"{document.get('Region', REGION)}/{document['TrainingJobName']}"
    except (ValueError, KeyError, AttributeError):
        return RawResponse(400, {"Content-Type": "text/plain"}, b'POST {"TrainingJobName": "..."}\n')
    run = training_operations.JOBS.of(server).run_of(key)
    if run is None or not run.interruptible:
        return RawResponse(
            409, {"Content-Type": "text/plain"}, b"No managed spot training job of this name is training.\n"
        )
    run.interrupt(warning=bool(document.get("Warning", True)))
    return RawResponse(200, {"Content-Type": "text/plain"}, b"Interrupted.\n")


@on_stop
def stop(server: Server) -> None:
    """A clean stop leaves no process. Jobs end with it and say so; endpoints and transforms come back."""
    plane_of(server).stopping.set()
    training_operations.JOBS.stop(server)
    processing_operations.JOBS.stop(server)
    transform_operations.JOBS.stop(server)
    stop_endpoints(server)
    forget_plane(server)
