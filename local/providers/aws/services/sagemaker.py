"""Experiment tracking."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Property, Read, Resource, Tagging, Wait

_GONE = ("ResourceNotFound",)


def _short_version(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    """The provider shows `3.0` for SageMaker's `3.0.1`."""
    version = str(document.get("MlflowVersion") or "")
    wanted = str(context.new.get("mlflowVersion") or "")
    actual["mlflowVersion"] = version if wanted == version else ".".join(version.split(".")[:2]) or None


MLFLOW_TRACKING_SERVER = Resource(
    type="aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer",
    service="sagemaker",
    docs=page("mlflowtrackingserver", "sagemaker"),
    id="{trackingServerName}",
    properties=(
        Property("trackingServerName", required=True, replaces=REPLACES),
        Property("artifactStoreUri", required=True),
        Property("roleArn", required=True, replaces=REPLACES),
        Property("trackingServerSize", default="Small"),
        Property("mlflowVersion", computed=True, replaces=REPLACES),
        Property("automaticModelRegistration", default=False),
        Property("weeklyMaintenanceWindowStart", computed=True),
        Property("tags", "map"),
    ),
    create=Call(
        "CreateMlflowTrackingServer",
        {
            "TrackingServerName": "$trackingServerName",
            "ArtifactStoreUri": "$artifactStoreUri",
            "RoleArn": "$roleArn",
            "TrackingServerSize": "$trackingServerSize",
            "MlflowVersion": "$mlflowVersion",
            "AutomaticModelRegistration": "$automaticModelRegistration",
            "WeeklyMaintenanceWindowStart": "$weeklyMaintenanceWindowStart",
        },
    ),
    reads=(
        Read("DescribeMlflowTrackingServer", {"TrackingServerName": "$id"}, gone=_GONE),
        Read("ListTags", {"ResourceArn": "$document.TrackingServerArn"}, "Tags", into="tags"),
    ),
    updates=(
        Call(
            "UpdateMlflowTrackingServer",
            {
                "TrackingServerName": "$id",
                "ArtifactStoreUri": "$artifactStoreUri",
                "TrackingServerSize": "$trackingServerSize",
                "AutomaticModelRegistration": "$automaticModelRegistration",
                "WeeklyMaintenanceWindowStart": "$weeklyMaintenanceWindowStart",
            },
            on=(
                "artifactStoreUri",
                "trackingServerSize",
                "automaticModelRegistration",
                "weeklyMaintenanceWindowStart",
            ),
        ),
    ),
    delete=(Call("DeleteMlflowTrackingServer", {"TrackingServerName": "$id"}, ignore=_GONE),),
    outputs={"arn": "TrackingServerArn", "trackingServerUrl": "TrackingServerUrl"},
    shape=_short_version,
    stable=("arn", "trackingServerUrl"),
    tagging=Tagging(
        member="Tags",
        style="pairs",
        path="tags",
        add=Call("AddTags", {"ResourceArn": "$arn", "Tags": "$tags"}),
        remove=Call("DeleteTags", {"ResourceArn": "$arn", "TagKeys": "$tagKeys"}),
    ),
    created=Wait("TrackingServerStatus", ("Created",), ("CreateFailed",), timeout_s=3600),
    updated=Wait("TrackingServerStatus", ("Created", "Updated"), ("UpdateFailed",), timeout_s=3600),
    deleted_timeout_s=3600,
    unique=("trackingServerName",),
    single=True,
)

TYPES = (MLFLOW_TRACKING_SERVER,)
