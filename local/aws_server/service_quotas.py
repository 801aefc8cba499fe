"""Service Quotas: how many machines of each type SageMaker takes here.

The names are AWS's own (`ml.m5.xlarge for training job usage`), of every type in SageMaker's API model; the value is
what this server can run. AWS publishes no list of the quotas' codes, so they are made up here: `L-` and eight digits
that follow from the name. A client must look them up, as it must on AWS.
"""

import hashlib
from collections.abc import Iterator
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


@cache
def _names() -> dict[str, str]:
    """Code to name."""

    def each() -> Iterator[str]:
        model = get_service_model("sagemaker")
        for shape, uses in USES.items():
            for kind in model.shape_for(shape).enum:  # type: ignore[attr-defined]
                yield from (f"{kind} for {use}" for use in uses)

    return {f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}": name for name in each()}


def _quota(call: Call, code: str) -> dict[str, Any]:
    return {
        "ServiceCode": "sagemaker",
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": f"arn:aws:servicequotas:{call.region}:{call.account_id}:sagemaker/{code}",
        "QuotaCode": code,
        "QuotaName": _names()[code],
        "Value": float(MOST_HOSTS),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def _check(call: Call) -> None:
    if call.params["ServiceCode"] != "sagemaker":
        raise ServiceError("NoSuchResourceException", "The local AWS server has the quotas of sagemaker alone.")


@operation("service-quotas", "GetServiceQuota")
def get_service_quota(call: Call) -> dict[str, Any]:
    _check(call)
    if call.params["QuotaCode"] not in _names():
        raise ServiceError("NoSuchResourceException", f"There is no quota {call.params['QuotaCode']}.")
    return {"Quota": _quota(call, call.params["QuotaCode"])}


@operation("service-quotas", "ListServiceQuotas")
@operation("service-quotas", "ListAWSDefaultServiceQuotas")
def list_service_quotas(call: Call) -> dict[str, Any]:
    """A page of all quotas."""
    _check(call)
    start = int(call.params.get("NextToken") or 0)
    end = start + int(call.params.get("MaxResults") or PAGE)
    wanted = call.params.get("QuotaCode")
    codes = [code for code in _names() if wanted in (None, code)]
    answer: dict[str, Any] = {"Quotas": [_quota(call, code) for code in codes[start:end]]}
    return answer | ({"NextToken": str(end)} if end < len(codes) else {})
