"""Whether EC2 offers the machines of each pool in the zones that it may start them in."""

from collections.abc import Iterator

from components.instance_facts import instances_of
from infra.sections.node_pools import NodePoolSettings
from operations.doctor.finding import Finding, ok, warning
from operations.doctor.subject import Subject

CHECK = "offer"


def check_offers(subject: Subject) -> Iterator[Finding]:
    """Each pool's machines, by zone
    (https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html)."""
    settings = subject.settings
    if settings.network.existing is not None or not settings.node_pools:
        # Which zones those subnets lie in is not known here.
        return
    pages = (
        subject.client("ec2")
        .get_paginator("describe_instance_type_offerings")
        .paginate(
            LocationType="availability-zone",
            Filters=[{"Name": "location", "Values": list(settings.network.zones)}],
        )
    )
    offered = {(each["InstanceType"], each["Location"]) for page in pages for each in page["InstanceTypeOfferings"]}
    where = f"EC2, {subject.env.region}"
    everywhere: list[str] = []
    for pool in settings.node_pools:
        zones = pool.zones or settings.network.zones
        without = [zone for zone in zones if not any((name, zone) in offered for name in _machines(pool))]
        if not without:
            everywhere.append(pool.name)
            continue
        what = ", ".join(pool.machine_families) if pool.machine is None else pool.machine.name
        text = f"no machine of {pool.name} ({what}) is offered in {', '.join(without)}"
        if len(without) < len(zones):
            text += f"; it starts in {', '.join(zone for zone in zones if zone not in without)} alone"
        name = pool.machine.name if pool.machine else instances_of(pool.machine_families)[0].name
        mend = subject.aws(
            "ec2 describe-instance-type-offerings --location-type availability-zone "
            f"--filters Name=instance-type,Values={name}"
        )
        yield warning(CHECK, where, text, f"choose other zones or families: {mend} shows where")
    if everywhere:
        yield ok(CHECK, where, f"the machines of {', '.join(everywhere)} are offered in each of their zones")


def _machines(pool: NodePoolSettings) -> list[str]:
    if pool.machine is not None:
        return [pool.machine.name]
    return [each.name for each in instances_of(pool.machine_families) if each.size <= pool.limit]
