"""Service Quotas: how many machines of each type SageMaker takes here, and what EC2 gives a new account.

SageMaker: the names are AWS's own (`ml.m5.xlarge for training job usage`), of every type in SageMaker's API model; the
value is what this server can run. AWS publishes no list of the quotas' codes, so they are made up here: `L-` and eight
digits that follow from the name. A client must look them up, as it must on AWS. EC2 and VPC: names, codes and defaults
are AWS's, as far as its pages tell codes; no machine of EC2 runs here. A request for more stays open for ever.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from moto.core.utils import get_service_model

from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker.training_operations import MOST_HOSTS

USES = {
    "TrainingInstanceType": ("training job usage", "spot training job usage"),
    "ProcessingInstanceType": ("processing job usage",),
    "TransformInstanceType": ("transform job usage",),
    "ProductionVariantInstanceType": ("endpoint usage",),
}
"""Shape of SageMaker's model with the types, to what they are used for in the quotas' names."""
PAGE = 100
REQUESTED = "service-quotas:request"
_STANDARD = "Standard (A, C, D, H, I, M, R, T, Z)"
QUOTAS: dict[str, tuple[str, dict[str, tuple[str, float]]]] = {
    "ec2": (
        "Amazon Elastic Compute Cloud (Amazon EC2)",
        {
            "L-6E869C2A": ("Running On-Demand DL instances", 0),
            "L-74FC7D96": ("Running On-Demand F instances", 0),
            "L-DB2E81BA": ("Running On-Demand G and VT instances", 0),
            "L-1945791B": ("Running On-Demand Inf instances", 0),
            "L-417A185B": ("Running On-Demand P instances", 0),
            "L-1216C47A": (f"Running On-Demand {_STANDARD} instances", 5),
            "L-2C3B7624": ("Running On-Demand Trn instances", 0),
            "L-7295265B": ("Running On-Demand X instances", 0),
            "L-85EED4F7": ("All DL Spot Instance Requests", 0),
            "L-88CF9481": ("All F Spot Instance Requests", 0),
            "L-3819A6DF": ("All G and VT Spot Instance Requests", 0),
            "L-B5D1601B": ("All Inf Spot Instance Requests", 0),
            "L-7212CCBC": ("All P4, P3 and P2 Spot Instance Requests", 0),
            "L-C4BD4855": ("All P5 Spot Instance Requests", 0),
            "L-34B43A08": (f"All {_STANDARD} Spot Instance Requests", 5),
            "L-6B0D517C": ("All Trn Spot Instance Requests", 0),
            "L-E3A00192": ("All X Spot Instance Requests", 0),
            "L-0263D0A3": ("EC2-VPC Elastic IPs", 5),
        },
    ),
    "vpc": ("Amazon Virtual Private Cloud (Amazon VPC)", {"L-F678F1CE": ("VPCs per Region", 5)}),
}
"""Service to its name, and code to name and default
(https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html,
https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html)."""


@cache
def _names() -> dict[str, str]:
    """Code to name, of SageMaker."""

    def each() -> Iterator[str]:
        model = get_service_model("sagemaker")
        for shape, uses in USES.items():
            for kind in model.shape_for(shape).enum:  # type: ignore[attr-defined]
                yield from (f"{kind} for {use}" for use in uses)

    return {f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}": name for name in each()}


def _quotas(service: str) -> tuple[str, dict[str, tuple[str, float]]]:
    """A service's name, and its quotas: code to name and value."""
    if service == "sagemaker":
        return "Amazon SageMaker", {code: (name, float(MOST_HOSTS)) for code, name in _names().items()}
    if service not in QUOTAS:
        known = ", ".join(("sagemaker", *QUOTAS))
        raise ServiceError("NoSuchResourceException", f"The local AWS server has the quotas of {known} alone.")
    return QUOTAS[service]


def _find(call: Call) -> tuple[str, str, str]:
    """Service, code and name of the quota that a request is about."""
    service, code = call.params["ServiceCode"], call.params["QuotaCode"]
    quotas = _quotas(service)[1]
    if code not in quotas:
        raise ServiceError("NoSuchResourceException", f"There is no quota {code}.")
    return service, code, quotas[code][0]


def _quota(call: Call, service: str, code: str) -> dict[str, Any]:
    title, quotas = _quotas(service)
    name, value = quotas[code]
    return {
        "ServiceCode": service,
        "ServiceName": title,
        "QuotaArn": f"arn:aws:servicequotas:{call.region}:{call.account_id}:{service}/{code}",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


@operation("service-quotas", "GetServiceQuota")
@operation("service-quotas", "GetAWSDefaultServiceQuota")
def get_service_quota(call: Call) -> dict[str, Any]:
    """One quota."""
    service, code, _ = _find(call)
    return {"Quota": _quota(call, service, code)}


@operation("service-quotas", "ListServiceQuotas")
@operation("service-quotas", "ListAWSDefaultServiceQuotas")
def list_service_quotas(call: Call) -> dict[str, Any]:
    """A page of all quotas of a service."""
    service = call.params["ServiceCode"]
    start = int(call.params.get("NextToken") or 0)
    end = start + int(call.params.get("MaxResults") or PAGE)
    wanted = call.params.get("QuotaCode")
    codes = [code for code in _quotas(service)[1] if wanted in (None, code)]
    answer: dict[str, Any] = {"Quotas": [_quota(call, service, code) for code in codes[start:end]]}
    return answer | ({"NextToken": str(end)} if end < len(codes) else {})


@operation("service-quotas", "RequestServiceQuotaIncrease")
def request_service_quota_increase(call: Call) -> dict[str, Any]:
    """Recorded; nobody at AWS looks at it. A second one for the same quota is refused, as AWS does."""
    service, code, name = _find(call)
    key = f"{call.region}/{service}/{code}"
    with call.server.records.lock:
        if call.server.records.get(REQUESTED, key) is not None:
            raise ServiceError("ResourceAlreadyExistsException", f"There is a request for {name} already.")
        wanted = float(call.params["DesiredValue"])
        if wanted <= _quotas(service)[1][code][1]:
            raise ServiceError("IllegalArgumentException", "Ask for more than the quota's value.")
        request = {
            "Id": hashlib.sha256(f"{key} {wanted}".encode()).hexdigest()[:32],
            "ServiceCode": service,
            "QuotaCode": code,
            "QuotaName": name,
            "DesiredValue": wanted,
            "Status": "PENDING",
            "Created": datetime.now(UTC),
            "GlobalQuota": False,
            "Unit": "None",
        }
        call.server.records.put(REQUESTED, key, request)
    return {"RequestedQuota": request}


@operation("service-quotas", "ListRequestedServiceQuotaChangeHistoryByQuota")
def list_requested_service_quota_change_history_by_quota(call: Call) -> dict[str, Any]:
    """What was asked for of one quota."""
    service, code, _ = _find(call)
    found = call.server.records.get(REQUESTED, f"{call.region}/{service}/{code}")
    return {"RequestedQuotas": [found] if found else []}
