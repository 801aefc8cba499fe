"""A network that somebody else looks after: it is looked at before anything is put into it, and never changed."""

from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.existing import asked, refuse_unless_it_fits

SETTING = "network.existing"
LEAST_ADDRESSES = 6
"""Free addresses that EKS wants in each subnet of a cluster
(https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html)."""
INTERNAL_BALANCERS = "kubernetes.io/role/internal-elb"
"""Tag by which Auto Mode finds subnets for internal load balancers
(https://docs.aws.amazon.com/eks/latest/userguide/tag-subnets-auto.html)."""


def looked_at(vpc_id: str, subnet_ids: Sequence[str], parent: pulumi.Resource) -> pulumi.Output[str]:
    """The VPC's id, once it and its subnets were seen to fit.

    The engine asks AWS (`getVpc`, `getSubnet`); its state keeps none of it, so a destroy cannot reach it. Fails with
    pulumi.RunError and everything that does not fit.
    """
    vpc = asked("aws:ec2/getVpc:getVpc", {"id": vpc_id}, aws.ec2.GetVpcResult, SETTING, parent)
    subnets = [
        asked("aws:ec2/getSubnet:getSubnet", {"id": subnet}, aws.ec2.GetSubnetResult, SETTING, parent)
        for subnet in subnet_ids
    ]

    def check(vpc: aws.ec2.GetVpcResult, subnets: Sequence[aws.ec2.GetSubnetResult]) -> str:
        refuse_unless_it_fits(SETTING, f"the VPC {vpc_id}", problems(vpc, subnets))
        if not any(INTERNAL_BALANCERS in subnet.tags for subnet in subnets):
            pulumi.log.warn(
                f"groundwork:{SETTING}: no subnet has the tag {INTERNAL_BALANCERS}=1: internal load balancers of the "
                "cluster will not find one."
            )
        return vpc.id

    return pulumi.Output.all(vpc, *subnets).apply(lambda known: check(known[0], known[1:]))


def problems(vpc: aws.ec2.GetVpcResult, subnets: Sequence[aws.ec2.GetSubnetResult]) -> list[str]:
    """What keeps a cluster and its jobs from living there, each as a sentence without its full stop."""
    found: list[str] = []
    for word, is_on in (("DNS support", vpc.enable_dns_support), ("DNS hostnames", vpc.enable_dns_hostnames)):
        if not is_on:
            found.append(f"its {word} is off, and without it nodes do not join a cluster")
    for subnet in subnets:
        if subnet.vpc_id != vpc.id:
            found.append(f"{subnet.id} lies in {subnet.vpc_id}, not in {vpc.id}")
        if subnet.map_public_ip_on_launch:
            found.append(f"{subnet.id} gives machines public addresses: it is no private subnet")
        if subnet.available_ip_address_count < LEAST_ADDRESSES:
            free = subnet.available_ip_address_count
            found.append(
                f"{subnet.id} has {free} free addresses; EKS alone wants {LEAST_ADDRESSES}, nodes and pods more"
            )
    zones = sorted({subnet.availability_zone for subnet in subnets})
    if len(zones) < 2:
        found.append(f"all its subnets lie in {', '.join(zones)}; a cluster wants two zones")
    return found
