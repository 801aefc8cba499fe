"""MLflow on the cluster: a Deployment with a database of its own, behind an internal load balancer with TLS."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as k8s

from components.iam import written_with
from components.placement import Placement
from components.tracking_database import DATABASE, PORT, DatabaseArgs, TrackingDatabase
from components.tracking_policy import ARTIFACT_PREFIX, pod_trust, self_hosted_policy

NAMESPACE = "tracking"
SERVER, SERVER_PORT = "mlflow", 5000
LABELS = {"app.kubernetes.io/name": SERVER}
START_SCRIPT = Path(__file__).parent / "data" / "mlflow_start.py"
_START_TEXT = START_SCRIPT.read_text()


@dataclass(frozen=True, kw_only=True)
class ClusterTrackingArgs:
    """What the server needs.

    image: with `mlflow`, `psycopg2` and `boto3`; MLflow's own image lacks the last two.
    host: name that clients use, for which the certificate is; it must lead to the load balancer.
    certificate_arn: certificate of AWS Certificate Manager for that name.
    subnet_ids: private subnets, for the load balancer.
    nodes: what its pods run on, which must outlive them.
    """

    placement: Placement
    image: str
    host: str
    certificate_arn: str
    artifact_bucket: pulumi.Input[str]
    artifact_bucket_arn: pulumi.Input[str]
    kms_key_arn: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    cluster_name: pulumi.Input[str]
    provider: k8s.Provider
    database: DatabaseArgs
    nodes: Sequence[pulumi.Resource] = ()


class ClusterTracking(pulumi.ComponentResource):
    """An MLflow server that the VPC alone reaches. It asks nobody who they are: the network is its only guard."""

    uri: pulumi.Output[str]

    def __init__(self, name: str, args: ClusterTrackingArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:ml:ClusterTracking", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self, provider=args.provider)
        database = TrackingDatabase(f"{name}-database", args.database, pulumi.ResourceOptions(parent=self))
        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=k8s.meta.v1.ObjectMetaArgs(
                name=NAMESPACE, labels={"pod-security.kubernetes.io/enforce": "restricted"}
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=list(args.nodes)),
        )
        inside = pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[namespace])
        needs = [*self._identity(database, inside), self._script(inside), database.instance]
        deployment = self._deployment(database, needs)
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata=_metadata(SERVER),
            spec=k8s.core.v1.ServiceSpecArgs(
                selector=LABELS,
                ports=[
                    k8s.core.v1.ServicePortArgs(name="http", port=80, target_port=SERVER_PORT, protocol="TCP"),
                ],
            ),
            opts=inside,
        )
        self._ingress([deployment, service])
        self.uri = pulumi.Output.from_input(f"https://{args.host}")
        self.register_outputs({"uri": self.uri})

    def _identity(self, database: TrackingDatabase, inside: pulumi.ResourceOptions) -> list[pulumi.Resource]:
        name, args, child = self._name, self._args, pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(
            f"{name}-role",
            # Not the name of a managed server's role, which is still there when the kind of tracking changes.
            name=f"{args.placement.prefix}-tracking-pods",
            description="The MLflow server on the cluster reads artifacts and its database's password with it",
            assume_role_policy=written_with(pod_trust, account_id=args.placement.account_id),
            opts=child,
        )
        policy = aws.iam.RolePolicy(
            f"{name}-policy",
            name="tracking",
            role=role.name,
            policy=written_with(
                self_hosted_policy,
                bucket_arn=args.artifact_bucket_arn,
                kms_key_arn=args.kms_key_arn,
                secret_arn=database.secret_arn,
            ),
            opts=child,
        )
        account = k8s.core.v1.ServiceAccount(
            f"{name}-account", metadata=_metadata(SERVER), automount_service_account_token=False, opts=inside
        )
        association = aws.eks.PodIdentityAssociation(
            f"{name}-pod-identity",
            cluster_name=args.cluster_name,
            namespace=NAMESPACE,
            service_account=SERVER,
            role_arn=role.arn,
            opts=child,
        )
        return [policy, account, association]

    def _script(self, inside: pulumi.ResourceOptions) -> pulumi.Resource:
        return k8s.core.v1.ConfigMap(
            f"{self._name}-start",
            metadata=_metadata("mlflow-start"),
            data={START_SCRIPT.name: _START_TEXT},
            opts=inside,
        )

    def _deployment(self, database: TrackingDatabase, needs: Sequence[pulumi.Resource]) -> pulumi.Resource:
        core, args = k8s.core.v1, self._args
        environment: dict[str, pulumi.Input[str]] = {
            "AWS_REGION": args.placement.region,
            "DATABASE_CREDENTIALS_ARN": database.secret_arn,
            "DATABASE_HOST": database.address,
            "DATABASE_NAME": DATABASE,
            "DATABASE_PORT": str(PORT),
            # Against pages that make a browser inside of the VPC ask for another host's name (DNS rebinding).
            "MLFLOW_SERVER_ALLOWED_HOSTS": args.host,
            "HOME": "/tmp",  # noqa: S108
        }
        artifacts = pulumi.Output.concat("s3://", args.artifact_bucket, f"/{ARTIFACT_PREFIX}")
        command: list[pulumi.Input[str]] = ["python", f"/start/{START_SCRIPT.name}", "mlflow", "server"]
        command += ["--host", "0.0.0.0", "--port", str(SERVER_PORT)]  # noqa: S104
        command += ["--default-artifact-root", artifacts, "--no-serve-artifacts"]
        container = core.ContainerArgs(
            name=SERVER,
            image=args.image,
            command=command,
            env=[core.EnvVarArgs(name=word, value=value) for word, value in environment.items()],
            ports=[core.ContainerPortArgs(name="http", container_port=SERVER_PORT, protocol="TCP")],
            # MLflow answers after 13 to 19 s alone on two cores; its first start makes the tables as well.
            startup_probe=_probe(period_seconds=5, failure_threshold=60),
            readiness_probe=_probe(period_seconds=10),
            liveness_probe=_probe(period_seconds=20),
            resources=core.ResourceRequirementsArgs(
                requests={"cpu": "500m", "memory": "2Gi"}, limits={"memory": "4Gi"}
            ),
            security_context=core.SecurityContextArgs(
                allow_privilege_escalation=False,
                read_only_root_filesystem=True,
                capabilities=core.CapabilitiesArgs(drop=["ALL"]),
            ),
            volume_mounts=[
                core.VolumeMountArgs(name="start", mount_path="/start", read_only=True),
                core.VolumeMountArgs(name="scratch", mount_path="/tmp"),  # noqa: S108
            ],
        )
        pod = core.PodSpecArgs(
            service_account_name=SERVER,
            automount_service_account_token=False,
            security_context=core.PodSecurityContextArgs(
                run_as_non_root=True,
                run_as_user=10001,
                run_as_group=10001,
                fs_group=10001,
                seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
            ),
            containers=[container],
            volumes=[
                core.VolumeArgs(name="start", config_map=core.ConfigMapVolumeSourceArgs(name="mlflow-start")),
                core.VolumeArgs(name="scratch", empty_dir=core.EmptyDirVolumeSourceArgs()),
            ],
        )
        return k8s.apps.v1.Deployment(
            f"{self._name}-server",
            metadata=_metadata(SERVER),
            spec=k8s.apps.v1.DeploymentSpecArgs(
                replicas=1,
                # Two versions of MLflow must not change the tables at the same time.
                strategy=k8s.apps.v1.DeploymentStrategyArgs(type="Recreate"),
                selector=k8s.meta.v1.LabelSelectorArgs(match_labels=LABELS),
                template=core.PodTemplateSpecArgs(metadata=k8s.meta.v1.ObjectMetaArgs(labels=LABELS), spec=pod),
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=self._args.provider, depends_on=list(needs)),
        )

    def _ingress(self, needs: Sequence[pulumi.Resource]) -> None:
        """An internal load balancer that Auto Mode makes.

        Source: https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-alb.html
        """
        name, args = self._name, self._args
        parameters = k8s.apiextensions.CustomResource(
            f"{name}-load-balancer",
            api_version="eks.amazonaws.com/v1",
            kind="IngressClassParams",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=NAMESPACE),
            spec={
                "scheme": "internal",
                "subnets": {"ids": list(args.subnet_ids)},
                "certificateARNs": [args.certificate_arn],
            },
            opts=self._child,
        )
        ingress_class = k8s.networking.v1.IngressClass(
            f"{name}-class",
            metadata=k8s.meta.v1.ObjectMetaArgs(name=NAMESPACE),
            spec=k8s.networking.v1.IngressClassSpecArgs(
                controller="eks.amazonaws.com/alb",
                parameters=k8s.networking.v1.IngressClassParametersReferenceArgs(
                    api_group="eks.amazonaws.com", kind="IngressClassParams", name=NAMESPACE
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[parameters]),
        )
        backend = k8s.networking.v1.IngressBackendArgs(
            service=k8s.networking.v1.IngressServiceBackendArgs(
                name=SERVER, port=k8s.networking.v1.ServiceBackendPortArgs(name="http")
            )
        )
        path = k8s.networking.v1.HTTPIngressPathArgs(path="/", path_type="Prefix", backend=backend)
        k8s.networking.v1.Ingress(
            f"{name}-ingress",
            metadata=_metadata(
                SERVER,
                {
                    "alb.ingress.kubernetes.io/target-type": "ip",
                    "alb.ingress.kubernetes.io/listen-ports": '[{"HTTPS": 443}]',
                    "alb.ingress.kubernetes.io/healthcheck-path": "/health",
                },
            ),
            spec=k8s.networking.v1.IngressSpecArgs(
                ingress_class_name=NAMESPACE,
                rules=[
                    k8s.networking.v1.IngressRuleArgs(
                        host=args.host, http=k8s.networking.v1.HTTPIngressRuleValueArgs(paths=[path])
                    )
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self, provider=args.provider, depends_on=[ingress_class, *needs]),
        )


def _metadata(name: str, annotations: dict[str, str] | None = None) -> k8s.meta.v1.ObjectMetaArgs:
    return k8s.meta.v1.ObjectMetaArgs(name=name, namespace=NAMESPACE, labels=dict(LABELS), annotations=annotations)


def _probe(*, period_seconds: int, failure_threshold: int | None = None) -> k8s.core.v1.ProbeArgs:
    return k8s.core.v1.ProbeArgs(
        http_get=k8s.core.v1.HTTPGetActionArgs(path="/health", port=SERVER_PORT),
        period_seconds=period_seconds,
        failure_threshold=failure_threshold,
    )
