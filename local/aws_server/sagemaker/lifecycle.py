"""What the data plane does when its server starts and stops."""

import logging

from local.aws_server.operations import Server, on_start, on_stop
from local.aws_server.sagemaker.endpoints import start_endpoints, stop_endpoints
from local.aws_server.sagemaker.plane import forget_plane, plane_of
from local.aws_server.sagemaker.processes import namespace_kind
from local.aws_server.sagemaker.training_operations import start_jobs, stop_jobs

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
    start_jobs(server, plane)
    start_endpoints(server, plane)


@on_stop
def stop(server: Server) -> None:
    """A clean stop leaves no process. Jobs end with it and say so; endpoints come back with the next start."""
    plane_of(server).stopping.set()
    stop_jobs(server)
    stop_endpoints(server)
    forget_plane(server)
