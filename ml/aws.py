"""AWS clients that are ready quickly.

A `boto3.client(...)` is a botocore client; making one reads the service's whole model (SageMaker's has 3 MB of JSON,
most of it documentation), which costs more than the calls that `ml train` makes. These clients are the same botocore
clients, made from a copy of botocore's own models that holds only the operations below. The copy is written once a
botocore version into the cache folder; where that is not possible, botocore's own files are read.
"""

import gzip
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

import botocore
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.loaders import Loader
from botocore.session import Session

OPERATIONS: dict[str, tuple[str, ...]] = {
    "ssm": ("GetParameters", "GetParametersByPath"),
    "s3": (
        "HeadObject",
        "PutObject",
        "GetObject",
        "ListObjectsV2",
        "CopyObject",
        "ListObjectVersions",
        "DeleteObject",
        "DeleteObjects",
    ),
    "sagemaker": (
        "AddTags",
        "CreateEndpoint",
        "CreateEndpointConfig",
        "CreateInferenceComponent",
        "CreateModel",
        "CreateModelPackage",
        "CreateModelPackageGroup",
        "CreateProcessingJob",
        "CreateTrainingJob",
        "CreateTransformJob",
        "DeleteEndpoint",
        "DeleteEndpointConfig",
        "DeleteInferenceComponent",
        "DeleteModel",
        "DeleteModelPackage",
        "DescribeEndpoint",
        "DescribeEndpointConfig",
        "DescribeInferenceComponent",
        "DescribeModel",
        "DescribeModelPackage",
        "DescribeProcessingJob",
        "DescribeTrainingJob",
        "DescribeTransformJob",
        "ListEndpointConfigs",
        "ListEndpoints",
        "ListModelPackageGroups",
        "ListModelPackages",
        "ListModels",
        "ListProcessingJobs",
        "ListTags",
        "ListTrainingJobs",
        "ListTransformJobs",
        "PutModelPackageGroupPolicy",
        "StopProcessingJob",
        "StopTrainingJob",
        "StopTransformJob",
        "UpdateEndpoint",
        "UpdateEndpointWeightsAndCapacities",
        "UpdateInferenceComponent",
        "UpdateModelPackage",
    ),
    "ecr": ("DescribeImageScanFindings", "DescribeImages", "ListImageReferrers"),
    "codebuild": ("BatchGetBuilds", "ListBuildsForProject", "StartBuild"),
    "iam": ("GetRole",),
    "application-autoscaling": (
        "DeleteScalingPolicy",
        "DeleteScheduledAction",
        "DeregisterScalableTarget",
        "DescribeScalableTargets",
        "PutScalingPolicy",
        "PutScheduledAction",
        "RegisterScalableTarget",
    ),
    "sagemaker-runtime": ("InvokeEndpoint", "InvokeEndpointAsync"),
    "service-quotas": ("ListServiceQuotas",),
    "cloudwatch": ("DeleteAlarms", "DescribeAlarms", "GetMetricData", "PutMetricAlarm", "PutMetricData"),
    "sns": ("Publish",),
    "logs": ("CreateLogGroup", "DescribeLogStreams", "GetLogEvents", "PutRetentionPolicy"),
}
"""Every operation that the `ml` command calls. A client made here has no other, but STS, which has all."""

_SHARED_FILES = ("partitions.json", "sdk-default-configuration.json", "_retry.json")
_LAYOUT = "1"


class Clients:
    """The AWS clients of one environment, each made when it is first asked for.

    profile: name of the AWS profile, or None for the SDK's own search for credentials.
    """

    def __init__(self, profile: str | None):
        self._profile = profile
        self.given_credentials: dict[str, str] = {}
        """Arguments of boto3.Session where the credentials are not the profile's own; empty where they are."""
        self.session = Session(profile=profile)
        trimmed = trimmed_models()
        if trimmed is not None:
            loader = Loader(extra_search_paths=[str(trimmed)], include_default_search_paths=False)
            self.session.register_component("data_loader", loader)
        self._clients: dict[str, Any] = {}
        self._answered = False

    def with_credentials(self, credentials: Mapping[str, Any]) -> "Clients":
        """The same place, called with other credentials: those of an answer of STS."""
        other = Clients(self._profile)
        other.given_credentials = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }
        other.session.set_credentials(*other.given_credentials.values())  # pyright: ignore[reportUnknownMemberType]
        return other

    def of_source(self) -> "Clients":
        """The clients of whom the profile takes its role from (`source_profile`); these ones where it takes none."""
        profiles = cast("dict[str, dict[str, Any]]", self.session.full_config.get("profiles", {}))
        settings = profiles.get(self._profile or "default", {})
        source = settings.get("source_profile") if "role_arn" in settings else None
        return Clients(str(source)) if source and not self.given_credentials else self

    @property
    def region(self) -> str | None:
        """The region that the profile or the environment names."""
        return cast("str | None", self.session.get_config_variable("region"))

    def profiles(self) -> list[str]:
        """Names of all profiles in the AWS configuration files."""
        return cast("list[str]", self.session.available_profiles)

    @cached_property
    def caller_arn(self) -> str:
        """ARN of the identity that signs the calls, as AWS says it (sts:GetCallerIdentity, which nobody is denied)."""
        return str(self.client("sts").get_caller_identity()["Arn"])

    def client(self, service: str) -> Any:
        """The client of `service` (one of OPERATIONS, or sts). It retries what AWS says may be retried."""
        if service not in self._clients:
            config = Config(
                retries={"mode": "standard", "total_max_attempts": 5},
                connect_timeout=10,
                read_timeout=75,
                user_agent_extra="groundwork-ml",
            )
            client: Any = self.session.create_client(service, region_name=self.region, config=config)
            client.meta.events.register_first("needs-retry", self._give_up_early)
            client.meta.events.register("after-call", self._note_answer)
            self._clients[service] = client
        return self._clients[service]

    def _note_answer(self, **_: Any) -> None:
        self._answered = True

    def _give_up_early(self, attempts: int = 0, caught_exception: Exception | None = None, **_: Any) -> None:
        # Nobody waits ten seconds to hear that the environment is not up. One that did answer is asked five times: a
        # command that has waited for a job for hours is not to end with a moment's loss of the network.
        if isinstance(caught_exception, EndpointConnectionError) and not self._answered and attempts >= 2:
            raise caught_exception


