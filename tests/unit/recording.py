"""Runs a Pulumi program against mocks and keeps every registration, to be asserted once the program has ended."""

import asyncio
import contextvars
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc, settings

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Registration:
    """One resource as the engine would have seen it.

    inputs: with camelCase keys.
    provider: reference of the explicit provider; empty for the default one and for components.
    parent: logical name of the parent.
    dependencies: logical names of what must be there before it.
    """

    type: str
    name: str
    inputs: dict[str, Any]
    provider: str
    custom: bool
    protect: bool
    parent: str
    dependencies: frozenset[str]


@dataclass
class Recording:
    """Everything that a program registered, called and exported. hooks: names of what the engine would call back."""

    registrations: list[Registration] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    hooks: list[str] = field(default_factory=list)
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, resource_type: str) -> dict[str, Registration]:
        """Logical name to registration, for one type."""
        return {item.name: item for item in self.registrations if item.type == resource_type}

    def one(self, resource_type: str, name: str | None = None) -> Registration:
        """The only registration of a type (and name)."""
        found = [r for r in self.registrations if r.type == resource_type and name in (None, r.name)]
        assert len(found) == 1, f"{len(found)} of {resource_type} {name or ''}: {[item.name for item in found]}"
        return found[0]

    def policy(self, resource_type: str, name: str, key: str = "policy") -> list[dict[str, Any]]:
        """The statements of a policy document among a resource's inputs."""
        return json.loads(self.one(resource_type, name).inputs[key])["Statement"]


ARNS = {
    "aws:amp/workspace:Workspace": "aps::workspace/ws-{logical}",
    "aws:cloudtrail/trail:Trail": "cloudtrail::trail/{name}",
    "aws:cloudwatch/logGroup:LogGroup": "logs::log-group:{name}",
    "aws:codebuild/project:Project": "codebuild::project/{name}",
    "aws:codeconnections/connection:Connection": "codeconnections::connection/{logical}",
    "aws:iam/policy:Policy": "iam::policy/{name}",
    "aws:kms/key:Key": "kms::key/{logical}",
    "aws:lambda/function:Function": "lambda::function:{name}",
    "aws:sagemaker/mlflowApp:MlflowApp": "sagemaker::mlflow-app/app-{logical}",
    "aws:sagemaker/mlflowTrackingServer:MlflowTrackingServer": (
        "sagemaker::mlflow-tracking-server/{trackingServerName}"
    ),
    "aws:secretsmanager/secret:Secret": "secretsmanager::secret:{logical}",
    "aws:sns/topic:Topic": "sns::{logical}",
    "aws:sqs/queue:Queue": "sqs::{logical}",
}
"""Type to service and resource of its ARN (https://docs.aws.amazon.com/service-authorization/latest/reference/)."""


