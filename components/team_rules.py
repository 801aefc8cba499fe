"""What a team's members and pods may do inside of its namespace, as data."""

import pulumi_kubernetes as k8s

READ = ("get", "list", "watch")
CHANGE = ("create", "update", "patch", "delete")


def namespace_rules() -> list[k8s.rbac.v1.PolicyRuleArgs]:
    """Rules of a member: run and watch workloads. Quotas, roles and network policies stay with the platform."""

    def rule(group: str, resources: list[str], verbs: tuple[str, ...]) -> k8s.rbac.v1.PolicyRuleArgs:
        return k8s.rbac.v1.PolicyRuleArgs(api_groups=[group], resources=resources, verbs=list(verbs))

    return [
        rule("", ["pods", "services", "configmaps", "persistentvolumeclaims"], READ + CHANGE),
        rule("", ["pods/log", "events", "resourcequotas", "limitranges", "serviceaccounts"], READ),
        rule("", ["pods/exec", "pods/portforward"], ("create",)),
        rule("", ["secrets"], ("create", "update", "patch", "delete", "get")),
        rule("batch", ["jobs", "cronjobs"], READ + CHANGE),
        rule("apps", ["deployments", "statefulsets"], READ + CHANGE),
        rule("networking.k8s.io", ["networkpolicies"], READ),
        # Where a job stands in its queue. Which queue there is, is the platform's.
        rule("kueue.x-k8s.io", ["localqueues", "workloads"], READ),
    ]


def container_limits() -> k8s.core.v1.LimitRangeItemArgs:
    """What a container gets that asks for nothing: without it a quota refuses the pod."""
    return k8s.core.v1.LimitRangeItemArgs(
        type="Container",
        default_request={"cpu": "500m", "memory": "1Gi"},
        default={"memory": "2Gi"},
    )


def network_policies() -> dict[str, k8s.networking.v1.NetworkPolicySpecArgs]:
    """Name to policy: nothing in or out by default; then what jobs need.

    Out goes HTTPS (AWS APIs, registries) and DNS, in and out what pods of the same namespace say to each other, which
    distributed training needs. The Pod Identity agent answers at 169.254.170.23
    (https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html).
    """
    everything = k8s.meta.v1.LabelSelectorArgs()
    same_namespace = [k8s.networking.v1.NetworkPolicyPeerArgs(pod_selector=k8s.meta.v1.LabelSelectorArgs())]

    def port(number: int, protocol: str = "TCP") -> k8s.networking.v1.NetworkPolicyPortArgs:
        return k8s.networking.v1.NetworkPolicyPortArgs(port=number, protocol=protocol)

    outward = [
        k8s.networking.v1.NetworkPolicyEgressRuleArgs(to=same_namespace),
        k8s.networking.v1.NetworkPolicyEgressRuleArgs(ports=[port(53, "UDP"), port(53), port(443)]),
        k8s.networking.v1.NetworkPolicyEgressRuleArgs(
            to=[
                k8s.networking.v1.NetworkPolicyPeerArgs(
                    ip_block=k8s.networking.v1.IPBlockArgs(cidr="169.254.170.23/32")
                )
            ],
            ports=[port(80)],
        ),
    ]
    return {
        "default-deny": k8s.networking.v1.NetworkPolicySpecArgs(
            pod_selector=everything, policy_types=["Ingress", "Egress"]
        ),
        "jobs": k8s.networking.v1.NetworkPolicySpecArgs(
            pod_selector=everything,
            policy_types=["Ingress", "Egress"],
            ingress=[k8s.networking.v1.NetworkPolicyIngressRuleArgs(from_=same_namespace)],
            egress=outward,
        ),
    }
