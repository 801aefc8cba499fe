"""What Kueue's installation is made of, as plain data: configuration, webhooks, rights, and the controller's pod.

What comes from Kueue's own module is in `data/kueue/`, made by `data/make_kueue.py`; how it is put together follows
`config/default` of that module.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pulumi_kubernetes as k8s

NAMESPACE = "kueue-system"
CONTROLLER = "kueue-controller-manager"
TEAM_LABEL = "groundwork/team"
"""Label of the namespaces whose jobs Kueue looks after."""
DATA = Path(__file__).parent / "data" / "kueue"
IMAGE_REPOSITORY = "registry.k8s.io/kueue/kueue"
"""Where releases are promoted to, tagged with the version of the module (its `hack/releasing/wait_for_images.sh`)."""
FRAMEWORKS: Mapping[str, str] = {
    "batch/job": "job.kb.io",
    "jobset.x-k8s.io/jobset": "jobset.kb.io",
    "kubeflow.org/pytorchjob": "pytorchjob.kb.io",
    "ray.io/raycluster": "raycluster.kb.io",
    "ray.io/rayjob": "rayjob.kb.io",
    "trainer.kubeflow.org/trainjob": "trainjob.kb.io",
}
"""Kinds of jobs that may wait in queues, and the name of their webhooks after its first letter."""
OWN_WEBHOOKS = ("clusterqueue.kb.io", "cohort.kb.io", "resourceflavor.kb.io", "workload.kb.io")
IGNORED_RESOURCES = ("ephemeral-storage", "hugepages-", "vpc.amazonaws.com/")
"""What no quota counts: it comes with the machine."""
WEBHOOK_SECRET = "kueue-webhook-server-cert"  # noqa: S105
CONFIG_MAP, CONFIG_FILE = "kueue-manager-config", "controller_manager_config.yaml"
LABELS: Mapping[str, str] = {"app.kubernetes.io/name": "kueue", "control-plane": "controller-manager"}
METRICS_PORT, WEBHOOK_PORT = 8443, 9443
_HEALTH_PORT = 8081


def configuration(frameworks: Sequence[str]) -> dict[str, Any]:
    """The controller's configuration: the module's own, for jobs of teams alone, and all of those.

    Source: https://kueue.sigs.k8s.io/docs/reference/kueue-config.v1beta2/
    """
    return {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": f":{_HEALTH_PORT}"},
        "metrics": {"bindAddress": f":{METRICS_PORT}", "enableClusterQueueResources": True},
        "webhook": {"port": WEBHOOK_PORT},
        "leaderElection": {"leaderElect": True, "resourceName": "c1f6bfd2.kueue.x-k8s.io"},
        "controller": {"groupKindConcurrency": {"Job.batch": 5, "Workload.kueue.x-k8s.io": 5}},
        "clientConnection": {"qps": 50, "burst": 100},
        # A job of a team without a queue's name goes to the queue `default` of its namespace, not past all queues.
        "manageJobsWithoutQueueName": True,
        "managedJobsNamespaceSelector": team_namespaces(),
        "integrations": {"frameworks": list(frameworks)},
        "resources": {"excludeResourcePrefixes": list(IGNORED_RESOURCES)},
        "featureGates": {"VisibilityOnDemand": False},
    }


def webhooks(kind: str, frameworks: Sequence[str]) -> list[dict[str, Any]]:
    """The `mutating` or `validating` webhooks: of Kueue's own kinds, and of jobs in the namespaces of teams.

    They fail closed, so what they look at is kept small: with the module's own selection, no pod of any namespace but
    two could start while the controller is away.
    """
    chosen: list[dict[str, Any]] = []
    of_frameworks = [FRAMEWORKS[framework] for framework in frameworks]
    for webhook in _vendored("webhooks.json")[kind]:
        # mjob.kb.io mutates, vjob.kb.io validates.
        word = webhook["name"][1:]
        if word in OWN_WEBHOOKS:
            chosen.append(webhook)
        elif word in of_frameworks:
            chosen.append({**webhook, "namespaceSelector": team_namespaces()})
    return chosen


def team_namespaces() -> dict[str, Any]:
    """A label selector for the namespaces of teams."""
    return {"matchExpressions": [{"key": TEAM_LABEL, "operator": "Exists"}]}


def kueue_version() -> str:
    """Version of the module that `data/kueue` is from, such as `v0.18.3`."""
    return _vendored("source.json")["version"]


@cache
def definitions_by_plural() -> Mapping[str, dict[str, Any]]:
    """Kueue's custom resource definitions."""
    return {file.stem: json.loads(file.read_text()) for file in sorted((DATA / "crds").glob("*.json"))}


