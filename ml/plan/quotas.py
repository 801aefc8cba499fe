"""Service quotas by name.

Service Quotas finds a quota by a code, which AWS publishes nowhere as a list. So the codes are read once from the
account's own list of quotas (some thousands, a hundred a page), and kept with the cache: a code keeps its meaning.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import cache_folder, error_details
from ml.environment import Environment


def find_quota(environment: Environment, service: str, name: str) -> tuple[float, str] | None:
    """The value of a quota in the caller's account and region, and its code; None where AWS has no such quota.

    service: Service Quotas' own code of it, such as `sagemaker`.
    """
    client = environment.clients.client("service-quotas")
    file = cache_folder() / f"quota-codes-{service}-{environment.clients.region}.json"
    codes: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        codes = json.loads(file.read_bytes())
    if code := codes.get(name):
        try:
            found = [one for one in _all(client, service, QuotaCode=code) if one["QuotaName"] == name]
        except ClientError as error:
            if error_details(error).code != "NoSuchResourceException":
                raise
            found = []
        if found:
            return found[0]["Value"], code
    quotas = list(_all(client, service))
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({one["QuotaName"]: one["QuotaCode"] for one in quotas}))
    return next(((one["Value"], one["QuotaCode"]) for one in quotas if one["QuotaName"] == name), None)


def _all(client: Any, service: str, **narrowed: str) -> Iterator[dict[str, Any]]:
    request: dict[str, Any] = {"ServiceCode": service, "MaxResults": 100, **narrowed}
    while True:
        answer = client.list_service_quotas(**request)
        yield from answer["Quotas"]
        if not answer.get("NextToken"):
            return
        request["NextToken"] = answer["NextToken"]
