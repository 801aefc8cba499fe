"""How a VPC's address range is cut into subnets: plain arithmetic, used by the settings' checks and by the network."""

from ipaddress import IPv4Network

MAX_ZONES = 3
SMALLEST_VPC_PREFIX = 22
"""A /22 gives private subnets of 256 addresses, room for some dozen nodes with their pods."""
LARGEST_VPC_PREFIX = 16
"""AWS's own limit: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""
RESERVED_ADDRESSES = 5
"""Addresses that AWS keeps in every subnet: https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html"""


def private_subnets(cidr: str, zones: int) -> list[str]:
    """The first quarters of the range, one a zone, so that a zone added later moves nothing."""
    return [str(block) for block in list(IPv4Network(cidr).subnets(prefixlen_diff=2))[:zones]]


def public_subnets(cidr: str, zones: int) -> list[str]:
    """Quarters of the range's last quarter, one a zone: gateways and load balancers need few addresses."""
    last_quarter = list(IPv4Network(cidr).subnets(prefixlen_diff=2))[-1]
    return [str(block) for block in list(last_quarter.subnets(prefixlen_diff=2))[:zones]]
