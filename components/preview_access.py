"""Lets CI's preview role look into the cluster and try changes out, and lets it change nothing.

A preview of an object that is applied by the server is a PATCH in dry run, and Kubernetes' authorization cannot tell a
dry run from a change. So the role may patch, and an admission policy refuses what is no dry run: it runs in the API
server itself, without a webhook that could be down.
Sources: https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run and
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

GROUP = "groundwork:preview"
"""Kubernetes group that the access entries of preview roles map to."""
LOOK = ("get", "list", "watch")
TRY = ("create", "patch", "update")
PREVIEWED: Mapping[str, tuple[str, ...]] = {
    "": (
        *("configmaps", "limitranges", "namespaces", "persistentvolumeclaims", "resourcequotas", "serviceaccounts"),
        "services",
    ),
    "apiextensions.k8s.io": ("customresourcedefinitions",),
    "apps": ("daemonsets", "deployments", "statefulsets"),
    "batch": ("cronjobs", "jobs"),
    "eks.amazonaws.com": ("nodeclasses",),
    "flowcontrol.apiserver.k8s.io": ("flowschemas", "prioritylevelconfigurations"),
    "karpenter.sh": ("nodepools",),
    "kueue.x-k8s.io": ("clusterqueues", "cohorts", "localqueues", "resourceflavors", "workloadpriorityclasses"),
    "networking.k8s.io": ("ingressclasses", "ingresses", "networkpolicies"),
    "policy": ("poddisruptionbudgets",),
    "rbac.authorization.k8s.io": ("clusterrolebindings", "clusterroles", "rolebindings", "roles"),
    "scheduling.k8s.io": ("priorityclasses",),
    "storage.k8s.io": ("storageclasses",),
}
"""API group to the kinds that the platform consists of. Secrets are not among them: a preview shows what it reads."""

GUARDS: Mapping[str, tuple[str, ...]] = {
    "admissionregistration.k8s.io": (
        *("mutatingwebhookconfigurations", "validatingadmissionpolicies", "validatingadmissionpolicybindings"),
        "validatingwebhookconfigurations",
    ),
}
"""Kinds that previews look at and do not try. Kubernetes exempts its own admission configuration from such policies (a
bad one could never be mended otherwise), so here a change would be no dry run, and could lift the policy itself. A
preview that changes one of them is refused: a person with more rights previews it."""


@dataclass(frozen=True, kw_only=True)
class PreviewAccessArgs:
    """What access for previews needs.

    principals: word that an entry is named by, to the ARN of the role that previews.
    """

    cluster_name: pulumi.Input[str]
    principals: Mapping[str, pulumi.Input[str]]
    provider: k8s.Provider


class PreviewAccess(pulumi.ComponentResource):
    """Access entries for CI's preview roles, rights to look and to try, and the policy that keeps tries dry."""

    def __init__(self, name: str, args: PreviewAccessArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ci:PreviewAccess", name, None, opts)
        inside = pulumi.ResourceOptions(parent=self, provider=args.provider)
        policy = k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
            f"{name}-dry-runs-only",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="groundwork-previews-are-dry-runs"),
            spec=dry_runs_only(),
            opts=inside,
        )
        binding = k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
            f"{name}-dry-runs-only-everywhere",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="groundwork-previews-are-dry-runs"),
            spec=k8s.admissionregistration.v1.ValidatingAdmissionPolicyBindingSpecArgs(
                policy_name="groundwork-previews-are-dry-runs", validation_actions=["Deny"]
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[policy]),
        )
        # Whoever is in the group may patch: nobody is before the policy holds.
        guarded = pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[policy, binding])
        role = k8s.rbac.v1.ClusterRole(
            f"{name}-role",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="groundwork-preview"),
            rules=preview_rules(),
            opts=guarded,
        )
        bound = k8s.rbac.v1.ClusterRoleBinding(
            f"{name}-roles",
            metadata=k8s.meta.v1.ObjectMetaArgs(name="groundwork-preview"),
            role_ref=k8s.rbac.v1.RoleRefArgs(
                api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="groundwork-preview"
            ),
            subjects=[k8s.rbac.v1.SubjectArgs(api_group="rbac.authorization.k8s.io", kind="Group", name=GROUP)],
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[role]),
        )
        for word, principal in args.principals.items():
            aws.eks.AccessEntry(
                f"{name}-{word}",
                cluster_name=args.cluster_name,
                principal_arn=principal,
                type="STANDARD",
                kubernetes_groups=[GROUP],
                opts=pulumi.ResourceOptions(parent=self, depends_on=[bound]),
            )
        self.register_outputs({})


def preview_rules() -> list[k8s.rbac.v1.PolicyRuleArgs]:
    """Look at the platform's kinds, and try them out. Of roles only what the group itself has can be tried: Kubernetes
    refuses to write a role with more rights than the writer's, in a dry run as well, so `escalate` and `bind` come in;
    the admission policy keeps both dry."""

    def rule(group: str, resources: Sequence[str], verbs: Sequence[str]) -> k8s.rbac.v1.PolicyRuleArgs:
        return k8s.rbac.v1.PolicyRuleArgs(api_groups=[group], resources=list(resources), verbs=list(verbs))

    rules = [rule(group, kinds, (*LOOK, *TRY)) for group, kinds in PREVIEWED.items()]
    rules += [rule(group, kinds, LOOK) for group, kinds in GUARDS.items()]
    return [*rules, rule("rbac.authorization.k8s.io", ["clusterroles", "roles"], ("bind", "escalate"))]


def dry_runs_only() -> k8s.admissionregistration.v1.ValidatingAdmissionPolicySpecArgs:
    """Everything that this group writes or deletes must be a dry run."""
    rule = k8s.admissionregistration.v1.NamedRuleWithOperationsArgs(
        api_groups=["*"], api_versions=["*"], resources=["*/*"], operations=["*"], scope="*"
    )
    return k8s.admissionregistration.v1.ValidatingAdmissionPolicySpecArgs(
        failure_policy="Fail",
        match_constraints=k8s.admissionregistration.v1.MatchResourcesArgs(
            match_policy="Equivalent", resource_rules=[rule]
        ),
        match_conditions=[
            k8s.admissionregistration.v1.MatchConditionArgs(
                name="by-a-preview", expression=f"'{GROUP}' in request.userInfo.groups"
            )
        ],
        validations=[
            k8s.admissionregistration.v1.ValidationArgs(
                expression="has(request.dryRun) && request.dryRun",
                message="A preview's role may try changes out (dryRun=All) and make none.",
                reason="Forbidden",
            )
        ],
    )
