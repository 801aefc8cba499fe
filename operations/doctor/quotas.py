"""Service quotas beside what the settings ask for. What runs already is not counted."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from components.instance_facts import families, instances_of
from components.tagging import ENVIRONMENT_TAG
from operations.calls import code_of
from operations.doctor.finding import Finding, failure, ok, warning
from operations.doctor.needs import Need, needs
from operations.doctor.subject import Subject

CHECK = "quota"
VPCS, ADDRESSES = ("vpc", "L-F678F1CE", "VPCs per Region"), ("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs")
"""Service, code and name of the quotas that a network of our own takes from
(https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html)."""
USUAL_JOB_FAMILY = "m5"
"""What `ml init` writes into a job's specification."""
USES = ("training job usage", "endpoint usage")
"""How SageMaker's quotas end: `ml.g5.xlarge for training job usage`."""
ASKED = ("PENDING", "CASE_OPENED")


def check_vcpus(subject: Subject) -> Iterator[Finding]:
    """EC2's quotas, in vCPUs by class of family and way of buying."""
    wanted, unknown = needs(subject.settings)
    client = subject.client("service-quotas")
    for need in wanted:
        have = value_of(client, "ec2", need.quota.code)
        yield _vcpus(subject, client, need, have)
    if unknown:
        yield warning(CHECK, "EC2", f"which quota counts {', '.join(unknown)} is not in AWS's list", "ask AWS Support")


def _vcpus(subject: Subject, client: Any, need: Need, have: float | None) -> Finding:
    pools = ", ".join(need.pools)
    where = f"EC2, {subject.env.region}"
    if have is None:
        return warning(CHECK, where, f"{need.quota.name}: Service Quotas does not tell its value; asked by {pools}")
    text = f"{need.quota.name}: {have:g} vCPUs; {pools} may come to {need.all}"
    if have >= max(need.all, need.at_once):
        return ok(CHECK, where, text)
    mend = request(subject, "ec2", need.quota.code, max(need.all, need.at_once))
    text += asked_for(client, "ec2", need.quota.code)
    if have < need.at_once:
        return failure(CHECK, where, f"{text}, {need.at_once} of it at once: `up` would wait for nodes in vain", mend)
    if have < need.one:
        return warning(CHECK, where, f"{text}: not one machine starts, the smallest has {need.one}", mend)
    return warning(CHECK, where, text, mend)


def check_network(subject: Subject) -> Iterator[Finding]:
    """Room for one more VPC and the addresses of its NAT gateways, unless the environment has them already."""
    network = subject.settings.network
    if network.existing is not None:
        return
    ec2 = subject.client("ec2")
    own = [{"Name": f"tag:{ENVIRONMENT_TAG}", "Values": [subject.env.name]}]
    if ec2.describe_vpcs(Filters=own)["Vpcs"]:
        return
    gateways = {"none": 0, "one": 1, "per-zone": len(network.zones)}[network.nat]
    vpcs = sum(len(page["Vpcs"]) for page in ec2.get_paginator("describe_vpcs").paginate())
    addresses = len(ec2.describe_addresses()["Addresses"])
    client = subject.client("service-quotas")
    for (service, code, name), used, more in ((VPCS, vpcs, 1), (ADDRESSES, addresses, gateways)):
        have, where = value_of(client, service, code), f"VPC, {subject.env.region}"
        if not more:
            continue
        if have is None:
            yield warning(CHECK, where, f"{name}: Service Quotas does not tell its value; {used} are in use")
            continue
        text = f"{name}: {have:g}, {used} in use, {more} more asked for"
        if used + more > have:
            mend = request(subject, service, code, used + more)
            yield failure(CHECK, where, f"{text}{asked_for(client, service, code)}", mend)
        else:
            yield ok(CHECK, where, text)


def check_sagemaker(subject: Subject) -> Iterator[Finding]:
    """SageMaker's quotas of the families that the settings name, and of the one that jobs usually take."""
    settings = subject.settings
    named = settings.policy.instance_families or tuple(
        family for pool in settings.node_pools for family in pool.machine_families
    )
    accelerated = [each for each in dict.fromkeys(named) if each in families("nvidia", "neuron")]
    client = subject.client("service-quotas")
    have = {
        quota["QuotaName"]: (float(quota["Value"]), str(quota["QuotaCode"]))
        for page in client.get_paginator("list_service_quotas").paginate(
            ServiceCode="sagemaker", PaginationConfig={"PageSize": 100}
        )
        for quota in page["Quotas"]
    }
    for use in USES:
        for family in (USUAL_JOB_FAMILY, *accelerated):
            if found := _sagemaker(subject, client, family, use, have):
                yield found


def _sagemaker(
    subject: Subject, client: Any, family: str, use: str, have: dict[str, tuple[float, str]]
) -> Finding | None:
    """None for a family that SageMaker does not offer for this use."""
    names = [f"ml.{machine.name} for {use}" for machine in instances_of((family,))]
    offered = [(name, *have[name]) for name in names if name in have]
    if not offered:
        return None
    where = f"SageMaker, {subject.env.region}"
    some = [f"{name.split(' ')[0]} {value:g}" for name, value, _ in offered if value]
    if some:
        return ok(CHECK, where, f"{use} of {family}: {', '.join(some)}")
    name, _, code = offered[0]
    text = f"{use} of {family}: 0 of every size{asked_for(client, 'sagemaker', code)}"
    return warning(CHECK, where, text, f"{request(subject, 'sagemaker', code, 1)}  # {name}")


def value_of(client: Any, service: str, code: str) -> float | None:
    """The value of a quota in this account and region; None where AWS tells neither it nor a default.

    A quota that was never raised may have no value of its own, only the default
    (https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html).
    """
    for operation in (client.get_service_quota, client.get_aws_default_service_quota):
        try:
            return float(operation(ServiceCode=service, QuotaCode=code)["Quota"]["Value"])
        except ClientError as error:
            if code_of(error) != "NoSuchResourceException":
                raise
    return None


def asked_for(client: Any, service: str, code: str) -> str:
    """In words, that somebody has asked for more already; empty where nobody has, or where AWS does not say."""
    try:
        answer = client.list_requested_service_quota_change_history_by_quota(ServiceCode=service, QuotaCode=code)
    except (BotoCoreError, ClientError):
        return ""
    open_ = [one for one in answer["RequestedQuotas"] if one.get("Status") in ASKED]
    if not open_:
        return ""
    return f"; {open_[0]['DesiredValue']:g} were asked for on {open_[0]['Created']:%Y-%m-%d} ({open_[0]['Status']})"


def request(subject: Subject, service: str, code: str, value: int) -> str:
    """The command that asks AWS for more."""
    return subject.aws(
        f"service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
        f"--desired-value {value}"
    )
