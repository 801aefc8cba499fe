"""Jenkins agents as pods on the cluster: each build gets a pod of its own, which goes with it.

The controller itself is somebody else's; it starts agents here through the Kubernetes API, by Jenkins' Kubernetes
plugin (https://plugins.jenkins.io/kubernetes/).
"""

import json
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.team_rules import container_limits, network_policies

AGENT_ACCOUNT = "agent"
"""Service account that agents run as. It has no rights and no token."""
CONTROLLER_GROUP = "groundwork:jenkins"
"""Kubernetes group that the access entry of a controller outside of the cluster maps to."""
LABEL = "groundwork"
"""What a pipeline's `agent { label … }` asks for."""
TEMPLATE_MAP = "agent-templates"
CONTAINER = "jnlp"
"""The name by which the plugin knows the agent's own container."""
NOBODY = 1000
"""User and group of the agent's process: `jenkins` of Jenkins' agent images
(https://github.com/jenkinsci/docker-agents)."""
WRITE = ("create", "delete", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, kw_only=True)
class AgentQuota:
    """The most that all agents ask for at a time: CPUs, memory in GiB, and pods themselves."""

    cpus: int
    memory_gib: int
    pods: int


@dataclass(frozen=True, kw_only=True)
class JenkinsAgentsArgs:
    """What agents need.

    namespace: of the agents alone.
    image: of the agent, with a tag or digest.
    agent_cpus, agent_memory_gib: what one agent asks for.
    controller_account: `namespace/name` of the controller's service account, for a controller on this cluster.
    controller_role_arn: IAM role of a controller outside of it.
    """

    namespace: str
    image: str
    quota: AgentQuota
    cluster_name: pulumi.Input[str]
    provider: k8s.Provider
    agent_cpus: int = 1
    agent_memory_gib: int = 2
    controller_account: str | None = None
    controller_role_arn: pulumi.Input[str] | None = None


class JenkinsAgents(pulumi.ComponentResource):
    """A namespace with a quota and no way in, in which the controller may start pods, and the pods may nothing."""

    namespace: pulumi.Output[str]

    def __init__(self, name: str, args: JenkinsAgentsArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ci:JenkinsAgents", name, None, opts)
        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=args.namespace, labels={"pod-security.kubernetes.io/enforce": "restricted"}
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider),
        )
        self._inside = pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[namespace])
        self._limits(name, args)
        self._controller(name, args)
        k8s.core.v1.ServiceAccount(
            f"{name}-account",
            metadata=_named(args, AGENT_ACCOUNT),
            automount_service_account_token=False,
            opts=self._inside,
        )
        k8s.core.v1.ConfigMap(
            f"{name}-templates",
            metadata=_named(args, TEMPLATE_MAP),
            data={
                "pod.yaml": json.dumps(pod_template(args), indent=2),
                "cloud.yaml": json.dumps(cloud(args), indent=2),
            },
            opts=self._inside,
        )
        self.namespace = pulumi.Output.from_input(args.namespace)
        self.register_outputs({"namespace": self.namespace})

    def _limits(self, name: str, args: JenkinsAgentsArgs) -> None:
        quota = args.quota
        k8s.core.v1.ResourceQuota(
            f"{name}-quota",
            metadata=_named(args, "agents"),
            spec=k8s.core.v1.ResourceQuotaSpecArgs(
                hard={
                    "requests.cpu": str(quota.cpus),
                    "requests.memory": f"{quota.memory_gib}Gi",
                    "limits.memory": f"{quota.memory_gib}Gi",
                    "pods": str(quota.pods),
                    # Builds have no business on GPUs: training has queues for them.
                    "requests.nvidia.com/gpu": "0",
                }
            ),
            opts=self._inside,
        )
        k8s.core.v1.LimitRange(
            f"{name}-limits",
            metadata=_named(args, "defaults"),
            spec=k8s.core.v1.LimitRangeSpecArgs(limits=[container_limits()]),
            opts=self._inside,
        )
        # Agents call the controller, over HTTPS (WebSocket): nothing needs to come in.
        policies = network_policies()
        for word, spec in (("default-deny", policies["default-deny"]), ("way-out", policies["jobs"])):
            k8s.networking.v1.NetworkPolicy(f"{name}-{word}", metadata=_named(args, word), spec=spec, opts=self._inside)

    def _controller(self, name: str, args: JenkinsAgentsArgs) -> None:
        role = k8s.rbac.v1.Role(
            f"{name}-launcher", metadata=_named(args, "launcher"), rules=launcher_rules(), opts=self._inside
        )
        k8s.rbac.v1.RoleBinding(
            f"{name}-launchers",
            metadata=_named(args, "launchers"),
            role_ref=k8s.rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name="launcher"),
            subjects=[launcher(args.controller_account)],
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[role]),
        )
        if args.controller_role_arn is not None:
            aws.eks.AccessEntry(
                f"{name}-controller",
                cluster_name=args.cluster_name,
                principal_arn=args.controller_role_arn,
                type="STANDARD",
                kubernetes_groups=[CONTROLLER_GROUP],
                opts=pulumi.ResourceOptions(parent=self),
            )


