"""KMS: what a key is for where nobody said it, and the period of its automatic rotation."""

from typing import Any

from moto.kms.models import kms_backends

from local.aws_server.operations import Call, ServiceError, operation

_DEFAULT_DAYS = 365
_SHORTEST, _LONGEST = 90, 2560


@operation("kms", "CreateKey")
def create_key(call: Call) -> dict[str, Any]:
    """https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html (KeyUsage)"""
    return call.forward({"KeyUsage": "ENCRYPT_DECRYPT", **call.params})


@operation("kms", "EnableKeyRotation")
def enable_key_rotation(call: Call) -> dict[str, Any]:
    days = call.params.get("RotationPeriodInDays") or _DEFAULT_DAYS
    if not _SHORTEST <= days <= _LONGEST:
        raise ServiceError("ValidationException", f"RotationPeriodInDays {days} is not from {_SHORTEST} to {_LONGEST}.")
    answer = call.forward()
    with call.server.changing("kms"):
        backend = kms_backends[call.account_id][call.region]
        backend.keys[backend.get_key_id(call.params["KeyId"])].__dict__["groundwork_rotation_days"] = days
    return answer


@operation("kms", "GetKeyRotationStatus")
def get_key_rotation_status(call: Call) -> dict[str, Any]:
    answer = call.forward()
    if not answer.get("KeyRotationEnabled"):
        return answer
    backend = kms_backends[call.account_id][call.region]
    key = backend.keys[backend.get_key_id(call.params["KeyId"])]
    days = key.__dict__.get("groundwork_rotation_days", _DEFAULT_DAYS)
    return answer | {"KeyId": key.id, "RotationPeriodInDays": days}
