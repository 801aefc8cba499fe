"""The three processes of the control plane, described for the supervisor."""

from __future__ import annotations

import functools
import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path

from local.kubernetes.certificates import ControlPlaneFiles, Pair, ensure_certificates
from local.kubernetes.configuration import ConfigurationFiles, write_configuration
from local.paths import Paths
from local.supervisor.ports import Ports
from local.supervisor.spec import ServiceSpec

SERVICE_RANGE = "172.20.0.0/16"
"""Addresses of Services, as EKS gives them to a cluster in a VPC in 10.0.0.0/8."""


@dataclass(frozen=True, kw_only=True)
class ControlPlaneBinaries:
    """Absolute paths of the executables."""

    etcd: Path
    kube_apiserver: Path
    kube_controller_manager: Path


def api_server_url(ports: Ports) -> str:
    """Address of the local API server."""
    return f"https://127.0.0.1:{ports.kubernetes}"


def control_plane_services(paths: Paths, ports: Ports, binaries: ControlPlaneBinaries) -> list[ServiceSpec]:
    """Makes certificates and configuration where they are missing, and describes the processes in starting order."""
    files = ensure_certificates(paths.kubernetes)
    configuration = write_configuration(files, api_server_url(ports), f"http://127.0.0.1:{ports.aws}")
    paths.etcd_data.mkdir(parents=True, exist_ok=True)
    paths.etcd_data.chmod(0o700)
    return [
        _etcd(paths, ports, files, binaries.etcd),
        _api_server(paths, ports, files, configuration, binaries.kube_apiserver),
        _controller_manager(paths, ports, files, configuration, binaries.kube_controller_manager),
    ]


def _flags(**values: object) -> tuple[str, ...]:
    return tuple(f"--{name.replace('_', '-')}={value}" for name, value in values.items())


def _etcd(paths: Paths, ports: Ports, files: ControlPlaneFiles, binary: Path) -> ServiceSpec:
    client, peer = f"https://127.0.0.1:{ports.etcd}", f"https://127.0.0.1:{ports.etcd_peer}"
    server, authority = files.etcd_server, files.etcd_authority.certificate
    flags = _flags(
        name="groundwork",
        data_dir=paths.etcd_data,
        listen_client_urls=client,
        advertise_client_urls=client,
        listen_peer_urls=peer,
        initial_advertise_peer_urls=peer,
        initial_cluster=f"groundwork={peer}",
        cert_file=server.certificate,
        key_file=server.key,
        client_cert_auth="true",
        trusted_ca_file=authority,
        peer_cert_file=server.certificate,
        peer_key_file=server.key,
        peer_client_cert_auth="true",
        peer_trusted_ca_file=authority,
        log_level="warn",
    )
    return ServiceSpec(
        name="etcd",
        command=(str(binary), *flags),
        environment={},
        health=functools.partial(_etcd_is_healthy, ports.etcd, authority, files.etcd_client),
        address=client,
        log_file=paths.log("etcd"),
    )


def _etcd_is_healthy(port: int, authority: Path, client: Pair) -> bool:
    # etcd answers no one without a client certificate, so a plain URL cannot ask.
    context = ssl.create_default_context(cafile=str(authority))
    context.load_cert_chain(client.certificate, client.key)
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=context)
    try:
        connection.request("GET", "/health")
        response = connection.getresponse()
        return response.status == 200 and json.loads(response.read()).get("health") == "true"
    finally:
        connection.close()


def _api_server(
    paths: Paths, ports: Ports, files: ControlPlaneFiles, configuration: ConfigurationFiles, binary: Path
) -> ServiceSpec:
    url = api_server_url(ports)
    flags = _flags(
        bind_address="127.0.0.1",
        secure_port=ports.kubernetes,
        advertise_address="127.0.0.1",
        # An Endpoints object may not name loopback, so there is nothing to reconcile.
        endpoint_reconciler_type="none",
        etcd_servers=f"https://127.0.0.1:{ports.etcd}",
        etcd_cafile=files.etcd_authority.certificate,
        etcd_certfile=files.etcd_client.certificate,
        etcd_keyfile=files.etcd_client.key,
        tls_cert_file=files.api_server.certificate,
        tls_private_key_file=files.api_server.key,
        client_ca_file=files.authority.certificate,
        requestheader_client_ca_file=files.front_proxy_authority.certificate,
        requestheader_allowed_names="front-proxy-client",
        requestheader_username_headers="X-Remote-User",
        requestheader_group_headers="X-Remote-Group",
        requestheader_extra_headers_prefix="X-Remote-Extra-",
        service_account_issuer=url,
        service_account_key_file=files.service_account_public_key,
        service_account_signing_key_file=files.service_account_key,
        service_cluster_ip_range=SERVICE_RANGE,
        authentication_config=configuration.authentication,
        authentication_token_webhook_config_file=configuration.authentication_webhook,
        authentication_token_webhook_version="v1",  # noqa: S106 - not a password
        # A token is believed this long without asking again; EKS's own answer changes within a minute as well.
        authentication_token_webhook_cache_ttl="10s",  # noqa: S106
        authorization_config=configuration.authorization,
        enable_admission_plugins="NodeRestriction",
        # No pods run here, so no controller's admission webhook would answer: with them on, a program that installs a
        # controller and then its objects could not come up. What a webhook would check is in docs/fidelity.md.
        disable_admission_plugins="MutatingAdmissionWebhook,ValidatingAdmissionWebhook",
        allow_privileged="true",
        profiling="false",
    )
    return ServiceSpec(
        name="kube-apiserver",
        command=(str(binary), *flags),
        environment={},
        health=f"{url}/readyz",
        address=url,
        log_file=paths.log("kube-apiserver"),
        depends_on=("etcd",),
        start_timeout_s=120,
        stop_grace_s=15,
    )


def _controller_manager(
    paths: Paths, ports: Ports, files: ControlPlaneFiles, configuration: ConfigurationFiles, binary: Path
) -> ServiceSpec:
    kubeconfig = configuration.controller_manager_kubeconfig
    flags = _flags(
        bind_address="127.0.0.1",
        secure_port=ports.controller_manager,
        kubeconfig=kubeconfig,
        authentication_kubeconfig=kubeconfig,
        authorization_kubeconfig=kubeconfig,
        service_account_private_key_file=files.service_account_key,
        root_ca_file=files.authority.certificate,
        use_service_account_credentials="true",
        leader_elect="false",
        # The defaults (20 and 30) make the deletion of a namespace wait for the client's own rate limit.
        kube_api_qps=200,
        kube_api_burst=400,
        profiling="false",
    )
    url = f"https://127.0.0.1:{ports.controller_manager}"
    return ServiceSpec(
        name="kube-controller-manager",
        command=(str(binary), *flags),
        environment={},
        health=f"{url}/healthz",
        address=url,
        log_file=paths.log("kube-controller-manager"),
        depends_on=("kube-apiserver",),
    )
