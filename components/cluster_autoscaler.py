"""What scales managed pools: the Kubernetes cluster-autoscaler. (Auto Mode scales its own pools, and no node groups.)

Written after its own example for AWS, with auto-discovery
(https://github.com/kubernetes/autoscaler/blob/master/cluster-autoscaler/cloudprovider/aws/README.md and
charts/cluster-autoscaler/templates/{clusterrole,role}.yaml there). EKS tags the Auto Scaling groups of node groups so
that they are found.
"""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.iam import allow, document, trust, unscoped, written_with
from components.placement import Placement

NAME, NAMESPACE = "cluster-autoscaler", "kube-system"
DEFAULT_IMAGE = (
    "registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.2"
    "@sha256:76a7eb96cd9d9570ce768184c43a98f71723a6f48cb27f10c293d2ed9b1743b6"
)
"""The digest is the one that Kubernetes' image promotion recorded (kubernetes/k8s.io, pull request 8815). The project
wants the autoscaler's minor version to be the cluster's: `cluster.autoscalerImage` sets another."""
_READ = ["get", "list", "watch"]


@dataclass(frozen=True, kw_only=True)
class ClusterAutoscalerArgs:
    """What the autoscaler needs.

    cluster_name: the cluster whose node groups it scales.
    """

    placement: Placement
    cluster_name: pulumi.Input[str]
    image: str = DEFAULT_IMAGE
    provider: k8s.Provider


class ClusterAutoscaler(pulumi.ComponentResource):
    """A Deployment that sets the number of nodes of this cluster's node groups, and a role that can do no more."""

    def __init__(self, name: str, args: ClusterAutoscalerArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:ClusterAutoscaler", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        in_cluster = pulumi.ResourceOptions(parent=self, provider=args.provider)
        role = aws.iam.Role(
            f"{name}-role",
            name=f"{args.placement.prefix}-autoscaler",
            description="The cluster-autoscaler sets the size of managed pools with it",
            assume_role_policy=document(
                trust(["pods.eks.amazonaws.com"], actions=["sts:AssumeRole", "sts:TagSession"])
            ),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name="scale",
            role=role.name,
            policy=written_with(
                autoscaler_policy,
                partition=args.placement.partition,
                region=args.placement.region,
                account_id=args.placement.account_id,
                cluster=args.cluster_name,
            ),
            opts=child,
        )
        identity = aws.eks.PodIdentityAssociation(
            f"{name}-identity",
            cluster_name=args.cluster_name,
            namespace=NAMESPACE,
            service_account=NAME,
            role_arn=role.arn,
            opts=child,
        )
        account = k8s.core.v1.ServiceAccount(
            f"{name}-account", metadata=_meta(), automount_service_account_token=True, opts=in_cluster
        )
        rights = [
            k8s.rbac.v1.ClusterRole(
                f"{name}-cluster-role", metadata=_meta(False), rules=cluster_rules(), opts=in_cluster
            ),
            k8s.rbac.v1.ClusterRoleBinding(
                f"{name}-cluster-binding",
                metadata=_meta(False),
                role_ref=_ref("ClusterRole"),
                subjects=[_subject()],
                opts=in_cluster,
            ),
            k8s.rbac.v1.Role(f"{name}-own-role", metadata=_meta(), rules=own_rules(), opts=in_cluster),
            k8s.rbac.v1.RoleBinding(
                f"{name}-own-binding", metadata=_meta(), role_ref=_ref("Role"), subjects=[_subject()], opts=in_cluster
            ),
        ]
        k8s.apps.v1.Deployment(
            f"{name}-deployment",
            metadata=_meta(),
            spec=deployment_spec(args.image, args.cluster_name, args.placement.region),
            opts=pulumi.ResourceOptions(
                parent=self, provider=args.provider, depends_on=[policy, identity, account, *rights]
            ),
        )
        self.register_outputs({})


def autoscaler_policy(partition: str, region: str, account_id: str, cluster: str) -> str:
    """Reads what there is to scale, and scales the groups of this cluster alone."""
    groups = f"arn:{partition}:autoscaling:{region}:{account_id}:autoScalingGroup:*:autoScalingGroupName/eks-*"
    return document(
        unscoped(
            "Discover",
            [
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeScalingActivities",
                "autoscaling:DescribeTags",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeLaunchTemplateVersions",
            ],
            because="the Describe actions of EC2 and of EC2 Auto Scaling take no resource",
        ),
        allow(
            "NodeGroups",
            ["eks:DescribeNodegroup"],
            [f"arn:{partition}:eks:{region}:{account_id}:nodegroup/{cluster}/*/*"],
        ),
        allow(
            "Scale",
            ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
            [groups],
            {"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{cluster}": "owned"}},
        ),
    )


