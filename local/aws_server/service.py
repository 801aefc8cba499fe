"""The AWS server as a service of the supervisor."""

import os
import sys

from local.paths import Paths
from local.supervisor.ports import Ports
from local.supervisor.spec import ServiceSpec


def aws_server_service(paths: Paths, ports: Ports) -> ServiceSpec:
    """How the supervisor starts this server, and how it knows that it answers."""
    url = f"http://127.0.0.1:{ports.aws}"
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, (str(paths.checkout), os.environ.get("PYTHONPATH"))))}
    return ServiceSpec(
        name="aws",
        command=(
            *(sys.executable, "-m", "local.aws_server"),
            *("--port", str(ports.aws)),
            *("--state-dir", str(paths.aws_data)),
            *("--run-dir", str(paths.run)),
            *("--kubernetes-url", f"https://127.0.0.1:{ports.kubernetes}"),
            *("--kubernetes-ca", str(paths.kubernetes_ca)),
            *("--mlflow-url", f"http://127.0.0.1:{ports.mlflow}"),
            *("--aws-config", str(paths.aws_config)),
            *("--aws-credentials", str(paths.aws_credentials)),
        ),
        environment=environment,
        health=f"{url}/_groundwork/health",
        address=url,
        log_file=paths.log("aws"),
    )
