"""What there is: a team's jobs, models, configurations, endpoints, packages and uploads, as AWS lists them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ml.environment import Environment, is_denied, owning_team
from ml.targets.sagemaker import components
from ml.targets.sagemaker.multi_model import FOLDER as MODELS_FOLDER
from ml.targets.sagemaker.variants import is_missing
from ml.write_once import WriteOnce

JOB_KINDS = ("training-job", "processing-job", "transform-job")
UPLOAD = "upload"
"""Kind of a folder of uploaded code or inputs, which is named by the digest of its content and has no entry."""
UPLOAD_FOLDERS = ("code", "inputs")
HOSTED = "endpoint-models"
"""Kind of the archives that lie below a multi-model endpoint's prefix: of its name, and without an entry."""
RUNNING = frozenset({"InProgress", "Stopping"})
OWNER_TAG = "groundwork:owner"
AUTHOR = "groundwork-author"


@dataclass(frozen=True, kw_only=True)
class Thing:
    """Something that exists.

    created: when, by AWS's clock. running: of a job, whether it has not ended. instances: type and count of the
    machines that it holds now. size: bytes in S3. uses: names of the models or the configuration that it needs now.
    reads: S3 URIs that a job reads. owner: the tag `groundwork:owner`, of a package its author; None where that was not
    asked for, or is not there. approved: of a package, whether it is.
    """

    kind: str
    name: str
    arn: str
    created: datetime
    status: str = ""
    running: bool = False
    instances: Sequence[tuple[str, int]] = ()
    size: int = 0
    uses: Sequence[str] = ()
    reads: Sequence[str] = ()
    owner: str | None = None
    approved: bool = False


@dataclass
class Inventory:
    """What there is. unseen: kinds that the caller may not list: nothing is said of them, and nothing done."""

    things: list[Thing] = field(default_factory=list[Thing])
    unseen: list[str] = field(default_factory=list[str])

    def of(self, kind: str) -> list[Thing]:
        """The things of a kind."""
        return [thing for thing in self.things if thing.kind == kind]


