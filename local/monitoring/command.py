"""`make local-monitoring`: a genuine Prometheus beside the local stack, until it is told to end."""

import time
from typing import Any

from local.acquire.acquire import Acquired, acquire, allowed_ways, find
from local.acquire.tools import MONITORING_TOOLS
from local.errors import LocalStackError
from local.kubernetes.api import APPLY, ApiClient, ApiError, Endpoint
from local.kubernetes.certificates import MONITORING_USER, ControlPlaneFiles, ensure_certificates
from local.kubernetes.services import api_server_url
from local.monitoring.ports import choose_monitoring_ports
from local.monitoring.services import ports_file, prometheus_url
from local.paths import Paths
from local.progress import Progress
from local.supervisor.client import SupervisorClient, one_command
from local.supervisor.ports import kept_ports
from local.supervisor.status import write_json
from local.up import bring_tools, interrupt_on_hangup, start_services

ROLE = "groundwork-local-monitoring"
LISTED = {
    "": ("namespaces", "nodes", "pods", "resourcequotas"),
    "apps": ("daemonsets", "deployments"),
    "batch": ("jobs",),
    "apiextensions.k8s.io": ("customresourcedefinitions",),
    "karpenter.sh": ("nodepools",),
    "kueue.x-k8s.io": ("clusterqueues",),
}
"""API group to what may be listed and watched: what kube-state-metrics and the stand-in for GPU metrics read."""


def start(paths: Paths, progress: Progress) -> None:
    """Bring Prometheus and its exporters up beside the stack's services, which are started where they do not run.

    Raises LocalStackError for anything a user can act on.
    """
    interrupt_on_hangup()
    with one_command(paths, "make local-monitoring"):
        bring_tools(paths, progress)
        acquired = bring_monitoring_tools(paths, progress)
        start_services(paths, progress)
        progress.heading("Monitoring")
        client = SupervisorClient(paths)
        with progress.step("Prometheus and exporters", log=paths.log("prometheus")) as step:
            let_monitoring_read(paths)
            programs = {name: str(one.program(name)) for one in acquired for name in one.tool.programs}
            write_json(paths.monitoring_request, {"programs": programs})
            _wait_until(client, there=True)
            status = client.wait_until_healthy(step.now, on_request=True)
            step.done("healthy")
        for service in status.services:
            if service.on_request:
                progress.say(f"      {service.name:<26} {service.address}".rstrip())
        url = prometheus_url(choose_monitoring_ports(ports_file(paths)))
        progress.say(f"Rules and alerts: {url}/api/v1/rules and {url}/api/v1/alerts; in a browser {url},")
        progress.say("where Prometheus is a published build (one built from its Go module has no pages, only its API).")
        progress.say("It ends with `groundwork local monitoring --stop`, or with `make local-down`.")


def stop(paths: Paths, progress: Progress) -> None:
    """End the monitoring services and keep what they measured."""
    interrupt_on_hangup()
    with one_command(paths, "groundwork local monitoring --stop"), progress.step("Stopping Prometheus") as step:
        if not paths.monitoring_request.exists():
            step.done("was not asked for")
            return
        paths.monitoring_request.unlink()
        _wait_until(SupervisorClient(paths), there=False)
        step.done("stopped, its data kept")


def bring_monitoring_tools(paths: Paths, progress: Progress) -> list[Acquired]:
    """Find, fetch or build Prometheus and the exporters."""
    ways = allowed_ways()
    acquired: list[Acquired] = []
    for tool in MONITORING_TOOLS:
        there = find(tool, ways)
        log = paths.log(f"build-{tool.name}")
        with progress.step(f"{tool.title} {tool.version}", log=None if there else log) as step:
            one = there or acquire(tool, log, step.now)
            step.done(one.source)
            acquired.append(one)
    return acquired


def let_monitoring_read(paths: Paths) -> None:
    """Give the monitoring user of the local cluster its rights; the same objects again change nothing."""
    ports = kept_ports(paths.ports_file)
    if ports is None:
        raise LocalStackError("The local stack of this checkout has never been up.", hint="Run `make local`.")
    files = ensure_certificates(paths.kubernetes)
    api = ApiClient(_admin(api_server_url(ports), files))
    try:
        for plural, document in reading_rights().items():
            path = f"/apis/rbac.authorization.k8s.io/v1/{plural}/{ROLE}"
            api.request("PATCH", path, {"fieldManager": "groundwork-local", "force": "true"}, document, APPLY)
    except ApiError as error:
        raise LocalStackError(
            f"The Kubernetes API server did not take the monitoring user's rights: {error}"
        ) from error


def reading_rights() -> dict[str, dict[str, Any]]:
    """The objects, by their plural: to read metrics, and to list what is counted."""
    head = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": ROLE}}
    group = "rbac.authorization.k8s.io"
    rules = [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}] + [
        {"apiGroups": [api_group], "resources": list(resources), "verbs": ["list", "watch"]}
        for api_group, resources in LISTED.items()
    ]
    return {
        "clusterroles": {**head, "kind": "ClusterRole", "rules": rules},
        "clusterrolebindings": {
            **head,
            "kind": "ClusterRoleBinding",
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": ROLE},
            "subjects": [{"apiGroup": group, "kind": "User", "name": MONITORING_USER}],
        },
    }


def _admin(server: str, files: ControlPlaneFiles) -> Endpoint:
    return Endpoint(
        server=server,
        certificate_authority=files.authority.certificate,
        client_certificate=(files.admin.certificate, files.admin.key),
    )


def _wait_until(client: SupervisorClient, *, there: bool) -> None:
    """Until the supervisor has begun with the monitoring services, or has ended them; it looks five times a second."""
    deadline = time.monotonic() + 30
    while (status := client.alive()) is not None and (status.service("prometheus") is not None) != there:
        if time.monotonic() > deadline:
            raise LocalStackError("The supervisor did not take the request for monitoring up.", log=client.log)
        time.sleep(0.05)
