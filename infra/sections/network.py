"""Settings of the network."""

import ipaddress
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.addressing import LARGEST_VPC_PREFIX, SMALLEST_VPC_PREFIX, private_subnets, usable_addresses
from components.vpc_endpoints import PRIVATE_CLUSTER_SERVICES
from infra.sections.section import Problem, Section
from infra.sections.values import Cidr, LogRetention, matching

Zone = Annotated[
    str, AfterValidator(matching(r"[a-z]{2,4}(-[a-z]+)+-\d[a-z]", "an availability zone, such as us-east-1a"))
]
ServiceName = Annotated[
    str,
    AfterValidator(
        matching(r"[a-z0-9-]+(\.[a-z0-9-]+)*", "the last part of an endpoint's name, such as sts or ecr.api")
    ),
]
VpcId = Annotated[str, AfterValidator(matching(r"vpc-[0-9a-f]{8,17}", "the id of a VPC, such as vpc-0a1b2c3d"))]
SubnetId = Annotated[str, AfterValidator(matching(r"subnet-[0-9a-f]{8,17}", "the id of a subnet, subnet-0a1b2c3d"))]


class ExistingVpc(Section):
    """A network that somebody else looks after, by its ids."""

    vpc_id: VpcId
    private_subnet_ids: Annotated[tuple[SubnetId, ...], Field(min_length=2)]


class NetworkSettings(Section):
    """The VPC, or the ids of an existing one.

    cidr: range of the VPC, /16 to /22.
    zones: two or three availability zones. Append only: a zone's place in the list decides its range.
    nat: way out of the private subnets: none, one gateway for all, or per-zone.
    interface_endpoints: AWS services reached without a way out.
    flow_log_days: days that flow logs are kept; 0 keeps none.
    existing: use this network instead of making one.
    """

    cidr: Cidr = "10.20.0.0/16"
    zones: Annotated[tuple[Zone, ...], Field(max_length=3)] = ()
    nat: Literal["none", "one", "per-zone"] = "one"
    interface_endpoints: tuple[ServiceName, ...] = ()
    flow_log_days: Literal[0] | LogRetention = 30
    existing: ExistingVpc | None = None

    def problems(self) -> Iterator[Problem]:
        """Sizes by arithmetic; what contradicts an existing network; a cluster without any way to AWS."""
        if self.existing is not None:
            for key, name in (("cidr", "cidr"), ("zones", "zones"), ("nat", "nat")):
                if name in self.model_fields_set:
                    yield Problem(key=key, value=getattr(self, name), allowed="nothing, because `existing` is set")
            return
        yield from self._zone_problems()
        yield from self._cidr_problems()
        if self.nat == "none":
            missing = [name for name in PRIVATE_CLUSTER_SERVICES if name not in self.interface_endpoints]
            if missing:
                yield Problem(
                    key="interfaceEndpoints",
                    value=list(self.interface_endpoints),
                    allowed=f"also {', '.join(missing)}: with `nat: none` there is no other way to these services",
                )

    def _zone_problems(self) -> Iterator[Problem]:
        if len(set(self.zones)) < 2:
            yield Problem(
                key="zones",
                value=list(self.zones),
                allowed="two or three different availability zones, such as [us-east-1a, us-east-1b]",
            )
        elif len(set(self.zones)) != len(self.zones):
            yield Problem(key="zones", value=list(self.zones), allowed="each availability zone once")

    def _cidr_problems(self) -> Iterator[Problem]:
        try:
            network = ipaddress.IPv4Network(self.cidr)
        except ValueError as error:
            host = _containing(self.cidr)
            hint = f", such as {host}" if host else ""
            yield Problem(key="cidr", value=self.cidr, allowed=f"the first address of an IPv4 range{hint} ({error})")
            return
        if not network.is_private:
            yield Problem(
                key="cidr",
                value=self.cidr,
                allowed="a private range: within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
            )
        if network.prefixlen < LARGEST_VPC_PREFIX:
            yield Problem(key="cidr", value=self.cidr, allowed=f"a /{LARGEST_VPC_PREFIX} or smaller, AWS's own limit")
        elif network.prefixlen > SMALLEST_VPC_PREFIX:
            yield Problem(key="cidr", value=self.cidr, allowed=_too_small(network))


def _too_small(network: ipaddress.IPv4Network) -> str:
    if network.prefixlen > 28:
        sizes = f"{network.num_addresses} addresses, and AWS makes no VPC below 16"
    else:
        private = private_subnets(str(network), 1)[0] if network.prefixlen <= 30 else str(network)
        sizes = (
            f"{network.num_addresses} addresses, of which each private subnet gets a quarter: "
            f"{network.num_addresses} / 4 - 5 that AWS keeps = {usable_addresses(private)}, too few for nodes and pods"
        )
    return f"a /{SMALLEST_VPC_PREFIX} or larger (this is {sizes})"


def _containing(cidr: str) -> str | None:
    try:
        return str(ipaddress.IPv4Network(cidr, strict=False))
    except ValueError:
        return None