class Cloud:
    """One team's things in one environment.

    teams: all teams' names: what belongs to a team whose name begins like this one's is not this one's.
    """

    def __init__(self, environment: Environment, team: str, teams: Sequence[str], artifact_uri: str):
        self._sagemaker = environment.clients.client("sagemaker")
        self._team = team
        self._teams = list(teams)
        self._uploads = WriteOnce(environment.clients.client("s3"), artifact_uri)

    def inventory(self) -> Inventory:
        """Everything; running jobs, endpoints and configurations with what they hold and use."""
        found = Inventory()
        listings = {
            "training-job": self._training_jobs,
            "processing-job": self._processing_jobs,
            "transform-job": self._transform_jobs,
            "endpoint": self._endpoints,
            "endpoint-config": self._configs,
            "model": self._models,
            "model-package": self._packages,
            UPLOAD: self._uploaded,
            HOSTED: self._hosted,
        }
        for kind, listing in listings.items():
            try:
                found.things += list(listing())
            except ClientError as error:
                if not is_denied(error):
                    raise
                found.unseen.append(kind)
        return found

    def teamless(self) -> list[str]:
        """Endpoints and running jobs whose names begin with no team's, as `kind name`: whoever made them, no ledger
        tells of them, and no team's role may touch them."""
        running = {"StatusEquals": "InProgress"}
        listings: tuple[tuple[str, str, str, str, dict[str, str]], ...] = (
            ("endpoint", "list_endpoints", "Endpoints", "EndpointName", {}),
            ("training-job", "list_training_jobs", "TrainingJobSummaries", "TrainingJobName", running),
            ("processing-job", "list_processing_jobs", "ProcessingJobSummaries", "ProcessingJobName", running),
            ("transform-job", "list_transform_jobs", "TransformJobSummaries", "TransformJobName", running),
        )
        found: list[str] = []
        for kind, operation, key, name, request in listings:
            try:
                names = [str(entry[name]) for entry in self._listed(operation, key, **request)]
            except ClientError as error:
                if not is_denied(error):
                    raise
                continue
            found += [f"{kind} {one}" for one in names if owning_team(one, self._teams) is None]
        return found

    def with_owner(self, thing: Thing) -> Thing:
        """The thing with its owner, by its tag; a package in a group has no tags, and says its author."""
        try:
            if thing.kind == "model-package":
                package = self._sagemaker.describe_model_package(ModelPackageName=thing.arn)
                return replace(thing, owner=package.get("CustomerMetadataProperties", {}).get(AUTHOR))
            tags: list[Mapping[str, Any]] = self._sagemaker.list_tags(ResourceArn=thing.arn)["Tags"]
        except ClientError as error:
            if not is_denied(error) and not is_missing(error):
                raise
            # Who may not look must not conclude that it is nobody's.
            return replace(thing, owner="unknown")
        return replace(thing, owner=next((tag["Value"] for tag in tags if tag["Key"] == OWNER_TAG), None))

    def reads_of(self, job: str) -> list[str]:
        """The S3 URIs that a training job reads."""
        return _channels(self._sagemaker.describe_training_job(TrainingJobName=job))

    def _listed(self, operation: str, key: str, **request: Any) -> Iterator[Mapping[str, Any]]:
        for page in self._sagemaker.get_paginator(operation).paginate(**request):
            yield from page[key]

    def _ours(self, name: str) -> bool:
        return owning_team(name, self._teams) == self._team

    def _training_jobs(self) -> Iterator[Thing]:
        for thing, described in self._jobs("Training"):
            if described is not None:
                resources = described["ResourceConfig"]
                machines = [(str(resources.get("InstanceType")), int(resources.get("InstanceCount") or 1))]
                thing = replace(thing, instances=machines, reads=_channels(described))
            yield thing

    def _processing_jobs(self) -> Iterator[Thing]:
        for thing, described in self._jobs("Processing"):
            if described is not None:
                cluster = described["ProcessingResources"]["ClusterConfig"]
                inputs = [one.get("S3Input", {}).get("S3Uri", "") for one in described.get("ProcessingInputs", [])]
                machines = [(str(cluster["InstanceType"]), int(cluster["InstanceCount"]))]
                thing = replace(thing, instances=machines, reads=inputs)
            yield thing

    def _transform_jobs(self) -> Iterator[Thing]:
        for thing, described in self._jobs("Transform"):
            if described is not None:
                resources = described["TransformResources"]
                machines = [(str(resources["InstanceType"]), int(resources["InstanceCount"]))]
                source = str(described["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"])
                thing = replace(thing, instances=machines, reads=[source], uses=[described["ModelName"]])
            yield thing

    def _jobs(self, word: str) -> Iterator[tuple[Thing, dict[str, Any] | None]]:
        """The team's jobs of a kind, those that run with their description. word: as in the name of TrainingJobName."""
        kind, name_member = f"{word.lower()}-job", f"{word}JobName"
        describe = getattr(self._sagemaker, f"describe_{word.lower()}_job")
        summaries = self._listed(f"list_{word.lower()}_jobs", f"{word}JobSummaries", NameContains=f"{self._team}-")
        for entry in summaries:
            name, status = entry[name_member], entry[f"{word}JobStatus"]
            if not self._ours(name):
                continue
            thing = Thing(
                kind=kind,
                name=name,
                arn=entry[f"{word}JobArn"],
                created=entry["CreationTime"],
                status=status,
                running=status in RUNNING,
            )
            yield thing, describe(**{name_member: name}) if thing.running else None

    def _endpoints(self) -> Iterator[Thing]:
        for entry in self._listed("list_endpoints", "Endpoints", NameContains=f"{self._team}-"):
            name = entry["EndpointName"]
            if not self._ours(name):
                continue
            described = self._described("describe_endpoint", EndpointName=name)
            config = described.get("EndpointConfigName", "")
            variants = self._variants(config) if config else []
            scales = any("ModelName" not in one for one in variants)
            component = components.describe(self._sagemaker, name) if scales else None
            running: list[Mapping[str, Any]] = described.get("ProductionVariants", []) if scales else []
            now = {one["VariantName"]: int(one.get("CurrentInstanceCount") or 0) for one in running}
            yield Thing(
                kind="endpoint",
                name=name,
                arn=entry["EndpointArn"],
                created=entry["CreationTime"],
                status=entry["EndpointStatus"],
                running=True,
                instances=[
                    (str(one["InstanceType"]), now.get(one["VariantName"]) or int(one.get("InitialInstanceCount") or 1))
                    for one in variants
                    if "InstanceType" in one and (not scales or now.get(one["VariantName"]))
                ],
                uses=[*([config] if config else []), *([component.model] if component else [])],
            )

    def _configs(self) -> Iterator[Thing]:
        for entry in self._listed("list_endpoint_configs", "EndpointConfigs", NameContains=f"{self._team}-"):
            name = entry["EndpointConfigName"]
            if self._ours(name):
                yield Thing(
                    kind="endpoint-config",
                    name=name,
                    arn=entry["EndpointConfigArn"],
                    created=entry["CreationTime"],
                    uses=[one["ModelName"] for one in self._variants(name) if "ModelName" in one],
                )

    def _models(self) -> Iterator[Thing]:
        for entry in self._listed("list_models", "Models", NameContains=f"{self._team}-"):
            if self._ours(entry["ModelName"]):
                yield Thing(kind="model", name=entry["ModelName"], arn=entry["ModelArn"], created=entry["CreationTime"])

    def _packages(self) -> Iterator[Thing]:
        groups = self._listed(
            "list_model_package_groups", "ModelPackageGroupSummaryList", NameContains=f"{self._team}-"
        )
        for group in groups:
            name = group["ModelPackageGroupName"]
            if not self._ours(name):
                continue
            for entry in self._listed("list_model_packages", "ModelPackageSummaryList", ModelPackageGroupName=name):
                yield Thing(
                    kind="model-package",
                    name=name,
                    arn=entry["ModelPackageArn"],
                    created=entry["CreationTime"],
                    status=entry.get("ModelApprovalStatus", ""),
                    approved=entry.get("ModelApprovalStatus") == "Approved",
                )

    def _uploaded(self) -> Iterator[Thing]:
        for folder in UPLOAD_FOLDERS:
            sizes: dict[str, int] = {}
            newest: dict[str, datetime] = {}
            for stored in self._uploads.listing(f"{folder}/"):
                digest = stored.key.removeprefix(f"{folder}/").partition("/")[0].removesuffix(".json")
                sizes[digest] = sizes.get(digest, 0) + stored.size
                newest[digest] = max(newest.get(digest, stored.modified), stored.modified)
            for digest, size in sizes.items():
                uri = f"{self._uploads.uri}{folder}/{digest}/"
                yield Thing(kind=UPLOAD, name=f"{folder}/{digest}", arn=uri, created=newest[digest], size=size)

    def _hosted(self) -> Iterator[Thing]:
        sizes: dict[str, int] = {}
        newest: dict[str, datetime] = {}
        for stored in self._uploads.listing(f"{MODELS_FOLDER}/"):
            endpoint = stored.key.removeprefix(f"{MODELS_FOLDER}/").partition("/")[0]
            sizes[endpoint] = sizes.get(endpoint, 0) + stored.size
            newest[endpoint] = max(newest.get(endpoint, stored.modified), stored.modified)
        for endpoint, size in sizes.items():
            uri = f"{self._uploads.uri}{MODELS_FOLDER}/{endpoint}/"
            yield Thing(kind=HOSTED, name=endpoint, arn=uri, created=newest[endpoint], size=size)

    def _variants(self, config: str) -> list[Mapping[str, Any]]:
        found = self._described("describe_endpoint_config", EndpointConfigName=config)
        return [*found.get("ProductionVariants", []), *found.get("ShadowProductionVariants", [])]

    def _described(self, operation: str, **request: Any) -> dict[str, Any]:
        try:
            return getattr(self._sagemaker, operation)(**request)
        except ClientError as error:
            if is_missing(error):  # it went away since the list was made
                return {}
            raise


def _channels(described: Mapping[str, Any]) -> list[str]:
    return [
        channel["DataSource"]["S3DataSource"]["S3Uri"]
        for channel in described.get("InputDataConfig", [])
        if "S3DataSource" in channel.get("DataSource", {})
    ]
