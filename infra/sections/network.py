"""Settings of the network."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.addressing import LARGEST_VPC_PREFIX, MAX_ZONES, RESERVED_ADDRESSES, SMALLEST_VPC_PREFIX
from components.vpc_endpoints import PRIVATE_CLUSTER_SERVICES
from infra.sections.section import Problem, Section, check
from infra.sections.values import LogRetention, matching, network_range

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


def _vpc_range(text: str) -> str:
    """Sizes by arithmetic: what AWS takes and what nodes and pods need."""
    network = network_range(text)
    if not network.is_private:
        raise ValueError("a private range: within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16")
    if network.prefixlen < LARGEST_VPC_PREFIX:
        raise ValueError(f"a /{LARGEST_VPC_PREFIX} or smaller, AWS's own limit")
    if network.prefixlen > SMALLEST_VPC_PREFIX:
        quarter = network.num_addresses // 4
        raise ValueError(
            f"a /{SMALLEST_VPC_PREFIX} or larger: of these {network.num_addresses} addresses each private subnet "
            f"gets a quarter, and {quarter} less the {RESERVED_ADDRESSES} that AWS keeps leaves "
            f"{max(0, quarter - RESERVED_ADDRESSES)} for nodes and pods"
        )
    return text


VpcCidr = Annotated[str, AfterValidator(_vpc_range)]


def _two_or_three(zones: tuple[str, ...]) -> tuple[str, ...]:
    if not 2 <= len(zones) <= MAX_ZONES or len(set(zones)) != len(zones):
        raise ValueError("two or three different availability zones, such as [us-east-1a, us-east-1b]")
    return zones


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

    cidr: VpcCidr = "10.20.0.0/16"
    zones: Annotated[tuple[Zone, ...], AfterValidator(_two_or_three)] = ()
    nat: Literal["none", "one", "per-zone"] = "one"
    interface_endpoints: tuple[ServiceName, ...] = ()
    flow_log_days: Literal[0] | LogRetention = 30
    existing: ExistingVpc | None = None

    @check("existing")
    def an_existing_network_is_left_alone(self) -> Iterator[Problem]:
        """Settings that would change it; and zones, which a network of our own needs."""
        if self.existing is None:
            if "zones" not in self.model_fields_set:
                yield Problem(
                    key="zones",
                    value=[],
                    message="allowed are two or three availability zones, such as [us-east-1a, us-east-1b]",
                )
            return
        for key, name in self.spelling().items():
            if name != "existing" and name in self.model_fields_set:
                yield Problem(
                    key=key,
                    value=getattr(self, name, None),
                    message="with `existing` set nothing is made, so it must go",
                )

    @check("nat", "interface_endpoints", "existing")
    def a_private_network_reaches_aws(self) -> Iterator[Problem]:
        """Without a way out every service needs an endpoint of its own."""
        missing = [name for name in PRIVATE_CLUSTER_SERVICES if name not in self.interface_endpoints]
        if self.existing is None and self.nat == "none" and missing:
            yield Problem(
                key="interfaceEndpoints",
                value=list(self.interface_endpoints),
                message=f"with `nat: none` it also needs {', '.join(missing)}",
            )
