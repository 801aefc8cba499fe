"""Where each price of the list stands in AWS's Price List API: a literal table from items to products.

What a product is called there was read in Infracost's resources (`ProductFilter`, a file a service, at
https://github.com/infracost/infracost/tree/master/internal/resources/aws) and, for what it does not price, in programs
that ask the API for it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

HOURS = frozenset({"hrs", "hr", "hours", "hour"})
GB = frozenset({"gb"})
GB_MONTHS = frozenset({"gb-mo", "gb-month"})
SAMPLES = 10_000_000
EVENTS = 100_000


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """Products that one question answers, of one region.

    service: code of the service in the list. attributes: what each product must have.
    """

    service: str
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Wanted:
    """A product.

    usage: usage types without a region's code, the first that is there counts; none takes every product of the sheet.
    units: what the list may count it in, in lower case; empty takes any. times: how many of those are one of ours.
    """

    sheet: Sheet
    usage: tuple[str, ...] = ()
    units: frozenset[str] = frozenset()
    times: int = 1


def _sheet(service: str, **attributes: str) -> Sheet:
    return Sheet(service=service, attributes=tuple(sorted(attributes.items())))


_NAT = _sheet("AmazonEC2", productFamily="NAT Gateway")
_ENDPOINTS = _sheet("AmazonVPC", productFamily="VpcEndpoint")
_RDS = _sheet("AmazonRDS", productFamily="Database Storage", databaseEngine="PostgreSQL")
_PROMETHEUS = _sheet("AmazonPrometheus")
_TRAIL = "Management Tools - AWS CloudTrail"

ITEMS: Mapping[str, Wanted] = {
    "eks:cluster": Wanted(_sheet("AmazonEKS", productFamily="Compute"), ("AmazonEKS-Hours:perCluster",), HOURS),
    "nat:gateway": Wanted(_NAT, ("NatGateway-Hours",), HOURS),
    "nat:data": Wanted(_NAT, ("NatGateway-Bytes",), GB),
    "vpc:public-ipv4": Wanted(_sheet("AmazonVPC"), ("PublicIPv4:InUseAddress",), HOURS),
    "vpc:interface-endpoint": Wanted(_ENDPOINTS, ("VpcEndpoint-Hours",), HOURS),
    "vpc:interface-endpoint-data": Wanted(_ENDPOINTS, ("VpcEndpoint-Bytes",), GB),
    "kms:key": Wanted(_sheet("awskms", productFamily="Encryption Key"), ("KMS-Keys",)),
    "secretsmanager:secret": Wanted(_sheet("AWSSecretsManager", productFamily="Secret")),
    "cloudwatch:alarm-metric": Wanted(_sheet("AmazonCloudWatch", productFamily="Alarm", alarmType="Standard")),
    "cloudwatch:logs-ingested": Wanted(
        _sheet("AmazonCloudWatch", productFamily="Data Payload"), ("DataProcessing-Bytes",), GB
    ),
    "cloudwatch:logs-stored": Wanted(
        _sheet("AmazonCloudWatch", productFamily="Storage Snapshot"), ("TimedStorage-ByteHrs",), GB_MONTHS
    ),
    "cloudtrail:data-events": Wanted(
        _sheet("AWSCloudTrail", productFamily=f"{_TRAIL} Data Events Recorded"), times=EVENTS
    ),
    "cloudtrail:management-events": Wanted(
        _sheet("AWSCloudTrail", productFamily=f"{_TRAIL} Paid Events Recorded"), times=EVENTS
    ),
    "ecr:storage": Wanted(
        _sheet("AmazonECR", productFamily="EC2 Container Registry"), ("TimedStorage-ByteHrs",), GB_MONTHS
    ),
    "s3:standard": Wanted(_sheet("AmazonS3", volumeType="Standard"), ("TimedStorage-ByteHrs",), GB_MONTHS),
    "ebs:gp3": Wanted(_sheet("AmazonEC2", productFamily="Storage", volumeApiName="gp3"), units=GB_MONTHS),
    "lb:application": Wanted(
        _sheet("AWSELB", productFamily="Load Balancer-Application"), ("LoadBalancerUsage",), HOURS
    ),
    "lb:network": Wanted(_sheet("AWSELB", productFamily="Load Balancer-Network"), ("LoadBalancerUsage",), HOURS),
    "amp:samples-ingested": Wanted(_PROMETHEUS, ("AMP:MetricSampleCount",), times=SAMPLES),
    "amp:storage": Wanted(_PROMETHEUS, ("AMP:MetricStorageByteHrs",), GB_MONTHS),
    "rds:gp3-storage:single-az": Wanted(_RDS, ("RDS:GP3-Storage",), GB_MONTHS),
    "rds:gp3-storage:multi-az": Wanted(_RDS, ("RDS:Multi-AZ-GP3-Storage",), GB_MONTHS),
    "lambda:arm-duration": Wanted(_sheet("AWSLambda", group="AWS-Lambda-Duration-ARM")),
    "grafana:active-user": Wanted(_sheet("AmazonGrafana", productFamily="User Fees"), ("Grafana:EditorUser",)),
}
"""Single items. Those of machines are patterns: `wanted`."""

UNLISTED: Mapping[str, str] = {
    "eks:auto-mode-share": "the list has a fee a machine and no share",
    "sagemaker:mlflow-app": "what costs nothing has no product",
}
"""Items that the list does not have in our unit, and why."""

_EC2 = _sheet(
    "AmazonEC2",
    productFamily="Compute Instance",
    operatingSystem="Linux",
    preInstalledSw="NA",
    licenseModel="No License required",
    tenancy="Shared",
    capacitystatus="Used",
)
_SAGEMAKER = _sheet("AmazonSageMaker", productFamily="ML Instance")
_ENGINES = {"postgres": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}


def wanted(item: str) -> Wanted | None:
    """The product of an item of the price list; None where nobody has entered one."""
    if found := ITEMS.get(item):
        return found
    match item.split(":"):
        case ["ec2", machine]:
            return Wanted(_EC2, (f"BoxUsage:{machine}",), HOURS)
        case ["sagemaker", machine] if machine.startswith("ml."):
            return Wanted(_SAGEMAKER, (f"Train:{machine}", f"Host:{machine}"), HOURS)
        case ["rds", engine, machine, zones] if engine in _ENGINES and zones in ("single-az", "multi-az"):
            usage = "InstanceUsage" if zones == "single-az" else "Multi-AZUsage"
            sheet = _sheet("AmazonRDS", productFamily="Database Instance", databaseEngine=_ENGINES[engine])
            return Wanted(sheet, (f"{usage}:{machine}",), HOURS)
        case _:
            return None


def is_of(usage_type: str, usage: str) -> bool:
    """Whether a usage type of any region is this one: `NatGateway-Hours` of `EUC1-NatGateway-Hours`."""
    return (
        re.fullmatch(rf"(?:[A-Z]{{2,4}}\d?-|[a-z]{{2,4}}(?:-[a-z]+)+-\d-)?{re.escape(usage)}", usage_type) is not None
    )
