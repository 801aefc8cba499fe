"""The Kubernetes cluster: EKS in Auto Mode, which brings its own nodes, load balancers, volumes and device plugins."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.cluster_roles import ClusterRoles, ClusterRolesArgs
from components.cluster_version import version_guard
from components.existing_cluster import ExistingCluster, looked_at
from components.placement import Placement

CONTROL_PLANE_LOGS = ("api", "audit", "authenticator")
BUILT_IN_NODE_POOLS = ("general-purpose", "system")
"""Kept for good: emptying the list later replaces the cluster."""


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """What a cluster needs.

    version: Kubernetes version, such as `1.34`.
    subnet_ids: private subnets in at least two zones.
    routes: what leads out of these subnets; nodes need it until they are gone.
    admin_arns: word that the admin's entry is named by, to the ARN of its IAM role or user.
    secrets_key_arn: key that encrypts Kubernetes secrets.
    logs_key_arn: key that encrypts the control plane's logs.
    public_access_cidrs: ranges that reach the API from outside of the VPC; none makes it private.
    profile: AWS profile that the kubeconfig asks for tokens with.
    deletion_protection: EKS itself refuses to delete the cluster.
    protect: refuse to delete or replace the cluster.
    """

    placement: Placement
    version: str
    subnet_ids: Sequence[pulumi.Input[str]]
    admin_arns: Mapping[str, pulumi.Input[str]]
    secrets_key_arn: pulumi.Input[str]
    logs_key_arn: pulumi.Input[str]
    profile: str
    routes: Sequence[pulumi.Resource] = field(default_factory=tuple)
    public_access_cidrs: Sequence[str] = ()
    log_retention_days: int = 90
    deletion_protection: bool = True
    protect: bool = True


class Cluster(pulumi.ComponentResource):
    """An EKS cluster in Auto Mode, its admins' access entries, and a Kubernetes provider that outlives updates.

    Or an existing cluster by its name: then all of it but the provider is somebody else's.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    kubeconfig: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    node_role_name: pulumi.Output[str]
    provider: k8s.Provider
    """Depends on the admins' access and the routes, so that a destroy does not lock itself out."""

    def __init__(self, name: str, args: ClusterArgs | ExistingCluster, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:compute:Cluster", name, None, opts)
        if isinstance(args, ExistingCluster):
            self._take(name, args)
        else:
            self._build(name, args)
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _take(self, name: str, args: ExistingCluster) -> None:
        seen = looked_at(args, self)
        self.name, self.arn = seen.apply(lambda _: args.name), seen.apply(lambda cluster: cluster.arn)
        self.security_group_id = seen.apply(lambda cluster: cluster.security_group_id)
        self.node_role_name = seen.apply(lambda cluster: cluster.node_role_name)
        self.kubeconfig = seen.apply(
            lambda cluster: kubeconfig(
                name=args.name,
                endpoint=cluster.endpoint,
                certificate=cluster.certificate,
                region=args.placement.region,
                profile=args.profile,
            )
        )
        self.provider = self._kubernetes(name, [])

    def _build(self, name: str, args: ClusterArgs) -> None:
        child = pulumi.ResourceOptions(parent=self)
        cluster_name = args.placement.prefix
        roles = ClusterRoles(f"{name}-roles", ClusterRolesArgs(placement=args.placement), child)
        # Made before the cluster, which would otherwise make it without encryption or an end.
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/aws/eks/{cluster_name}/cluster",
            retention_in_days=args.log_retention_days,
            kms_key_id=args.logs_key_arn,
            opts=child,
        )
        # These three must be on or off together.
        auto_mode = True
        cluster = aws.eks.Cluster(
            name,
            name=cluster_name,
            version=args.version,
            role_arn=roles.cluster_role_arn,
            bootstrap_self_managed_addons=False,
            deletion_protection=args.deletion_protection,
            access_config=aws.eks.ClusterAccessConfigArgs(
                authentication_mode="API", bootstrap_cluster_creator_admin_permissions=False
            ),
            compute_config=aws.eks.ClusterComputeConfigArgs(
                enabled=auto_mode, node_pools=list(BUILT_IN_NODE_POOLS), node_role_arn=roles.node_role_arn
            ),
            kubernetes_network_config=aws.eks.ClusterKubernetesNetworkConfigArgs(
                elastic_load_balancing=aws.eks.ClusterKubernetesNetworkConfigElasticLoadBalancingArgs(
                    enabled=auto_mode
                ),
                ip_family="ipv4",
            ),
            storage_config=aws.eks.ClusterStorageConfigArgs(
                block_storage=aws.eks.ClusterStorageConfigBlockStorageArgs(enabled=auto_mode)
            ),
            vpc_config=aws.eks.ClusterVpcConfigArgs(
                subnet_ids=list(args.subnet_ids),
                endpoint_private_access=True,
                endpoint_public_access=bool(args.public_access_cidrs),
                public_access_cidrs=list(args.public_access_cidrs) or None,
            ),
            encryption_config=aws.eks.ClusterEncryptionConfigArgs(
                provider=aws.eks.ClusterEncryptionConfigProviderArgs(key_arn=args.secrets_key_arn),
                resources=["secrets"],
            ),
            enabled_cluster_log_types=list(CONTROL_PLANE_LOGS),
            # Extended support costs six times as much an hour and starts by itself.
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type="STANDARD"),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=args.protect,
                depends_on=[logs, *roles.attachments, *args.routes],
                hooks=pulumi.ResourceHookBinding(before_update=[version_guard(name)]),
            ),
        )
        self.name, self.arn = cluster.name, cluster.arn
        self.security_group_id = cluster.vpc_config.cluster_security_group_id.apply(lambda group: group or "")
        self.node_role_name = roles.node_role_name
        access = self._admin_access(name, args, cluster)
        self.kubeconfig = pulumi.Output.all(
            endpoint=cluster.endpoint, certificate=cluster.certificate_authority.data
        ).apply(
            lambda known: kubeconfig(
                name=cluster_name,
                endpoint=known["endpoint"],
                certificate=known["certificate"] or "",
                region=args.placement.region,
                profile=args.profile,
            )
        )
        self.provider = self._kubernetes(name, [cluster, *access, *args.routes])

    def _kubernetes(self, name: str, needs: Sequence[pulumi.Resource]) -> k8s.Provider:
        return k8s.Provider(
            f"{name}-kubernetes",
            kubeconfig=self.kubeconfig,
            # Only another identifier replaces the provider, and with it everything in the cluster.
            cluster_identifier=self.arn,
            enable_server_side_apply=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(needs)),
        )

    def _admin_access(self, name: str, args: ClusterArgs, cluster: aws.eks.Cluster) -> list[pulumi.Resource]:
        access: list[pulumi.Resource] = []
        for word, principal in args.admin_arns.items():
            entry = aws.eks.AccessEntry(
                f"{name}-admin-{word}",
                cluster_name=cluster.name,
                principal_arn=principal,
                type="STANDARD",
                opts=pulumi.ResourceOptions(parent=self),
            )
            association = aws.eks.AccessPolicyAssociation(
                f"{name}-admin-{word}-policy",
                cluster_name=cluster.name,
                principal_arn=principal,
                policy_arn=f"arn:{args.placement.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
                access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[entry]),
            )
            access += [entry, association]
        return access


def kubeconfig(name: str, endpoint: str, certificate: str, region: str, profile: str) -> str:
    """What `aws eks update-kubeconfig` writes, as JSON. It holds no token, so it never changes by itself."""
    arguments = ["--region", region, "eks", "get-token", "--cluster-name", name, "--output", "json"]
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": endpoint, "certificate-authority-data": certificate}},
            ],
            "users": [
                {
                    "name": name,
                    "user": {
                        "exec": {
                            "apiVersion": "client.authentication.k8s.io/v1beta1",
                            "command": "aws",
                            "args": arguments,
                            "env": [{"name": "AWS_PROFILE", "value": profile}],
                            "interactiveMode": "Never",
                        }
                    },
                }
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )
