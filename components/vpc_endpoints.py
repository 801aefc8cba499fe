"""Ways from private subnets to AWS services that do not cross the internet."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.placement import Placement

PRIVATE_CLUSTER_SERVICES = (
    "aps-workspaces",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticloadbalancing",
    "kms",
    "logs",
    "monitoring",
    "sagemaker.api",
    "sagemaker.experiments",
    "sagemaker.runtime",
    "ssm",
    "sts",
)
"""Interface endpoints that the platform needs where no NAT gateway leads out.

Source: https://docs.aws.amazon.com/eks/latest/userguide/private-clusters.html, Prometheus' API for Grafana
(https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-and-interface-VPC.html), SageMaker's own two, and the one
of its tracking servers (https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-interface-endpoint-create.html), which
a job in these subnets records its run on.
"""
NAMED_OTHERWISE = {"sagemaker.experiments": "aws.sagemaker.{region}.experiments"}
"""Services whose endpoint's name does not begin as that of the others.

Source: https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
"""


@dataclass(frozen=True, kw_only=True)
class VpcEndpointsArgs:
    """What the endpoints need.

    vpc_cidr: range from which interface endpoints take calls.
    route_table_ids: tables that get a route to S3.
    services: interface endpoints, by the last part of their service's name (`sts`, `ecr.api`).
    """

    placement: Placement
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    route_table_ids: Sequence[pulumi.Input[str]]
    subnet_ids: Sequence[pulumi.Input[str]]
    services: Sequence[str] = ()


class VpcEndpoints(pulumi.ComponentResource):
    """A gateway endpoint for S3, which costs nothing, and interface endpoints for the services asked for."""

    resources: list[pulumi.Resource]

    def __init__(self, name: str, args: VpcEndpointsArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:network:VpcEndpoints", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.resources = [
            aws.ec2.VpcEndpoint(
                f"{name}-s3",
                vpc_id=args.vpc_id,
                service_name=f"com.amazonaws.{args.placement.region}.s3",
                vpc_endpoint_type="Gateway",
                route_table_ids=list(args.route_table_ids),
                opts=child,
            )
        ]
        if args.services:
            group = aws.ec2.SecurityGroup(
                f"{name}-clients",
                name=f"{args.placement.prefix}-endpoints",
                description="AWS services, called from within the VPC",
                vpc_id=args.vpc_id,
                revoke_rules_on_delete=True,
                opts=child,
            )
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-clients-https",
                security_group_id=group.id,
                description="HTTPS from the VPC",
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                cidr_ipv4=args.vpc_cidr,
                opts=child,
            )
            for service in args.services:
                endpoint = aws.ec2.VpcEndpoint(
                    f"{name}-{service}",
                    vpc_id=args.vpc_id,
                    service_name=_service_name(service, args.placement),
                    vpc_endpoint_type="Interface",
                    subnet_ids=list(args.subnet_ids),
                    security_group_ids=[group.id],
                    private_dns_enabled=True,
                    opts=child,
                )
                self.resources.append(endpoint)
        self.register_outputs({})


def _service_name(service: str, placement: Placement) -> str:
    if service in NAMED_OTHERWISE:
        return NAMED_OTHERWISE[service].format(region=placement.region)
    return f"{placement.dns_suffix}.{placement.region}.{service}"
