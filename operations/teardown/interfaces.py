"""Network interfaces that are not the stack's and keep its security groups, subnets and VPC from going.

A service that works in a VPC for somebody (SageMaker for a job or an endpoint, Lambda for a function) makes interfaces
there and takes them away some minutes after their work has ended
(https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html).
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.tagging import ENVIRONMENT_TAG, TEAM_TAG
from local.errors import LocalStackError
from operations.leftovers.scan import as_mapping

VPC, GROUP = "aws:ec2/vpc:Vpc", "aws:ec2/securityGroup:SecurityGroup"
PLACES = {VPC: "vpc-id", GROUP: "group-id"}
"""What an interface keeps from going, and the filter of DescribeNetworkInterfaces that names it."""
PATIENCE_S, PAUSE_S = 1800.0, 10.0
SHORTEST = 8
"""Characters of an id of the stack that says whose an interface is, where its description holds it."""


@dataclass(frozen=True, kw_only=True)
class Interface:
    """One interface that is in the way.

    place: its subnet. what: what AWS says that it is for. whose: by its tags or by who asked for it. passing: whether
    AWS takes it away once what it is for has ended. of_aws: whether it is attached to a machine of AWS's own, as those
    of load balancers, databases and NAT gateways are. instance: the machine that it is attached to.
    """

    id: str
    place: str
    what: str
    whose: str
    passing: bool
    of_aws: bool = False
    instance: str = ""

    @property
    def is_strange(self) -> bool:
        """Whether no step of a teardown takes it along, as it does those of pools' machines and of services."""
        return not (self.of_aws or self.instance)

    @property
    def end(self) -> str:
        """How it is ended."""
        if self.instance:
            return f"aws ec2 terminate-instances --instance-ids {self.instance}, if nobody needs that machine"
        if self.passing:
            return "end what it is for: AWS takes it away some minutes later"
        return f"aws ec2 delete-network-interface --network-interface-id {self.id}, if nobody needs it"

    def __str__(self) -> str:
        return f"{self.id} in {self.place}: {self.what}; {self.whose}; {self.end}"


def in_the_way(state: Sequence[Mapping[str, Any]], client: Callable[[str], Any]) -> list[Interface]:
    """Interfaces on what the stack still holds that belong to nothing that it holds.

    state: its resources. Raises botocore's ClientError and BotoCoreError.
    """
    held = [str(each["id"]) for each in state if each.get("id")]
    found: dict[str, Interface] = {}
    for type_, name in PLACES.items():
        ids = [str(each["id"]) for each in state if each["type"] == type_ and each.get("id")]
        if not ids:
            continue
        pages = client("ec2").get_paginator("describe_network_interfaces")
        for page in pages.paginate(Filters=[{"Name": name, "Values": ids}]):
            others = (each for each in page["NetworkInterfaces"] if not _is_of(each, held))
            found.update({each["NetworkInterfaceId"]: _interface(each) for each in others})
    return list(found.values())


def told(found: Iterable[Interface]) -> str:
    """A line for each."""
    return "\n".join(f"    {each}" for each in found)


def stopped(found: Sequence[Interface]) -> LocalStackError:
    """What a destroy that could not delete a network has to say."""
    many = "A network interface that is" if len(found) == 1 else f"{len(found)} network interfaces that are"
    return LocalStackError(
        f"{many} not the stack's kept its network from going:\n{told(found)}",
        hint="What the engine says is above. End each, and run the same command again: it goes on where it stopped.",
    )


def wait(
    look: Callable[[], Sequence[Interface]],
    tell: Callable[[str], None],
    *,
    patience_s: float = PATIENCE_S,
    pause_s: float = PAUSE_S,
) -> None:
    """Until AWS has taken them away. Raises LocalStackError where it has not after so many seconds."""
    until = time.monotonic() + patience_s
    while left := look():
        if time.monotonic() > until:
            raise stopped(left)
        tell(f"waiting for AWS to take {len(left)} away: {', '.join(each.id for each in left)}")
        time.sleep(pause_s)


def _is_of(item: Mapping[str, Any], held: Iterable[str]) -> bool:
    """Whether it came with a resource of the stack, such as a NAT gateway: AWS names that in the description."""
    description, attachment = str(item.get("Description") or ""), _attachment(item)
    return item["NetworkInterfaceId"] in held or any(
        (len(id_) >= SHORTEST and id_ in description) or id_ == attachment.get("InstanceId") for id_ in held
    )


def _attachment(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return item.get("Attachment") or {}


def _interface(item: Mapping[str, Any]) -> Interface:
    tags, attachment = as_mapping(item.get("TagSet")), _attachment(item)
    instance = str(attachment.get("InstanceId") or "")
    owners = [f"{name}={tags[name]}" for name in (ENVIRONMENT_TAG, TEAM_TAG) if name in tags]
    requester = f"asked for by {item['RequesterId']}" if item.get("RequesterId") else "nobody's by its tags"
    machine = f"of the machine {instance}" if instance else "no description"
    return Interface(
        id=item["NetworkInterfaceId"],
        place=item["SubnetId"],
        what=str(item.get("Description") or "") or machine,
        whose=", ".join(owners) or requester,
        passing=bool(item.get("RequesterManaged")),
        of_aws=str(attachment.get("InstanceOwnerId") or "").startswith("amazon-"),
        instance=instance,
    )
