"""Serverless MLflow apps."""

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging, Wait

_GONE = ("ResourceNotFound",)
_CHANGEABLE = (
    *("name", "artifactStoreUri", "modelRegistrationMode", "weeklyMaintenanceWindowStart"),
    *("accountDefaultStatus", "defaultDomainIdLists"),
)
_MEMBERS = {
    "Name": "$name",
    "ArtifactStoreUri": "$artifactStoreUri",
    "ModelRegistrationMode": "$modelRegistrationMode",
    "WeeklyMaintenanceWindowStart": "$weeklyMaintenanceWindowStart",
    "AccountDefaultStatus": "$accountDefaultStatus",
    "DefaultDomainIdList": "$defaultDomainIdLists",
}


def _update(context: Context) -> None:
    """All that may change; an empty list of domains is said, for what is left out stays."""
    params = {member: context.value(reference.removeprefix("$")) for member, reference in _MEMBERS.items()}
    params["DefaultDomainIdList"] = params["DefaultDomainIdList"] or []
    context.call("UpdateMlflowApp", {"Arn": context.id, **params})


MLFLOW_APP = Resource(
    type="aws:sagemaker/mlflowApp:MlflowApp",
    service="sagemaker",
    docs=page("mlflowapp", "sagemaker"),
    id="answer:Arn",
    properties=(
        Property("name", autoname=256),
        Property("artifactStoreUri", required=True),
        Property("roleArn", required=True, replaces=REPLACES),
        Property("modelRegistrationMode", default="AutoModelRegistrationDisabled"),
        Property("weeklyMaintenanceWindowStart", computed=True),
        Property("accountDefaultStatus", computed=True),
        Property("defaultDomainIdLists", "set", path="DefaultDomainIdList"),
        Property("tags", "map"),
    ),
    create=Call("CreateMlflowApp", {**_MEMBERS, "RoleArn": "$roleArn"}),
    reads=(
        Read("DescribeMlflowApp", {"Arn": "$id"}, gone=_GONE),
        Read("ListTags", {"ResourceArn": "$id"}, "Tags", into="tags"),
    ),
    updates=(Function(_update, on=_CHANGEABLE),),
    delete=(Call("DeleteMlflowApp", {"Arn": "$id"}, ignore=_GONE),),
    outputs={"arn": "Arn"},
    tagging=Tagging(
        member="Tags",
        style="pairs",
        path="tags",
        add=Call("AddTags", {"ResourceArn": "$id", "Tags": "$tags"}),
        remove=Call("DeleteTags", {"ResourceArn": "$id", "TagKeys": "$tagKeys"}),
    ),
    created=Wait("Status", ("Created",), ("CreateFailed",), timeout_s=3600),
    updated=Wait("Status", ("Created", "Updated"), ("UpdateFailed",), timeout_s=3600),
    deleted_timeout_s=3600,
    single=True,
)

TYPES = (MLFLOW_APP,)
