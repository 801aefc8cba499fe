"""The network that clusters, jobs and endpoints attach to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from components.addressing import private_subnets, public_subnets
from components.existing_network import looked_at
from components.flow_logs import FlowLogs, FlowLogsArgs
from components.placement import Placement
from components.vpc_endpoints import VpcEndpoints, VpcEndpointsArgs

Nat = Literal["none", "one", "per-zone"]


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """A network of our own.

    cidr: IPv4 range of the VPC, /16 to /22.
    zones: two or three availability zones by name; a zone is only ever appended, for its place decides its range.
    nat: way out of the private subnets: none, one gateway for all, or one a zone.
    interface_endpoints: AWS services reached without a way out, by the last part of their endpoint's name (`sts`).
    flow_log_days: days that flow logs are kept; None keeps no flow logs.
    logs_key_arn: key that encrypts the flow logs.
    """

    placement: Placement
    cidr: str
    zones: Sequence[str]
    nat: Nat
    logs_key_arn: pulumi.Input[str]
    interface_endpoints: Sequence[str] = ()
    flow_log_days: int | None = 30


@dataclass(frozen=True, kw_only=True)
class ExistingNetwork:
    """A network that somebody else looks after: nothing in it is made or changed, except what attaches to it.

    It is looked at first, and refused with everything that does not fit.

    private_subnet_ids: two or more, each in another zone, with a way to the AWS APIs.
    """

    vpc_id: str
    private_subnet_ids: Sequence[str]


class Network(pulumi.ComponentResource):
    """A VPC with public and private subnets over two or three zones, or an existing one by its ids."""

    vpc_id: pulumi.Output[str]
    private_subnet_ids: list[pulumi.Output[str]]
    routes: list[pulumi.Resource]
    """What workloads in the private subnets must depend on: without it a destroy cuts their way out under them."""
    nat_gateway_ids: dict[str, pulumi.Output[str]]
    """By the letter of the zone. None in an existing network, whose gateways are not ours to know."""

    def __init__(self, name: str, args: NetworkArgs | ExistingNetwork, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:network:Network", name, None, opts)
        self._name = name
        self.routes, self.nat_gateway_ids = [], {}
        if isinstance(args, ExistingNetwork):
            self.vpc_id = looked_at(args.vpc_id, args.private_subnet_ids, self)
            self.private_subnet_ids = [
                self.vpc_id.apply(lambda _, known=subnet: known) for subnet in args.private_subnet_ids
            ]
        else:
            self._build(args)
        self.register_outputs({"vpcId": self.vpc_id, "privateSubnetIds": self.private_subnet_ids})

    def _build(self, args: NetworkArgs) -> None:
        name, child = self._name, pulumi.ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc(name, cidr_block=args.cidr, enable_dns_hostnames=True, enable_dns_support=True, opts=child)
        self.vpc_id = vpc.id
        # The default group lets everything in it talk: without rules it is of use to nobody.
        aws.ec2.DefaultSecurityGroup(f"{name}-default", vpc_id=vpc.id, opts=child)

        public = self._public_subnets(args, vpc)
        gateways = self._nat_gateways(args, public)
        private_tables: list[aws.ec2.RouteTable] = []
        self.private_subnet_ids = []
        for zone, block in zip(args.zones, private_subnets(args.cidr, len(args.zones)), strict=True):
            letter = zone_letter(zone)
            subnet = aws.ec2.Subnet(
                f"{name}-private-{letter}",
                vpc_id=vpc.id,
                cidr_block=block,
                availability_zone=zone,
                map_public_ip_on_launch=False,
                tags={"kubernetes.io/role/internal-elb": "1"},  # how Auto Mode finds subnets for load balancers
                opts=child,
            )
            table = aws.ec2.RouteTable(f"{name}-private-{letter}-routes", vpc_id=vpc.id, opts=child)
            if gateways:
                route = aws.ec2.Route(
                    f"{name}-private-{letter}-out",
                    route_table_id=table.id,
                    destination_cidr_block="0.0.0.0/0",
                    nat_gateway_id=gateways[zone].id,
                    opts=child,
                )
                self.routes.append(route)
            self.routes.append(
                aws.ec2.RouteTableAssociation(
                    f"{name}-private-{letter}-association", subnet_id=subnet.id, route_table_id=table.id, opts=child
                )
            )
            private_tables.append(table)
            self.private_subnet_ids.append(subnet.id)

        endpoints = VpcEndpoints(
            f"{name}-endpoints",
            VpcEndpointsArgs(
                placement=args.placement,
                vpc_id=vpc.id,
                vpc_cidr=args.cidr,
                route_table_ids=[table.id for table in private_tables],
                subnet_ids=self.private_subnet_ids,
                services=args.interface_endpoints,
            ),
            child,
        )
        self.routes.extend(endpoints.resources)
        if args.flow_log_days is not None:
            FlowLogs(
                f"{name}-flow-logs",
                FlowLogsArgs(
                    placement=args.placement,
                    vpc_id=vpc.id,
                    retention_days=args.flow_log_days,
                    kms_key_arn=args.logs_key_arn,
                ),
                child,
            )

    def _public_subnets(self, args: NetworkArgs, vpc: aws.ec2.Vpc) -> dict[str, aws.ec2.Subnet]:
        """Zone to public subnet. No instance gets a public address by itself; gateways bring theirs."""
        name, child = self._name, pulumi.ResourceOptions(parent=self)
        gateway = aws.ec2.InternetGateway(f"{name}-internet", vpc_id=vpc.id, opts=child)
        table = aws.ec2.RouteTable(f"{name}-public-routes", vpc_id=vpc.id, opts=child)
        self.routes.append(
            aws.ec2.Route(
                f"{name}-public-out",
                route_table_id=table.id,
                destination_cidr_block="0.0.0.0/0",
                gateway_id=gateway.id,
                opts=child,
            )
        )
        subnets: dict[str, aws.ec2.Subnet] = {}
        for zone, block in zip(args.zones, public_subnets(args.cidr, len(args.zones)), strict=True):
            letter = zone_letter(zone)
            subnets[zone] = aws.ec2.Subnet(
                f"{name}-public-{letter}",
                vpc_id=vpc.id,
                cidr_block=block,
                availability_zone=zone,
                map_public_ip_on_launch=False,
                tags={"kubernetes.io/role/elb": "1"},  # how Auto Mode finds subnets for public load balancers
                opts=child,
            )
            self.routes.append(
                aws.ec2.RouteTableAssociation(
                    f"{name}-public-{letter}-association",
                    subnet_id=subnets[zone].id,
                    route_table_id=table.id,
                    opts=child,
                )
            )
        return subnets

    def _nat_gateways(self, args: NetworkArgs, public: dict[str, aws.ec2.Subnet]) -> dict[str, aws.ec2.NatGateway]:
        """Zone to the gateway that its private subnet goes out by. Empty without a way out."""
        if args.nat == "none":
            return {}
        name = self._name
        gateways: dict[str, aws.ec2.NatGateway] = {}
        for zone in args.zones if args.nat == "per-zone" else args.zones[:1]:
            letter = zone_letter(zone)
            # Both need the internet gateway's route to be there first, and to stay until they are gone.
            after_route = pulumi.ResourceOptions(parent=self, depends_on=list(self.routes))
            address = aws.ec2.Eip(f"{name}-nat-{letter}-address", domain="vpc", opts=after_route)
            gateways[zone] = aws.ec2.NatGateway(
                f"{name}-nat-{letter}", subnet_id=public[zone].id, allocation_id=address.id, opts=after_route
            )
        self.nat_gateway_ids = {zone_letter(zone): gateway.id for zone, gateway in gateways.items()}
        return {zone: gateways.get(zone, gateways[args.zones[0]]) for zone in args.zones}


def zone_letter(zone: str) -> str:
    """The part of a zone's name that tells it from the region's others: `us-east-1a` is `a`."""
    return zone[-1]