def _vpc(args: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": args["id"], "enableDnsSupport": True, "enableDnsHostnames": True}


def _subnet(args: Mapping[str, Any]) -> dict[str, Any]:
    """Zones by the parity of the id's first digit, so that neighbours lie in two."""
    zone = "ab"[int(args["id"].removeprefix("subnet-")[0], 16) % 2]
    return {
        "id": args["id"],
        "vpcId": "vpc-0a1b2c3d",
        "availabilityZone": f"us-east-1{zone}",
        "mapPublicIpOnLaunch": False,
        "availableIpAddressCount": 250,
        "tags": {"kubernetes.io/role/internal-elb": "1"},
    }


def _cluster(args: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": args["name"],
        "name": args["name"],
        "arn": f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/{args['name']}",
        "status": "ACTIVE",
        "endpoint": "https://cluster.example",
        "certificateAuthorities": [{"data": "Q0E="}],
        "accessConfigs": [{"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}],
        "computeConfigs": [
            {"enabled": True, "nodePools": ["system"], "nodeRoleArn": f"arn:aws:iam::{ACCOUNT}:role/shared-nodes"}
        ],
        "vpcConfig": {"vpcId": "vpc-0a1b2c3d", "clusterSecurityGroupId": "sg-0c1a55e7", "endpointPrivateAccess": True},
    }


LOOKS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:ec2/getSubnet:getSubnet": _subnet,
    "aws:eks/getCluster:getCluster": _cluster,
}
"""What AWS answers about things that somebody else looks after; all of them fit."""


def _key(key_id: str) -> dict[str, Any]:
    everyone = {"Sid": "All", "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
    logs = {**everyone, "Principal": {"Service": "logs.us-east-1.amazonaws.com"}, "Action": ["kms:*"]}
    return {
        "arn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{key_id}",
        "isEnabled": True,
        "keyUsage": "ENCRYPT_DECRYPT",
        "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "enableKeyRotation": True,
        "policy": json.dumps({"Version": "2012-10-17", "Statement": [everyone, logs]}),
    }


READS: Mapping[str, Callable[[str], dict[str, Any]]] = {"aws:kms/key:Key": _key}
"""What is there of a type that programs read by its id."""


class _Mocks(mocks.Mocks):
    def __init__(self, recording: Recording):
        self.recording = recording

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.resource_id:
            known = READS[args.typ](args.resource_id)
            return args.resource_id, {**known, **self.recording.answers.get(args.typ, {})}
        return f"{args.name}-id", {**args.inputs, **_computed(args.typ, args.name, args.inputs)}

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        self.recording.calls.append(args.token)
        if args.token == "aws:index/getCallerIdentity:getCallerIdentity":
            return {
                "accountId": ACCOUNT,
                "arn": f"arn:aws:iam::{ACCOUNT}:user/platform-admin",
                "userId": "U",
                "id": "i",
            }
        if (look := LOOKS.get(args.token)) is not None:
            return {**look(args.args), **self.recording.answers.get(args.token, {})}
        raise AssertionError(f"unexpected call of {args.token}")


class _Monitor(mocks.MockMonitor):
    """Keeps what the mocks are not told: protection, parents and dependencies."""

    def __init__(self, recording: Recording):
        super().__init__(_Mocks(recording))
        self.recording = recording

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        response = super().RegisterResource(request)
        if request.type != "pulumi:pulumi:Stack":
            self.recording.registrations.append(
                Registration(
                    type=request.type,
                    name=request.name,
                    inputs=_readable(rpc.deserialize_properties(request.object)),
                    provider=request.provider,
                    custom=request.custom,
                    protect=request.protect,
                    parent=_logical_name(request.parent),
                    dependencies=frozenset(_logical_name(urn) for urn in request.dependencies),
                )
            )
        return response


@dataclass(frozen=True)
class _Callbacks:
    """Stands for the server that an engine calls a program's hooks by."""

    recording: Recording

    def register_resource_hook(self, hook: pulumi.ResourceHook) -> None:
        self.recording.hooks.append(hook.name)


def _readable(value: Any) -> Any:
    """Archives as what is in them, so that two of the same are equal."""
    if isinstance(value, pulumi.AssetArchive):
        return {"assets": _readable(dict(value.assets))}
    if isinstance(value, pulumi.StringAsset):
        return {"text": value.text}
    return {key: _readable(item) for key, item in value.items()} if isinstance(value, dict) else value


def _logical_name(urn: str) -> str:
    return urn.rsplit("::", 1)[-1]


def _computed(resource_type: str, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs that a provider would compute, as far as other resources use them."""
    if resource_type == "aws:iam/role:Role":
        return {"arn": f"arn:aws:iam::{ACCOUNT}:role/{inputs['name']}"}
    if resource_type == "aws:s3/bucket:Bucket":
        return {"arn": f"arn:aws:s3:::{inputs['bucket']}"}
    if resource_type == "aws:eks/cluster:Cluster":
        return {
            "arn": f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/{inputs['name']}",
            "endpoint": "https://cluster.example",
            "certificateAuthority": {"data": "Q0E="},
            "vpcConfig": {**inputs["vpcConfig"], "clusterSecurityGroupId": "sg-0c1a55e7"},
        }
    if resource_type == "aws:eks/nodeGroup:NodeGroup":
        return {"resources": [{"autoscalingGroups": [{"name": f"eks-{inputs['nodeGroupName']}"}]}]}
    if resource_type == "aws:ec2/launchTemplate:LaunchTemplate":
        return {"latestVersion": 1}
    if resource_type == "aws:rds/instance:Instance":
        secret = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:rds!db-1"
        return {
            "arn": f"arn:aws:rds:us-east-1:{ACCOUNT}:db:{inputs['identifier']}",
            "address": "database.example",
            "masterUserSecrets": [{"secretArn": secret}],
        }
    if resource_type == "aws:grafana/workspace:Workspace":
        return {"endpoint": "g-0123456789.grafana-workspace.us-east-1.amazonaws.com"}
    if resource_type == "aws:ecr/repository:Repository":
        url = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{inputs['name']}"
        return {"arn": f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/{inputs['name']}", "repositoryUrl": url}
    rest = ARNS.get(resource_type, "service::" + name).format(**{"logical": name, **inputs})
    service, _, resource = rest.partition("::")
    return {"arn": f"arn:aws:{service}:us-east-1:{ACCOUNT}:{resource}", "keyId": f"{name}-key"}


def record(
    program: Callable[[], object],
    *,
    stack: str = "dev",
    config: Mapping[str, Any] | None = None,
    answers: Mapping[str, Mapping[str, Any]] | None = None,
) -> Recording:
    """Runs `program` to its end, with every apply, and returns what it registered.

    config: settings without their namespace; groups and lists are handed over as JSON, the way that the engine does it.
    answers: what a call (`aws:ec2/getVpc:getVpc`), or the reading of a type, answers otherwise than usual.
    """
    recording = Recording(answers=answers or {})

    def run() -> None:
        pulumi.runtime.set_all_config({f"groundwork:{key}": _encoded(value) for key, value in (config or {}).items()})
        monitor = _Monitor(recording)
        mocks.set_mocks(monitor.mocks, project="groundwork", stack=stack, preview=False, monitor=monitor)
        settings.SETTINGS.callbacks = _Callbacks(recording)  # type: ignore[assignment]

        def whole() -> pulumi.Output[Any]:
            program()
            root = settings.get_root_resource()
            return pulumi.Output.from_input(getattr(root, "outputs", {})).apply(recording.outputs.update)

        pulumi.runtime.test(whole)()

    # A loop of its own: the runtime takes the thread's, which an earlier `asyncio.run` has taken away.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        # An empty context: the runtime keeps its root resource, settings and config in context variables.
        contextvars.Context().run(run)
    finally:
        # A program that failed leaves tasks behind. Whenever they are collected they would have their tracebacks
        # written, which parses source, and inside of another parse Python 3.11 takes that for a fault of its own.
        loop.set_exception_handler(lambda _, context: None)
        loop.close()
        asyncio.set_event_loop(None)
    return recording


def _encoded(value: Any) -> str:
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
