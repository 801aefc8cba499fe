"""What the EKS access policies allow, from https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html.

The user-facing policies are Kubernetes' own cluster-admin, admin, edit and view in EKS's hands. The ones for AWS's
controllers and nodes (AmazonEKSAutoNodePolicy and the like) are accepted and allow nothing here: none of these runs.
"""

from dataclasses import dataclass

POLICY_PREFIX = "arn:aws:eks::aws:cluster-access-policy/"

READ = ("get", "list", "watch")
WRITE = ("create", "delete", "deletecollection", "patch", "update")
ALL = ("*",)


@dataclass(frozen=True)
class Rule:
    """An RBAC rule: API groups, resources (with subresources as `pods/log`) and verbs; `*` is any."""

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]

    def allows(self, group: str, resource: str, verb: str) -> bool:
        """Whether the rule covers a request."""
        return (
            ("*" in self.groups or group in self.groups)
            and ("*" in self.resources or resource in self.resources)
            and ("*" in self.verbs or verb in self.verbs)
        )


_WORKLOADS = (
    Rule(
        ("apps",),
        (
            *("daemonsets", "deployments", "deployments/rollback", "deployments/scale", "replicasets"),
            *("replicasets/scale", "statefulsets", "statefulsets/scale"),
        ),
        WRITE,
    ),
    Rule(("autoscaling",), ("horizontalpodautoscalers",), WRITE),
    Rule(("batch",), ("cronjobs", "jobs"), WRITE),
    Rule(("networking.k8s.io",), ("ingresses", "networkpolicies"), WRITE),
    Rule(("policy",), ("poddisruptionbudgets",), WRITE),
    Rule(
        ("",),
        (
            *("configmaps", "endpoints", "events", "persistentvolumeclaims", "pods", "replicationcontrollers"),
            *("replicationcontrollers/scale", "secrets", "serviceaccounts", "services", "services/proxy"),
            *("pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "pods/eviction", "serviceaccounts/token"),
        ),
        WRITE,
    ),
    Rule(("",), ("pods/attach", "pods/exec", "pods/portforward", "pods/proxy", "secrets", "services/proxy"), READ),
    Rule(("",), ("serviceaccounts",), ("impersonate",)),
)
_SEEN = (
    Rule(
        ("apps",),
        (
            *("controllerrevisions", "daemonsets", "daemonsets/status", "deployments", "deployments/scale"),
            *("deployments/status", "replicasets", "replicasets/scale", "replicasets/status", "statefulsets"),
            *("statefulsets/scale", "statefulsets/status"),
        ),
        READ,
    ),
    Rule(("autoscaling",), ("horizontalpodautoscalers", "horizontalpodautoscalers/status"), READ),
    Rule(("batch",), ("cronjobs", "cronjobs/status", "jobs", "jobs/status"), READ),
    Rule(("discovery.k8s.io",), ("endpointslices",), READ),
    Rule(("networking.k8s.io",), ("ingresses", "ingresses/status", "networkpolicies"), READ),
    Rule(("policy",), ("poddisruptionbudgets", "poddisruptionbudgets/status"), READ),
    Rule(
        ("",),
        (
            *("bindings", "configmaps", "endpoints", "events", "limitranges", "namespaces", "namespaces/status"),
            *("persistentvolumeclaims", "persistentvolumeclaims/status", "pods", "pods/log", "pods/status"),
            *("replicationcontrollers", "replicationcontrollers/scale", "replicationcontrollers/status"),
            *("resourcequotas", "resourcequotas/status", "serviceaccounts", "services", "services/status"),
        ),
        READ,
    ),
)
_ROLES = (
    Rule(("rbac.authorization.k8s.io",), ("rolebindings", "roles"), (*READ, *WRITE)),
    Rule(("authorization.k8s.io",), ("localsubjectaccessreviews",), ("create",)),
)

POLICIES: dict[str, tuple[Rule, ...]] = {
    "AmazonEKSClusterAdminPolicy": (Rule(ALL, ALL, ALL),),
    "AmazonEKSAdminPolicy": (*_SEEN, *_WORKLOADS, *_ROLES),
    "AmazonEKSEditPolicy": (*_SEEN, *_WORKLOADS),
    "AmazonEKSViewPolicy": _SEEN,
    "AmazonEKSAdminViewPolicy": (Rule(ALL, ALL, READ),),
    **{
        f"AmazonEKS{name}Policy": ()
        for name in (
            *("AutoNode", "BlockStorage", "BlockStorageCluster", "Compute", "ComputeCluster", "LoadBalancing"),
            *("LoadBalancingCluster", "Networking", "NetworkingCluster", "Hybrid", "ClusterInsights", "Event"),
            *("SecretReader", "ArgoCD", "ArgoCDCluster", "ACK", "KRO"),
        )
    },
    **{
        f"AmazonSagemakerHyperpod{name}Policy": ()
        for name in ("", "Cluster", "ControlPlane", "SpaceManager", "SpaceTemplate", "SystemNamespace")
    },
}


def allowed(policy: str, group: str, resource: str, verb: str) -> bool:
    """Whether an access policy (by name) allows a verb on a resource; a subresource is `resource/subresource`."""
    return any(rule.allows(group, resource, verb) for rule in POLICIES.get(policy, ()))


def allowed_path(policy: str, verb: str) -> bool:
    """Whether an access policy allows a request outside the resource API, as `/metrics`."""
    return policy == "AmazonEKSClusterAdminPolicy" or (policy == "AmazonEKSAdminViewPolicy" and verb == "get")