def deployment_spec(image: str, cluster: pulumi.Input[str], region: str) -> k8s.apps.v1.DeploymentSpecArgs:
    """One replica, on a node of Auto Mode: on a managed node it would keep that node from ever going."""
    labels = {"app.kubernetes.io/name": NAME}
    discovery = pulumi.Output.concat(
        "--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/", cluster
    )
    return k8s.apps.v1.DeploymentSpecArgs(
        replicas=1,
        strategy=k8s.apps.v1.DeploymentStrategyArgs(type="Recreate"),
        selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
        template=k8s.core.v1.PodTemplateSpecArgs(
            metadata=k8s.meta.v1.ObjectMetaArgs(labels=labels),
            spec=k8s.core.v1.PodSpecArgs(
                service_account_name=NAME,
                priority_class_name="system-cluster-critical",
                node_selector={"eks.amazonaws.com/compute-type": "auto"},
                tolerations=[k8s.core.v1.TolerationArgs(key="CriticalAddonsOnly", operator="Exists")],
                security_context=k8s.core.v1.PodSecurityContextArgs(
                    run_as_non_root=True,
                    run_as_user=65534,
                    fs_group=65534,
                    seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
                ),
                containers=[
                    k8s.core.v1.ContainerArgs(
                        name=NAME,
                        image=image,
                        command=["./cluster-autoscaler"],
                        args=[
                            "--cloud-provider=aws",
                            discovery,
                            "--expander=least-waste",
                            "--skip-nodes-with-local-storage=false",
                            # The add-ons' own pods are on every node: they keep none from being empty.
                            "--skip-nodes-with-system-pods=false",
                            "--ignore-daemonsets-utilization=true",
                            "--stderrthreshold=info",
                        ],
                        # Behind one hop the metadata service does not tell it where it is.
                        env=[k8s.core.v1.EnvVarArgs(name="AWS_REGION", value=region)],
                        ports=[k8s.core.v1.ContainerPortArgs(name="metrics", container_port=8085)],
                        liveness_probe=k8s.core.v1.ProbeArgs(
                            http_get=k8s.core.v1.HTTPGetActionArgs(path="/health-check", port=8085),
                            initial_delay_seconds=60,
                        ),
                        resources=k8s.core.v1.ResourceRequirementsArgs(
                            requests={"cpu": "100m", "memory": "600Mi"}, limits={"memory": "600Mi"}
                        ),
                        security_context=k8s.core.v1.SecurityContextArgs(
                            allow_privilege_escalation=False,
                            read_only_root_filesystem=True,
                            capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
                        ),
                    )
                ],
            ),
        ),
    )


def cluster_rules() -> list[k8s.rbac.v1.PolicyRuleArgs]:
    """What it reads of the whole cluster, and the little that it writes there."""
    return [
        _rule("", ["events", "endpoints"], ["create", "patch"]),
        _rule("", ["pods/eviction"], ["create"]),
        _rule("", ["pods/status"], ["update"]),
        _rule("", ["nodes"], [*_READ, "update"]),
        _rule(
            "",
            [
                *("namespaces", "pods", "services", "replicationcontrollers"),
                *("persistentvolumeclaims", "persistentvolumes"),
            ],
            _READ,
        ),
        _rule("batch", ["jobs", "cronjobs"], _READ),
        _rule("apps", ["daemonsets", "replicasets", "statefulsets"], _READ),
        _rule("policy", ["poddisruptionbudgets"], _READ),
        _rule(
            "storage.k8s.io",
            ["storageclasses", "csinodes", "csidrivers", "csistoragecapacities", "volumeattachments"],
            _READ,
        ),
        _rule("resource.k8s.io", ["resourceclaims", "resourceslices", "deviceclasses"], _READ),
    ]


def own_rules() -> list[k8s.rbac.v1.PolicyRuleArgs]:
    """Its lease and its status, in its own namespace."""
    return [
        _rule("coordination.k8s.io", ["leases"], ["create"]),
        _rule("coordination.k8s.io", ["leases"], ["get", "update"], names=[NAME]),
        _rule("", ["configmaps"], ["create", "list", "watch"]),
        _rule("", ["configmaps"], ["delete", "get", "update"], names=["cluster-autoscaler-status"]),
    ]


def _rule(
    group: str, resources: list[str], verbs: list[str], names: list[str] | None = None
) -> k8s.rbac.v1.PolicyRuleArgs:
    return k8s.rbac.v1.PolicyRuleArgs(api_groups=[group], resources=resources, verbs=verbs, resource_names=names)


def _meta(namespaced: bool = True) -> k8s.meta.v1.ObjectMetaArgs:
    return k8s.meta.v1.ObjectMetaArgs(name=NAME, namespace=NAMESPACE if namespaced else None)


def _ref(kind: str) -> k8s.rbac.v1.RoleRefArgs:
    return k8s.rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind=kind, name=NAME)


def _subject() -> k8s.rbac.v1.SubjectArgs:
    return k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=NAME, namespace=NAMESPACE)
