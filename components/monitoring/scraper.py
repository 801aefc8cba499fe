"""The managed collector: it scrapes the cluster from outside and fills the workspace."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from components.monitoring.scrape import scrape_configuration
from components.placement import Placement

MOST_SUBNETS = 5
"""https://docs.aws.amazon.com/prometheus/latest/APIReference/API_EksConfiguration.html"""
PORTS = {"the cluster's API": (443, 443), "metrics of pods and nodes": (1024, 65535)}
"""What the collector connects to. Pods choose their own ports, none of them privileged."""


@dataclass(frozen=True, kw_only=True)
class ClusterScraperArgs:
    """What a collector needs.

    cluster_security_group_id: group of the cluster's API endpoint and of its nodes.
    subnet_ids: subnets of the cluster in two zones or more; the collector puts a network interface in each.
    scrape_seconds: time between two scrapes, 30 or more.
    """

    placement: Placement
    cluster_arn: pulumi.Input[str]
    cluster_security_group_id: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    workspace_arn: pulumi.Input[str]
    scrape_seconds: int = 60


class ClusterScraper(pulumi.ComponentResource):
    """A managed collector for one cluster.

    It reaches the cluster by the private endpoint. Its access entry is not made here: the service makes it, with
    AmazonPrometheusScraperPolicy, for a role of its own, and EKS refuses entries for such a role from anybody else
    (https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-collector-how-to.html#AMP-collector-eks-setup).
    Deleting the cluster does not delete it: it goes first here, because it depends on the cluster.
    """

    def __init__(self, name: str, args: ClusterScraperArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:monitoring:ClusterScraper", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-group",
            name=f"{args.placement.prefix}-scraper",
            description="The collector of metrics: what it may reach",
            vpc_id=args.vpc_id,
            opts=child,
        )
        rules: list[pulumi.Resource] = []
        for word, (what, (first, last)) in zip(("api", "pods"), PORTS.items(), strict=True):
            rules.append(
                aws.vpc.SecurityGroupEgressRule(
                    f"{name}-out-{word}",
                    security_group_id=group.id,
                    referenced_security_group_id=args.cluster_security_group_id,
                    ip_protocol="tcp",
                    from_port=first,
                    to_port=last,
                    description=f"To {what}",
                    opts=child,
                )
            )
            rules.append(
                aws.vpc.SecurityGroupIngressRule(
                    f"{name}-in-{word}",
                    security_group_id=args.cluster_security_group_id,
                    referenced_security_group_id=group.id,
                    ip_protocol="tcp",
                    from_port=first,
                    to_port=last,
                    description=f"The collector of metrics to {what}",
                    opts=child,
                )
            )
        aws.amp.Scraper(
            name,
            alias=args.placement.prefix,
            source=aws.amp.ScraperSourceArgs(
                eks=aws.amp.ScraperSourceEksArgs(
                    cluster_arn=args.cluster_arn,
                    subnet_ids=list(args.subnet_ids)[:MOST_SUBNETS],
                    security_group_ids=[group.id],
                )
            ),
            destination=aws.amp.ScraperDestinationArgs(
                amp=aws.amp.ScraperDestinationAmpArgs(workspace_arn=args.workspace_arn)
            ),
            scrape_configuration=scrape_configuration(args.scrape_seconds),
            opts=pulumi.ResourceOptions(parent=self, depends_on=rules),
        )
        self.register_outputs({})
