"""What holds for all image repositories of an account and region."""

from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import Call, Function, Property, Read, Resource


def _put(context: Context) -> dict[str, Any]:
    return context.call(
        "PutRegistryScanningConfiguration",
        {"scanType": context.new["scanType"], "rules": context.new.get("rules") or []},
    )


SCANNING = Resource(
    type="aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration",
    service="ecr",
    docs=page("registryscanningconfiguration", "ecr"),
    id="{account}",
    properties=(
        Property("scanType", required=True, path="scanningConfiguration.scanType"),
        Property(
            "rules",
            "blockset",
            path="scanningConfiguration.rules",
            fields=(
                Property("scanFrequency", required=True),
                Property(
                    "repositoryFilters",
                    "blockset",
                    required=True,
                    fields=(Property("filter", required=True), Property("filterType", required=True)),
                ),
            ),
        ),
    ),
    create=Function(_put),
    reads=(Read("GetRegistryScanningConfiguration"),),
    updates=(Function(_put, on=("scanType", "rules")),),
    delete=(Call("PutRegistryScanningConfiguration", {"scanType": "BASIC", "rules": []}),),
    outputs={"registryId": "registryId"},
    stable=("registryId",),
)

TYPES = (SCANNING,)
