"""The services of the local stack, in one place."""

from local.acquire.chosen import program
from local.aws_server.service import aws_server_service
from local.kubernetes.services import ControlPlaneBinaries, control_plane_services
from local.mlflow import mlflow_service
from local.paths import Paths
from local.supervisor.daemon import Stack
from local.supervisor.ports import choose_ports
from local.supervisor.spec import ServiceSpec


def stack(paths: Paths) -> Stack:
    """What the supervisor of a checkout runs; the MLflow server comes and goes as the AWS server is asked for one."""
    ports = choose_ports(paths.ports_file)
    binaries = ControlPlaneBinaries(
        etcd=program(paths, "etcd"),
        kube_apiserver=program(paths, "kube-apiserver"),
        kube_controller_manager=program(paths, "kube-controller-manager"),
    )

    def on_request() -> list[ServiceSpec]:
        wanted = mlflow_service(paths, ports)
        return [wanted] if wanted else []

    control_plane = control_plane_services(paths, ports, binaries)
    return Stack([aws_server_service(paths, ports), *control_plane], on_request)