def _named(args: JenkinsAgentsArgs, word: str) -> k8s.meta.v1.ObjectMetaArgs:
    return k8s.meta.v1.ObjectMetaArgs(name=word, namespace=args.namespace)


def launcher(controller_account: str | None) -> k8s.rbac.v1.SubjectArgs:
    """Who starts agents: a service account on this cluster, or the group of a role outside of it."""
    if controller_account is None:
        return k8s.rbac.v1.SubjectArgs(api_group="rbac.authorization.k8s.io", kind="Group", name=CONTROLLER_GROUP)
    namespace, _, account = controller_account.partition("/")
    return k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=account, namespace=namespace)


def launcher_rules() -> list[k8s.rbac.v1.PolicyRuleArgs]:
    """What the plugin asks for, in this namespace alone: pods, their logs and events, and commands in them.

    Source: https://github.com/jenkinsci/kubernetes-plugin (src/main/kubernetes/service-account.yml), without secrets,
    which it needs for pull secrets that nobody has here.
    """

    def rule(resources: list[str], verbs: tuple[str, ...]) -> k8s.rbac.v1.PolicyRuleArgs:
        return k8s.rbac.v1.PolicyRuleArgs(api_groups=[""], resources=resources, verbs=list(verbs))

    return [
        rule(["pods", "pods/exec"], WRITE),
        rule(["pods/log"], ("get", "list", "watch")),
        rule(["events"], ("watch",)),
    ]


def pod_template(args: JenkinsAgentsArgs) -> dict[str, Any]:
    """The pod of an agent, as the plugin takes it under `yaml`: it runs as nobody, with nothing to gain."""
    size = {"cpu": str(args.agent_cpus), "memory": f"{args.agent_memory_gib}Gi"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {
            "serviceAccountName": AGENT_ACCOUNT,
            "automountServiceAccountToken": False,
            "restartPolicy": "Never",
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": NOBODY,
                "runAsGroup": NOBODY,
                "fsGroup": NOBODY,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": CONTAINER,
                    "image": args.image,
                    "resources": {"requests": size, "limits": {"memory": size["memory"]}},
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


def cloud(args: JenkinsAgentsArgs) -> dict[str, Any]:
    """The controller's cloud, as Jenkins' configuration as code takes it under `jenkins.clouds`
    (https://github.com/jenkinsci/configuration-as-code-plugin, demos/kubernetes)."""
    return {
        "kubernetes": {
            "name": "groundwork",
            "namespace": args.namespace,
            "webSocket": True,
            "containerCapStr": str(args.quota.pods),
            "templates": [
                {
                    "name": LABEL,
                    "label": LABEL,
                    "namespace": args.namespace,
                    "serviceAccount": AGENT_ACCOUNT,
                    "yaml": json.dumps(pod_template(args)),
                }
            ],
        }
    }
