"""Search over what the data plane keeps: training jobs, model packages and their groups. The rest is moto's."""

from collections.abc import Iterable
from typing import Any

from local.aws_server.operations import Call, ServiceError, operation
from local.aws_server.sagemaker import model_package_groups, model_packages, tags
from local.aws_server.sagemaker.model_package_record import GROUP_KIND, packages
from local.aws_server.sagemaker.paging import page
from local.aws_server.sagemaker.training_record import KIND as TRAINING_KIND
from local.aws_server.sagemaker.validation import validate

_NAMES = {
    "TrainingJob": "TrainingJobName",
    "ModelPackage": "ModelPackageArn",
    "ModelPackageGroup": "ModelPackageGroupName",
}
_SORTED_BY = {"CreationTime": "CreationTime", "LastModifiedTime": "CreationTime"}


@operation("sagemaker", "Search")
def search(call: Call) -> dict[str, Any]:
    """What fulfils every filter, newest first."""
    resource = call.params["Resource"]
    if resource not in _NAMES:
        return call.forward()
    validate(call)
    expression = call.params.get("SearchExpression") or {}
    if expression.get("NestedFilters") or expression.get("SubExpressions") or expression.get("Operator") == "Or":
        raise ServiceError("ValidationException", "The local SageMaker searches by a list of filters that all hold.")
    filters = expression.get("Filters") or []
    kept = [each for each in _documents(call, resource) if all(_holds(each, one) for one in filters)]
    order = _SORTED_BY.get(call.params.get("SortBy", "CreationTime"), "Name")
    params = {**call.params, "SortBy": order}
    entries, token = page(kept, params, name=_NAMES[resource])
    return {"Results": [{resource: each} for each in entries], **token}


def _documents(call: Call, resource: str) -> Iterable[dict[str, Any]]:
    records = call.server.records
    if resource == "TrainingJob":
        found = [(record.arn, record.description()) for _, record in records.items(TRAINING_KIND, f"{call.region}/")]
    elif resource == "ModelPackage":
        found = [(each["Arn"], model_packages.described(each)) for each in packages(call.server, call.region)]
    else:
        groups = [each for _, each in records.items(GROUP_KIND, f"{call.region}/")]
        found = [(each["Arn"], model_package_groups.described_group(each)) for each in groups]
    for arn, document in found:
        own = tags.tags_of(call.server, arn)
        yield {**document, **({"Tags": [{"Key": key, "Value": value} for key, value in own.items()]} if own else {})}


def _holds(document: dict[str, Any], condition: dict[str, Any]) -> bool:
    """Whether a document fulfils one filter; a name with dots goes into members, `Tags.x` to a tag."""
    head, _, rest = condition["Name"].partition(".")
    value: Any
    if head == "Tags":
        value = next((tag["Value"] for tag in document.get("Tags", ()) if tag["Key"] == rest), None)
    else:
        value = document
        for part in condition["Name"].split("."):
            value = value.get(part) if isinstance(value, dict) else None
    operator, wanted = condition.get("Operator", "Equals"), condition.get("Value", "")
    if operator in ("Exists", "NotExists"):
        return (value is not None) == (operator == "Exists")
    if operator == "NotEquals":
        return str(value) != wanted
    if value is None:
        return False
    if operator == "Equals":
        return str(value) == wanted
    if operator == "Contains":
        return wanted in str(value)
    if operator == "In":
        return str(value) in wanted.split(",")
    raise ServiceError("ValidationException", f"The local SageMaker's search has no operator {operator}.")