@cache
def _vendored(file: str) -> dict[str, Any]:
    return json.loads((DATA / file).read_text())


def rules() -> dict[str, list[k8s.rbac.v1.PolicyRuleArgs]]:
    """Rules of the controller's roles, as the Kubernetes provider's classes take them."""
    vendored: dict[str, list[dict[str, Any]]] = _vendored("rules.json")
    words = {"apiGroups": "api_groups", "nonResourceURLs": "non_resource_urls", "resourceNames": "resource_names"}
    return {
        role: [
            k8s.rbac.v1.PolicyRuleArgs(**{words.get(key, key): value for key, value in rule.items()}) for rule in listed
        ]
        for role, listed in vendored.items()
    }


def digest(text: str) -> str:
    """Short fingerprint of a configuration."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def controller_pod(image: str) -> k8s.core.v1.PodSpecArgs:
    """The controller's pod, as `config/components/manager/manager.yaml` and the patches of `config/default` have it."""
    core = k8s.core.v1

    def probe(path: str, after_s: int, every_s: int) -> k8s.core.v1.ProbeArgs:
        get = core.HTTPGetActionArgs(path=path, port=_HEALTH_PORT)
        return core.ProbeArgs(http_get=get, initial_delay_seconds=after_s, period_seconds=every_s)

    return core.PodSpecArgs(
        service_account_name=CONTROLLER,
        # Without it the controller may be preempted by what it admits.
        priority_class_name="system-cluster-critical",
        termination_grace_period_seconds=10,
        security_context=core.PodSecurityContextArgs(
            run_as_non_root=True, seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault")
        ),
        containers=[
            core.ContainerArgs(
                name="manager",
                image=image,
                image_pull_policy="IfNotPresent",
                command=["/manager"],
                args=[f"--config=/{CONFIG_FILE}", "--zap-log-level=2"],
                ports=[
                    core.ContainerPortArgs(name="webhook-server", container_port=WEBHOOK_PORT, protocol="TCP"),
                    core.ContainerPortArgs(name="metrics", container_port=METRICS_PORT, protocol="TCP"),
                ],
                liveness_probe=probe("/healthz", 15, 20),
                readiness_probe=probe("/readyz", 5, 10),
                security_context=core.SecurityContextArgs(
                    allow_privilege_escalation=False,
                    read_only_root_filesystem=True,
                    capabilities=core.CapabilitiesArgs(drop=["ALL"]),
                ),
                resources=core.ResourceRequirementsArgs(
                    requests={"cpu": "500m", "memory": "512Mi"}, limits={"cpu": "2", "memory": "512Mi"}
                ),
                volume_mounts=[
                    core.VolumeMountArgs(name="config", mount_path=f"/{CONFIG_FILE}", sub_path=CONFIG_FILE),
                    core.VolumeMountArgs(
                        name="certificate",
                        mount_path="/tmp/k8s-webhook-server/serving-certs",  # noqa: S108
                        read_only=True,
                    ),
                ],
            )
        ],
        volumes=[
            core.VolumeArgs(name="config", config_map=core.ConfigMapVolumeSourceArgs(name=CONFIG_MAP)),
            core.VolumeArgs(
                name="certificate",
                secret=core.SecretVolumeSourceArgs(secret_name=WEBHOOK_SECRET, default_mode=0o644),
            ),
        ],
    )
