"""Kueue, the controller behind the queues: its API, its rights and its Deployment, each object by itself.

Left out of Kueue's own installation are the visibility API, whose APIService holds up the deletion of every namespace
while no pod answers for it, and the roles for people, which reach further than a team's namespace.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from components.kubernetes_object import KubernetesObject
from components.kueue_parts import (
    CONFIG_FILE,
    CONFIG_MAP,
    CONTROLLER,
    IMAGE_REPOSITORY,
    LABELS,
    METRICS_PORT,
    NAMESPACE,
    WEBHOOK_PORT,
    WEBHOOK_SECRET,
    configuration,
    controller_pod,
    definitions_by_plural,
    digest,
    kueue_version,
    rules,
    webhooks,
)


@dataclass(frozen=True, kw_only=True)
class KueueArgs:
    """What the controller needs.

    image: of the controller; None takes the release that the rest of the installation is from.
    replicas: one leads, the others answer webhooks and take over.
    frameworks: kinds of jobs that wait in queues, keys of `kueue_parts.FRAMEWORKS`.
    """

    provider: k8s.Provider
    image: str | None = None
    replicas: int = 1
    frameworks: Sequence[str] = ("batch/job",)


class Kueue(pulumi.ComponentResource):
    """Kueue on the cluster. Its pods need nodes for anything but GPUs; jobs of teams wait for it to answer."""

    ready: list[pulumi.Resource]
    """What a queue depends on: the controller answers for the queues' webhooks and takes their finalizers off."""

    def __init__(self, name: str, args: KueueArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:Kueue", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self, provider=args.provider)
        definitions = [self._definition(plural) for plural in definitions_by_plural()]
        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=_metadata(
                NAMESPACE, labels={"pod-security.kubernetes.io/enforce": "restricted", **LABELS}, namespaced=False
            ),
            opts=self._child,
        )
        inside = pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[namespace])
        rights = self._rights(inside)
        secret = k8s.core.v1.Secret(f"{name}-webhook-certificate", metadata=_metadata(WEBHOOK_SECRET), opts=inside)
        services = self._services(inside)
        # Before the controller, which counts as ready once it has given its webhooks their certificate.
        hooks = [self._webhooks("mutating", "Mutating"), self._webhooks("validating", "Validating")]
        self.ready = [self._controller(inside, [*definitions, *rights, secret, *services, *hooks])]
        self.register_outputs({"version": kueue_version()})

    def _definition(self, plural: str) -> pulumi.Resource:
        definition = definitions_by_plural()[plural]
        metadata = definition["metadata"]
        return k8s.apiextensions.CustomResource(
            f"{self._name}-{plural}",
            api_version=definition["apiVersion"],
            kind=definition["kind"],
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=metadata["name"], annotations=metadata["annotations"], labels=dict(LABELS)
            ),
            spec=definition["spec"],
            opts=self._child,
        )

    def _rights(self, inside: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        name, listed = self._name, rules()
        account = k8s.core.v1.ServiceAccount(f"{name}-account", metadata=_metadata(CONTROLLER), opts=inside)
        subjects = [k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=CONTROLLER, namespace=NAMESPACE)]
        made: list[pulumi.Resource] = [account]
        for word, role_name in (("manager", "kueue-manager-role"), ("metricsAuth", "kueue-metrics-auth-role")):
            role = k8s.rbac.v1.ClusterRole(
                f"{name}-{word}", metadata=_metadata(role_name, namespaced=False), rules=listed[word], opts=self._child
            )
            binding = k8s.rbac.v1.ClusterRoleBinding(
                f"{name}-{word}-binding",
                metadata=_metadata(f"{role_name}binding", namespaced=False),
                role_ref=_role("ClusterRole", role_name),
                subjects=subjects,
                opts=pulumi.ResourceOptions(parent=self, provider=self._args.provider, depends_on=[role, account]),
            )
            made += [role, binding]
        for word, role_name in (("leaderElection", "kueue-leader-election-role"), ("secrets", "kueue-secrets-role")):
            role = k8s.rbac.v1.Role(f"{name}-{word}", metadata=_metadata(role_name), rules=listed[word], opts=inside)
            binding = k8s.rbac.v1.RoleBinding(
                f"{name}-{word}-binding",
                metadata=_metadata(f"{role_name}binding"),
                role_ref=_role("Role", role_name),
                subjects=subjects,
                opts=pulumi.ResourceOptions(parent=self, provider=self._args.provider, depends_on=[role, account]),
            )
            made += [role, binding]
        return made

    def _services(self, inside: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        ports = {
            "kueue-webhook-service": (443, WEBHOOK_PORT),
            f"{CONTROLLER}-metrics-service": (METRICS_PORT, METRICS_PORT),
        }
        return [
            k8s.core.v1.Service(
                f"{self._name}-{service.removeprefix('kueue-')}",
                metadata=_metadata(service),
                spec=k8s.core.v1.ServiceSpecArgs(
                    selector=dict(LABELS),
                    ports=[k8s.core.v1.ServicePortArgs(name="https", port=port, target_port=target, protocol="TCP")],
                ),
                opts=inside,
            )
            for service, (port, target) in ports.items()
        ]

    def _controller(self, inside: pulumi.ResourceOptions, needs: Sequence[pulumi.Resource]) -> k8s.apps.v1.Deployment:
        text = json.dumps(configuration(self._args.frameworks), indent=1)
        config = k8s.core.v1.ConfigMap(
            f"{self._name}-config",
            metadata=_metadata(CONFIG_MAP),
            data={CONFIG_FILE: text},
            opts=inside,
        )
        pod = k8s.core.v1.PodTemplateSpecArgs(
            # The controller reads its configuration once: another one must make other pods.
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=dict(LABELS), annotations={"groundwork/config": digest(text)}),
            spec=controller_pod(self._args.image or f"{IMAGE_REPOSITORY}:{kueue_version()}"),
        )
        return k8s.apps.v1.Deployment(
            f"{self._name}-controller",
            metadata=_metadata(CONTROLLER, labels=dict(LABELS)),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=self._args.replicas,
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=dict(LABELS)),
                template=pod,
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=self._args.provider, depends_on=[config, *needs]),
        )

    def _webhooks(self, word: str, kind: str) -> pulumi.Resource:
        return KubernetesObject(
            f"{self._name}-{word}",
            api_version="admissionregistration.k8s.io/v1",
            kind=f"{kind}WebhookConfiguration",
            metadata=_metadata(f"kueue-{word}-webhook-configuration", namespaced=False),
            fields={"webhooks": webhooks(word, self._args.frameworks)},
            opts=self._child,
        )


def _metadata(
    name: str, *, labels: Mapping[str, str] | None = None, namespaced: bool = True
) -> k8s.meta.v1.ObjectMetaArgs:
    return k8s.meta.v1.ObjectMetaArgs(
        name=name, namespace=NAMESPACE if namespaced else None, labels=dict(LABELS if labels is None else labels)
    )


def _role(kind: str, name: str) -> k8s.rbac.v1.RoleRefArgs:
    return k8s.rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind=kind, name=name)
