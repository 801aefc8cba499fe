"""The operations of SageMaker whose callers need policies that allow them: the registry, models, endpoints and jobs.

Resource types and condition keys are those of the service authorization reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html. A request that passes a
role to SageMaker needs iam:PassRole too (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from local.aws_server.access.decision import Wish, require
from local.aws_server.operations import Call, guard
from local.aws_server.sagemaker import tags
from local.aws_server.sagemaker.model_package_record import GROUP_KIND, key_of, package_of
from local.aws_server.sagemaker.monitoring_definitions import TYPES as MONITORING_TYPES

Keys = dict[str, Sequence[str]]
PACKAGE, GROUP = "model-package", "model-package-group"
COMPONENT = "inference-component"
TAGGED = (
    *(PACKAGE, GROUP, "model", "endpoint", "endpoint-config", COMPONENT),
    *("training-job", "processing-job", "transform-job"),
)


def _named(resource_type: str, member: str) -> Callable[[Call], list[str]]:
    """The resource whose name is a member of the request."""
    return lambda call: [call.arn(f"{resource_type}/{call.params[member]}")]


def _endpoint(call: Call) -> list[str]:
    """An endpoint and the configuration that it gets: both must be allowed."""
    config = call.params["EndpointConfigName"]
    return [call.arn(f"endpoint/{call.params['EndpointName']}"), call.arn(f"endpoint-config/{config}")]


def _new_component(call: Call) -> list[str]:
    """A component and the endpoint that it is put on: both must be allowed."""
    name = call.params["InferenceComponentName"]
    return [call.arn(f"{COMPONENT}/{name}"), call.arn(f"endpoint/{call.params['EndpointName']}")]


def _package(call: Call) -> list[str]:
    document = package_of(call)
    name = call.params.get("ModelPackageArn") or call.params["ModelPackageName"]
    known = document.get("Arn")
    return [known or (name if name.startswith("arn:") else call.arn(f"{PACKAGE}/{name.lower()}"))]


def _new_package(call: Call) -> list[str]:
    """ARN that the package would get: of a group the next version's."""
    group = call.params.get("ModelPackageGroupName")
    if not group:
        return [call.arn(f"{PACKAGE}/{call.params.get('ModelPackageName', '').lower()}")]
    key = key_of(call.region, group)
    version = (call.server.records.get(GROUP_KIND, key) or {"Versions": 0})["Versions"] + 1
    return [call.arn(f"{PACKAGE}/{key.partition('/')[2]}/{version}")]


def _group(call: Call) -> list[str]:
    return [call.arn(f"{GROUP}/{key_of(call.region, call.params['ModelPackageGroupName']).partition('/')[2]}")]


def _tagged(call: Call) -> list[str]:
    """The resource that is tagged, where it is of a kind that this table knows."""
    arn = call.params["ResourceArn"]
    return [arn] if arn.split(":")[-1].partition("/")[0] in TAGGED else []


RESOURCES: Mapping[str, Callable[[Call], list[str]]] = {
    "CreateModelPackage": _new_package,
    "UpdateModelPackage": _package,
    "DeleteModelPackage": _package,
    "CreateModelPackageGroup": _group,
    "DeleteModelPackageGroup": _group,
    "PutModelPackageGroupPolicy": _group,
    "DeleteModelPackageGroupPolicy": _group,
    "CreateModel": _named("model", "ModelName"),
    "DeleteModel": _named("model", "ModelName"),
    "CreateEndpointConfig": _named("endpoint-config", "EndpointConfigName"),
    "DeleteEndpointConfig": _named("endpoint-config", "EndpointConfigName"),
    "CreateEndpoint": _endpoint,
    "UpdateEndpoint": _endpoint,
    "UpdateEndpointWeightsAndCapacities": _named("endpoint", "EndpointName"),
    "DeleteEndpoint": _named("endpoint", "EndpointName"),
    "CreateInferenceComponent": _new_component,
    "UpdateInferenceComponent": _named(COMPONENT, "InferenceComponentName"),
    "UpdateInferenceComponentRuntimeConfig": _named(COMPONENT, "InferenceComponentName"),
    "DeleteInferenceComponent": _named(COMPONENT, "InferenceComponentName"),
    "CreateTrainingJob": _named("training-job", "TrainingJobName"),
    "StopTrainingJob": _named("training-job", "TrainingJobName"),
    "DeleteTrainingJob": _named("training-job", "TrainingJobName"),
    "CreateProcessingJob": _named("processing-job", "ProcessingJobName"),
    "StopProcessingJob": _named("processing-job", "ProcessingJobName"),
    "DeleteProcessingJob": _named("processing-job", "ProcessingJobName"),
    "CreateTransformJob": _named("transform-job", "TransformJobName"),
    "StopTransformJob": _named("transform-job", "TransformJobName"),
    "CreateInferenceExperiment": _named("inference-experiment", "Name"),
    "UpdateInferenceExperiment": _named("inference-experiment", "Name"),
    "StartInferenceExperiment": _named("inference-experiment", "Name"),
    "StopInferenceExperiment": _named("inference-experiment", "Name"),
    "DeleteInferenceExperiment": _named("inference-experiment", "Name"),
    "CreateMonitoringSchedule": _named("monitoring-schedule", "MonitoringScheduleName"),
    "UpdateMonitoringSchedule": _named("monitoring-schedule", "MonitoringScheduleName"),
    "StartMonitoringSchedule": _named("monitoring-schedule", "MonitoringScheduleName"),
    "StopMonitoringSchedule": _named("monitoring-schedule", "MonitoringScheduleName"),
    "DeleteMonitoringSchedule": _named("monitoring-schedule", "MonitoringScheduleName"),
    **{
        f"{verb}{kind}JobDefinition": _named(resource_type, "JobDefinitionName")
        for kind, resource_type in MONITORING_TYPES.items()
        for verb in ("Create", "Delete")
    },
    "AddTags": _tagged,
    "DeleteTags": _tagged,
}
"""The resources that each enforced operation acts on; each of them must be allowed. Reads are not enforced."""
PASSED = ("RoleArn", "ExecutionRoleArn")
"""Members that pass a role to SageMaker."""


