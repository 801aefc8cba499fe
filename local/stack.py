"""The services of the local stack, in one place."""

from local.acquire.chosen import program
from local.aws_server.service import aws_server_service
from local.kubernetes.services import ControlPlaneBinaries, control_plane_services
from local.mlflow import MlflowOnRequest
from local.monitoring.services import MonitoringOnRequest
from local.paths import Paths
from local.supervisor.daemon import Stack
from local.supervisor.health import is_healthy
from local.supervisor.ports import choose_ports


def stack(paths: Paths) -> Stack:
    """What the supervisor of a checkout runs.

    The MLflow server comes and goes as the AWS server is asked for one, Prometheus as `make local-monitoring` asks.
    """
    ports = choose_ports(paths.ports_file)
    binaries = ControlPlaneBinaries(
        etcd=program(paths, "etcd"),
        kube_apiserver=program(paths, "kube-apiserver"),
        kube_controller_manager=program(paths, "kube-controller-manager"),
    )

    aws = aws_server_service(paths, ports)
    control_plane = control_plane_services(paths, ports, binaries)
    mlflow = MlflowOnRequest(paths, ports, lambda: is_healthy(aws))
    monitoring = MonitoringOnRequest(paths, ports)
    return Stack([aws, *control_plane], lambda: [*mlflow(), *monitoring()])