class ErrorDetails(NamedTuple):
    """What AWS says about a call that it refused."""

    code: str
    message: str


def error_details(error: ClientError) -> ErrorDetails:
    """Code and message of a refused call."""
    details = cast("dict[str, Any]", cast("dict[str, Any]", error.response).get("Error", {}))
    code = str(details.get("Code", ""))
    return ErrorDetails(code, str(details.get("Message") or code))


IN_DOUBT = frozenset({"InternalFailure", "InternalServerError", "ServiceUnavailable", "RequestTimeout", "SlowDown"})


def is_refusal(error: ClientError) -> bool:
    """Whether AWS has said no. After a failure of its own, what was asked for may have been done all the same."""
    response = cast("dict[str, Any]", error.response)
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    return status < 500 and error_details(error).code not in IN_DOUBT


def no_such_object(error: ClientError) -> bool:
    """Whether S3 has said that there is no such object, to a GET or a HEAD."""
    return error_details(error).code in {"NoSuchKey", "404"}


def cache_folder() -> Path:
    """Where Groundwork keeps what it can make again: $GROUNDWORK_CACHE, or groundwork/ in the user's cache folder."""
    named = os.environ.get("GROUNDWORK_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "groundwork"


def trimmed_models() -> Path | None:
    """The folder of trimmed models for this botocore, made now where it is missing; None where it cannot be written."""
    folder = cache_folder() / f"aws-models-{botocore.__version__}-{_LAYOUT}-{_operations_key()}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".aws-models-") as scratch:
            new = Path(scratch) / "models"
            _write_trimmed(new)
            # Whoever renames first wins; a loser's copy is the same and goes with its scratch folder.
            if not folder.is_dir():
                new.rename(folder)
    except OSError:
        return folder if folder.is_dir() else None
    return folder


def _operations_key() -> str:
    from zlib import crc32

    return f"{crc32(repr(OPERATIONS).encode()):08x}"


def _write_trimmed(target: Path) -> None:
    source = Path(botocore.__file__).parent / "data"
    target.mkdir(parents=True)
    for name in _SHARED_FILES:
        (target / name).write_bytes((source / name).read_bytes())
    endpoints = json.loads((source / "endpoints.json").read_bytes())
    kept = {*OPERATIONS, "sts", "runtime.sagemaker", "api.sagemaker", "api.ecr", "servicequotas", "sso", "oidc"}
    for partition in endpoints["partitions"]:
        partition["services"] = {name: entry for name, entry in partition["services"].items() if name in kept}
    (target / "endpoints.json").write_text(json.dumps(endpoints))
    for service, operations in OPERATIONS.items():
        _write_service(source, target, service, operations)
    # Credentials of profiles that assume a role or come from IAM Identity Center are fetched through these, unchanged.
    for service in ("sts", "sso", "sso-oidc", "signin"):
        if (source / service).is_dir():
            _write_service(source, target, service, None)


def _write_service(source: Path, target: Path, service: str, operations: tuple[str, ...] | None) -> None:
    version = max(entry.name for entry in (source / service).iterdir() if entry.is_dir())
    folder = target / service / version
    folder.mkdir(parents=True)
    for path in (source / service / version).iterdir():
        stem = path.name.removesuffix(".gz")
        if stem.startswith(("examples-", "waiters-")):
            continue
        content = json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
        if stem == "service-2.json" and operations is not None:
            content = trim(content, operations)
        (folder / stem).write_text(json.dumps(content, separators=(",", ":")))


def trim(model: dict[str, Any], operations: tuple[str, ...]) -> dict[str, Any]:
    """A service model with only these operations, the shapes that they reach, and no documentation."""
    kept = {name: _without_documentation(model["operations"][name]) for name in operations}
    shapes: dict[str, Any] = {}
    waiting = [name for operation in kept.values() for name in _shape_names(operation)]
    while waiting:
        name = waiting.pop()
        if name not in shapes:
            shapes[name] = _without_documentation(model["shapes"][name])
            waiting.extend(_shape_names(shapes[name]))
    rest = {key: value for key, value in model.items() if key not in {"operations", "shapes", "documentation"}}
    return {**rest, "operations": kept, "shapes": shapes}


def _without_documentation(value: Any) -> Any:
    if isinstance(value, dict):
        # A structure may have a member called "documentation": that one is a mapping, the prose is a string.
        return {
            key: _without_documentation(entry)
            for key, entry in value.items()  # pyright: ignore[reportUnknownVariableType]
            if not (key == "documentation" and isinstance(entry, str))
        }
    return [_without_documentation(entry) for entry in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]


def _shape_names(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, entry in value.items():  # pyright: ignore[reportUnknownVariableType]
            if key == "shape" and isinstance(entry, str):
                yield entry
            else:
                yield from _shape_names(entry)
    elif isinstance(value, list):
        for entry in value:  # pyright: ignore[reportUnknownVariableType]
            yield from _shape_names(entry)