@guard("sagemaker", *RESOURCES)
def check(call: Call) -> None:
    """Raises AccessDeniedException unless the caller's policies allow the request."""
    wishes = [
        Wish(action=f"sagemaker:{call.operation}", resource=arn, keys=request_keys(call) | resource_keys(call, arn))
        for arn in RESOURCES[call.operation](call)
    ]
    inline = (call.params.get("MonitoringScheduleConfig") or {}).get("MonitoringJobDefinition") or {}
    for member in PASSED:
        if role := call.params.get(member) or inline.get(member):
            service: Keys = {"iam:passedtoservice": ["sagemaker.amazonaws.com"]}
            wishes.append(Wish(action="iam:PassRole", resource=role, keys=service))
    for wish in wishes:
        require(wish, call.account_id, call.access_key_id, call.region, code="AccessDeniedException", status=400)


def request_keys(call: Call) -> Keys:
    """Condition keys of what is asked for."""
    params = call.params
    keys: Keys = {}
    if status := params.get("ModelApprovalStatus"):
        keys["sagemaker:modelapprovalstatus"] = [status]
    for name, value in (params.get("CustomerMetadataProperties") or {}).items():
        keys[f"sagemaker:customermetadataproperties/{name.lower()}"] = [value]
    if removed := params.get("CustomerMetadataPropertiesToRemove"):
        keys["sagemaker:customermetadatapropertiestoremove"] = list(removed)
    if stage := params.get("ModelLifeCycle"):
        keys["sagemaker:modellifecycle:stage"] = [stage["Stage"]]
        keys["sagemaker:modellifecycle:stagestatus"] = [stage["StageStatus"]]
    given: list[dict[str, str]] = params.get("Tags") or []
    for tag in given:
        keys[f"aws:requesttag/{tag['Key'].lower()}"] = [tag["Value"]]
    if names := [tag["Key"] for tag in given] or list(params.get("TagKeys") or ()):
        keys["aws:tagkeys"] = names
    return keys | _job_keys(call)


def _job_keys(call: Call) -> Keys:
    """Condition keys of jobs and endpoint configurations: machines, time, network."""
    params = call.params
    processing = (params.get("ProcessingResources") or {}).get("ClusterConfig")
    cluster = processing or params.get("ResourceConfig") or params.get("TransformResources") or {}
    variants: list[dict[str, Any]] = params.get("ProductionVariants") or []
    network = params.get("NetworkConfig") or params
    vpc = network.get("VpcConfig") or {}
    types = [each.get("InstanceType") for each in (cluster, *variants)]
    served = [each.get("ModelName") for each in (*variants, params if "TransformInput" in params else {})]
    models = [call.arn(f"model/{name}") for name in served if name]
    runtime = (params.get("StoppingCondition") or {}).get("MaxRuntimeInSeconds")
    keys: Keys = {
        "sagemaker:instancetypes": [str(each) for each in types if each],
        "sagemaker:modelarn": models,
        "sagemaker:maxruntimeinseconds": [str(runtime)] if runtime else [],
        "sagemaker:vpcsubnets": list(vpc.get("Subnets") or ()),
        "sagemaker:vpcsecuritygroupids": list(vpc.get("SecurityGroupIds") or ()),
    }
    if "EnableNetworkIsolation" in network:
        keys["sagemaker:networkisolation"] = [str(network["EnableNetworkIsolation"]).lower()]
    return {name: values for name, values in keys.items() if values}


def resource_keys(call: Call, arn: str) -> Keys:
    """Condition keys of the resource as it is: its tags; of a package its metadata and its stage in the life cycle."""
    keys: Keys = {}
    for name, value in tags.tags_of(call.server, arn).items():
        keys[f"aws:resourcetag/{name.lower()}"] = keys[f"sagemaker:resourcetag/{name.lower()}"] = [value]
    document: Mapping[str, Any] = package_of(call)
    for name, value in (document.get("CustomerMetadataProperties") or {}).items():
        keys[f"sagemaker:currentcustomermetadataproperties/{name.lower()}"] = [value]
    if stage := document.get("ModelLifeCycle"):
        keys["sagemaker:currentmodellifecyclestage"] = [stage["Stage"]]
        keys["sagemaker:currentmodellifecyclestagestatus"] = [stage["StageStatus"]]
    return keys
