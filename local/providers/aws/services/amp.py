"""Amazon Managed Service for Prometheus: workspaces, their rules and routes, and the collectors that fill them."""

from collections.abc import Mapping
from typing import Any

from local.providers.aws.clients import AwsError
from local.providers.aws.context import Context
from local.providers.aws.services.common import page
from local.providers.aws.table import REPLACES, Call, Function, Property, Read, Resource, Tagging, Wait

_GONE = ("ResourceNotFoundException",)
_WORKSPACE = {"workspaceId": "$id"}
_TAGS = Tagging(
    member="tags",
    style="map",
    path="tags",
    add=Call("TagResource", {"resourceArn": "$arn", "tags": "$tags"}),
    remove=Call("UntagResource", {"resourceArn": "$arn", "tagKeys": "$tagKeys"}),
)
_ALIAS_STAYS = "the provider replaces a workspace whose alias is taken away; another alias is an update"


def _taken_away(old: Any, new: Any) -> bool:
    return bool(old) and not new


def _set_logging(context: Context) -> None:
    """Logging is a resource of its own to AWS: made, changed or taken away."""
    before = (context.old.get("loggingConfiguration") or {}).get("logGroupArn")
    after = (context.new.get("loggingConfiguration") or {}).get("logGroupArn")
    where = {"workspaceId": context.id}
    if after:
        verb = "Update" if before else "Create"
        context.call(f"{verb}LoggingConfiguration", {**where, "logGroupArn": after})
    elif before:
        context.call("DeleteLoggingConfiguration", where)


WORKSPACE = Resource(
    type="aws:amp/workspace:Workspace",
    service="amp",
    docs=page("workspace", "amp"),
    id="answer:workspaceId",
    properties=(
        Property("alias", replaces=_ALIAS_STAYS, replaces_if=_taken_away),
        Property("kmsKeyArn", replaces=REPLACES),
        Property(
            "loggingConfiguration",
            "block",
            path="logging",
            fields=(Property("logGroupArn", required=True),),
        ),
        Property("tags", "map"),
    ),
    create=Call("CreateWorkspace", {"alias": "$alias", "kmsKeyArn": "$kmsKeyArn"}),
    reads=(
        Read("DescribeWorkspace", _WORKSPACE, "workspace", gone=_GONE),
        Read("DescribeLoggingConfiguration", _WORKSPACE, "loggingConfiguration", into="logging", gone=_GONE),
    ),
    updates=(
        Call("UpdateWorkspaceAlias", {**_WORKSPACE, "alias": "$alias"}, on=("alias",)),
        Function(_set_logging, on=("loggingConfiguration",), at_create=True),
    ),
    delete=(Call("DeleteWorkspace", _WORKSPACE, ignore=_GONE),),
    outputs={"arn": "arn", "prometheusEndpoint": "prometheusEndpoint"},
    stable=("arn", "prometheusEndpoint"),
    tagging=_TAGS,
    created=Wait("status.statusCode", ("ACTIVE",), ("CREATION_FAILED",), timeout_s=300),
    updated=Wait("status.statusCode", ("ACTIVE",), timeout_s=300),
    deleted_timeout_s=300,
)


def _tell_workspace(context: Context, document: Mapping[str, Any], actual: dict[str, Any]) -> None:
    actual["workspaceId"] = context.value("workspaceId") or context.id


_CONFIGURED = ("retentionPeriodInDays", "outOfOrderTimeWindowInSeconds", "ruleQueryOffsetInSeconds")
_CONFIGURATION = {
    "workspaceId": "$workspaceId",
    **{name: f"${name}" for name in _CONFIGURED},
    "limitsPerLabelSet": "$limitsPerLabelSets",
}

WORKSPACE_CONFIGURATION = Resource(
    type="aws:amp/workspaceConfiguration:WorkspaceConfiguration",
    service="amp",
    docs=page("workspaceconfiguration", "amp"),
    id="{workspaceId}",
    properties=(
        Property("workspaceId", required=True, replaces=REPLACES),
        *(Property(name, computed=True) for name in _CONFIGURED),
        Property(
            "limitsPerLabelSets",
            "blocks",
            computed=True,
            path="limitsPerLabelSet",
            fields=(
                Property("limits", "block", required=True, fields=(Property("maxSeries", required=True),)),
                Property("labelSet", "map", required=True),
            ),
        ),
    ),
    create=Call("UpdateWorkspaceConfiguration", _CONFIGURATION),
    reads=(
        Read("DescribeWorkspaceConfiguration", {"workspaceId": "$workspaceId"}, "workspaceConfiguration", gone=_GONE),
    ),
    updates=(Call("UpdateWorkspaceConfiguration", _CONFIGURATION, on=(*_CONFIGURED, "limitsPerLabelSets")),),
    # A workspace always has one, so deleting it leaves it as it is.
    delete=(),
    shape=_tell_workspace,
    stable=(),
    created=Wait("status.statusCode", ("ACTIVE",), ("UPDATE_FAILED",), "status.statusReason", 300),
    updated=Wait("status.statusCode", ("ACTIVE",), ("UPDATE_FAILED",), "status.statusReason", 300),
    unique=("workspaceId",),
)

_NAMESPACE = {"workspaceId": "$workspaceId", "name": "$name"}


