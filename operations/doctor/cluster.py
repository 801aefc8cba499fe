"""The API server: whether `up` reaches it from here."""

import base64
import ipaddress
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import psutil
from botocore.exceptions import ClientError

from operations.calls import code_of
from operations.doctor.finding import Finding, failure, ok, warning
from operations.doctor.subject import Subject

CHECK = "api server"
PAGE = "docs/cluster-access.md"
WORKING = ("ACTIVE", "UPDATING")


def check_api_server(subject: Subject) -> Iterator[Finding]:
    """The cluster's address, or how a cluster that is not there yet will be reached."""
    existing = subject.settings.cluster.existing
    name = existing.name if existing else f"groundwork-{subject.env.name}"
    try:
        cluster = subject.client("eks").describe_cluster(name=name)["cluster"]
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        if existing:
            listed = subject.aws("eks list-clusters")
            yield failure(CHECK, name, "there is no such cluster", f"name one of `{listed}` in cluster.existing.name")
            return
        yield _not_there_yet(subject, name)
        return
    status = str(cluster.get("status"))
    if status not in WORKING:
        tell = failure if status in ("DELETING", "FAILED") else warning
        yield tell(CHECK, name, f"the cluster is {status}", subject.aws(f"eks describe-cluster --name {name}"))
        return
    yield _answers(subject, cluster)


def _not_there_yet(subject: Subject, name: str) -> Finding:
    settings = subject.settings
    if subject.env.is_local:
        return ok(CHECK, name, "there is no cluster yet; it comes up on this machine")
    if cidrs := settings.cluster.public_access_cidrs:
        reach = f"{', '.join(cidrs)} will reach it, and whether that holds this machine is not known"
        text = f"there is no cluster yet; {reach}"
        return warning(CHECK, name, text, "compare with what `curl https://checkip.amazonaws.com` prints")
    vpc = settings.network.existing
    if vpc is None:
        return failure(
            CHECK,
            name,
            "there is no cluster yet; it will be private, in a VPC that is not there yet, and `up` makes objects in it",
            "name this machine's range in cluster.publicAccessCidrs until `up` is through; or let it stop there, and "
            f"run it again from a shell in the VPC (cluster.access.fromVpc): {PAGE}",
        )
    ranges = _ranges(subject, vpc.vpc_id)
    if here := [address for address in _own_addresses() if any(address in each for each in ranges)]:
        return ok(CHECK, name, f"there is no cluster yet; it will be private, and {here[0]} lies in {vpc.vpc_id}")
    text = f"there is no cluster yet; it will be private, and no address of this machine lies in {vpc.vpc_id}"
    return warning(CHECK, name, text, f"run `up` where that network is reached: {PAGE}")


def _ranges(subject: Subject, vpc_id: str) -> list[ipaddress.IPv4Network]:
    vpc = subject.client("ec2").describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]
    return [ipaddress.IPv4Network(each["CidrBlock"]) for each in vpc.get("CidrBlockAssociationSet", [])]


def _own_addresses() -> list[ipaddress.IPv4Address]:
    found = [each.address for addresses in psutil.net_if_addrs().values() for each in addresses]
    return [ipaddress.IPv4Address(address) for address in found if address.count(".") == 3]


def _answers(subject: Subject, cluster: Any) -> Finding:
    endpoint = str(cluster["endpoint"])
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificateAuthority"]["data"]).decode())
    try:
        with urllib.request.urlopen(f"{endpoint}/readyz", timeout=10, context=context) as answer:  # noqa: S310
            told = answer.status
    except urllib.error.HTTPError as error:
        # Whoever is refused has been answered.
        told = error.code
    except OSError as error:
        access = cluster.get("resourcesVpcConfig", {})
        public = ", ".join(access.get("publicAccessCidrs") or []) if access.get("endpointPublicAccess") else ""
        way = f"it takes calls from {public} and from its VPC" if public else "it is private: its VPC alone reaches it"
        mend = "make local" if subject.env.is_local else f"run `up` from there: {PAGE}"
        return failure(CHECK, endpoint, f"it does not answer ({getattr(error, 'reason', error)}); {way}", mend)
    if told >= 500:
        return failure(CHECK, endpoint, f"it answers with {told}: it is not ready", "wait, and look again")
    return ok(CHECK, endpoint, "it answers")