def _namespace_from_id(context: Context) -> Mapping[str, Any]:
    where = context.id.partition(":rulegroupsnamespace/")[2]
    workspace, separator, name = where.partition("/")
    if not separator:
        raise AwsError(f"{context.resource.type}: the id {context.id!r} is not the ARN of a rule-group namespace.")
    return {"workspaceId": workspace, "name": name}


RULE_GROUP_NAMESPACE = Resource(
    type="aws:amp/ruleGroupNamespace:RuleGroupNamespace",
    service="amp",
    docs=page("rulegroupnamespace", "amp"),
    id="answer:arn",
    import_id=_namespace_from_id,
    properties=(
        Property("name", replaces=REPLACES, autoname=128),
        Property("workspaceId", required=True, replaces=REPLACES),
        Property("data", required=True),
        Property("tags", "map"),
    ),
    create=Call("CreateRuleGroupsNamespace", {**_NAMESPACE, "data": "$data"}),
    reads=(Read("DescribeRuleGroupsNamespace", _NAMESPACE, "ruleGroupsNamespace", gone=_GONE),),
    updates=(Call("PutRuleGroupsNamespace", {**_NAMESPACE, "data": "$data"}, on=("data",)),),
    delete=(Call("DeleteRuleGroupsNamespace", _NAMESPACE, ignore=_GONE),),
    outputs={"arn": "arn"},
    shape=_tell_workspace,
    tagging=_TAGS,
    created=Wait("status.statusCode", ("ACTIVE",), ("CREATION_FAILED",), "status.statusReason", 300),
    updated=Wait("status.statusCode", ("ACTIVE",), ("UPDATE_FAILED",), "status.statusReason", 300),
    deleted_timeout_s=300,
    unique=("name", "workspaceId"),
)

ALERT_MANAGER_DEFINITION = Resource(
    type="aws:amp/alertManagerDefinition:AlertManagerDefinition",
    service="amp",
    docs=page("alertmanagerdefinition", "amp"),
    id="{workspaceId}",
    properties=(
        Property("workspaceId", required=True, replaces=REPLACES),
        Property("definition", required=True, path="data"),
    ),
    create=Call("CreateAlertManagerDefinition", {"workspaceId": "$workspaceId", "data": "$definition"}),
    reads=(
        Read("DescribeAlertManagerDefinition", {"workspaceId": "$workspaceId"}, "alertManagerDefinition", gone=_GONE),
    ),
    updates=(
        Call("PutAlertManagerDefinition", {"workspaceId": "$workspaceId", "data": "$definition"}, on=("definition",)),
    ),
    delete=(Call("DeleteAlertManagerDefinition", {"workspaceId": "$workspaceId"}, ignore=_GONE),),
    shape=_tell_workspace,
    stable=(),
    created=Wait("status.statusCode", ("ACTIVE",), ("CREATION_FAILED",), "status.statusReason", 300),
    updated=Wait("status.statusCode", ("ACTIVE",), ("UPDATE_FAILED",), "status.statusReason", 300),
    deleted_timeout_s=300,
    unique=("workspaceId",),
)

_SCRAPER = {
    "alias": "$alias",
    "scrapeConfiguration": {"configurationBlob": "$scrapeConfiguration"},
    "destination": {"ampConfiguration": "$destination.amp"},
}

SCRAPER = Resource(
    type="aws:amp/scraper:Scraper",
    service="amp",
    docs=page("scraper", "amp"),
    id="answer:scraperId",
    properties=(
        Property("alias"),
        Property("scrapeConfiguration", required=True, path="scrapeConfiguration.configurationBlob"),
        Property(
            "source",
            "block",
            replaces=REPLACES,
            fields=(
                Property(
                    "eks",
                    "block",
                    path="eksConfiguration",
                    fields=(
                        Property("clusterArn", required=True),
                        Property("subnetIds", "set", required=True),
                        Property("securityGroupIds", "set", computed=True),
                    ),
                ),
            ),
        ),
        Property(
            "destination",
            "block",
            required=True,
            fields=(
                Property("amp", "block", path="ampConfiguration", fields=(Property("workspaceArn", required=True),)),
            ),
        ),
        Property("tags", "map"),
    ),
    create=Call("CreateScraper", {**_SCRAPER, "source": {"eksConfiguration": "$source.eks"}}),
    reads=(Read("DescribeScraper", {"scraperId": "$id"}, "scraper", gone=_GONE),),
    updates=(
        Call(
            "UpdateScraper",
            {"scraperId": "$id", **_SCRAPER},
            on=("alias", "scrapeConfiguration", "destination"),
        ),
    ),
    delete=(Call("DeleteScraper", {"scraperId": "$id"}, ignore=_GONE),),
    outputs={"arn": "arn", "roleArn": "roleArn"},
    stable=("arn", "roleArn"),
    tagging=_TAGS,
    created=Wait("status.statusCode", ("ACTIVE",), ("CREATION_FAILED",), "statusReason", 1800),
    updated=Wait("status.statusCode", ("ACTIVE",), ("UPDATE_FAILED",), "statusReason", 1800),
    deleted_timeout_s=1200,
)

TYPES = (WORKSPACE, WORKSPACE_CONFIGURATION, RULE_GROUP_NAMESPACE, ALERT_MANAGER_DEFINITION, SCRAPER)
