"""The job spec as typed models. The limits are those of SageMaker's CreateTrainingJob where nothing else is said
(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html)."""

import json
import re
from datetime import date
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from ml.spec.asynchronous import Asynchronous
from ml.spec.autoscale import Autoscale, unfit_for_autoscale
from ml.spec.base import MAX_NAMES, Scalar, Seconds, Slug, SpecModel
from ml.spec.capture import Capture
from ml.spec.gates import Gates
from ml.spec.rollout import CHALLENGER, MAIN, RollbackOn, Rollout
from ml.spec.rollout_rules import Change, problems
from ml.spec.scale import Scale, unfit_for_scale
from ml.spec.several import HostedName, Reference, unfit_for_models
from ml.spec.validation import Validation, check_channels
from ml.spec.watch import Watch


class Framework(SpecModel):
    """One of AWS's own training containers."""

    name: Literal["sklearn", "xgboost", "pytorch", "tensorflow"] = Field(description="The framework.")
    version: str = Field(description='Its version as AWS names it, in quotes, such as "1.4-2".')


class Instance(SpecModel):
    """The machines that a job or an endpoint runs on."""

    type: str = Field(default="ml.m5.xlarge", pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$", description="Instance type.")
    count: int = Field(default=1, ge=1, le=100, description="How many.")
    volume_gb: int = Field(default=30, ge=1, le=16384, description="Size of the disk of each, GB. Jobs only.")


class EndpointInstance(SpecModel):
    """The machines that an endpoint runs on."""

    type: str = Field(default="ml.m5.large", pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$", description="Instance type.")
    count: int = Field(default=1, ge=1, le=100, description="How many.")


class Channel(SpecModel):
    """One input of a job, found by the script in SM_CHANNEL_<NAME>.

    Written as text alone, it is the source.
    """

    source: str = Field(
        min_length=1,
        description="s3://bucket/prefix; or a path that starts with ./, ../ or /, which is uploaded; or a path "
        "below the team's data prefix.",
    )
    content_type: str | None = Field(default=None, description="MIME type of the files.")
    mode: Literal["File", "FastFile", "Pipe"] = Field(default="File", description="How the files reach the job.")
    distribution: Literal["FullyReplicated", "ShardedByS3Key"] = Field(
        default="FullyReplicated", description="Whether each machine gets all files or a share."
    )

    @model_validator(mode="before")
    @classmethod
    def _text_is_the_source(cls, value: Any) -> Any:
        return {"source": value} if isinstance(value, str) else value

    @property
    def is_local(self) -> bool:
        """Whether the source is a path on this machine."""
        return self.source.startswith(("./", "../", "/"))


class Spot(SpecModel):
    """Spare capacity at a lower price, which AWS may take back; the job then starts again."""

    max_wait: Seconds = Field(description="Longest time from submission to end, waiting included.")
    checkpoint: bool = Field(default=True, description="Keep /opt/ml/checkpoints between starts.")


class Deployment(SpecModel):
    """The endpoint that `ml deploy` puts the model behind."""

    endpoint: Slug = Field(description="The endpoint's name, without the team's.")
    instance: EndpointInstance = Field(
        default_factory=lambda: EndpointInstance.model_validate({}), description="Machines."
    )
    image: str | None = Field(default=None, description="Image to serve with; the platform's own where not given.")
    environment: dict[str, Scalar] = Field(default_factory=dict, description="Environment variables of the server.")
    capture: Capture | None = Field(
        default=None, description="Keep requests and answers; personal columns of the data are masked in them."
    )
    variant: Literal["main", "challenger", "shadow"] = Field(
        default="main",
        description="main answers alone; a challenger answers `weight` percent of the requests beside what is there "
        "(an A/B test); a shadow gets copies of all requests and answers nobody.",
    )
    weight: float | None = Field(
        default=None, gt=0, lt=100, description="Percent of the requests that a challenger answers."
    )
    rollout: Rollout = Field(
        default_factory=lambda: Rollout.model_validate({}),
        description="How a new version takes over from the one that serves: all-at-once, blue-green, canary, linear or "
        "rolling, by itself or as a mapping.",
    )
    rollback_on: RollbackOn | None = Field(
        default=None, description="What takes a new version back while it takes over."
    )

    scale: Scale | None = Field(
        default=None,
        description="Copies that come and go with the requests, down to none; for endpoints of development: the first "
        "call after an idle time fails, and the endpoint needs minutes to wake up.",
    )

    autoscale: Autoscale | Literal[False] | None = Field(
        default=None,
        description="Machines that come and go with the requests, or by the clock; false ends that, and without it "
        "what moves them stays as it is.",
    )

    asynchronous: Asynchronous | None = Field(
        default=None, alias="async", description="Take requests into a queue, and write the answers to S3."
    )
    models: dict[HostedName, Reference] = Field(
        default_factory=dict,
        description="Several models behind the endpoint, each loaded when it is first asked: name to a training job, "
        "or to NAME/VERSION or NAME@ALIAS of the registry. Deploying again adds, replaces and removes them, and the "
        "endpoint stays as it is.",
    )
    watch: Watch | None = Field(default=None, description="What `ml watch` does with what is captured.")

    @model_validator(mode="after")
    def _check_watched(self) -> "Deployment":
        if self.watch and self.capture is None:
            raise ValueError("watch needs `capture: {}`, so that there is something to look at")
        return self

    @model_validator(mode="after")
    def _check_queued(self) -> "Deployment":
        if self.asynchronous and self.capture:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture.html
            raise ValueError("async takes no `capture`: requests and answers lie in S3 by themselves")
        if self.asynchronous and self.variant != MAIN:
            raise ValueError(f"async has one variant, which answers alone: no {self.variant}")
        if self.asynchronous and self.scale:
            raise ValueError("async and scale are two kinds of endpoints: choose one")
        return self

    @model_validator(mode="after")
    def _check_rollout(self) -> "Deployment":
        if self.weight is not None and self.variant != CHALLENGER:
            raise ValueError("weight is of a challenger; say variant: challenger")
        if unfit := self.unfit(self.variant, self.rollout):
            raise ValueError(unfit)
        change = Change(counts={self.variant: self.instance.count}, types=(self.instance.type,))
        if found := problems(self.rollout, self.rollback_on, change):
            raise ValueError("; ".join(found))
        return self

    def unfit(self, variant: str, rollout: Rollout) -> str:
        """Why its kind of endpoint cannot have a model as this variant, taking over like this; "" where it can.

        The command line may say other ones than the spec.
        """
        captures, queued, count = self.capture is not None, self.asynchronous is not None, self.instance.count
        if self.models and (
            unfit := unfit_for_models(
                variant=variant,
                rollout=rollout,
                guarded=self.rollback_on is not None,
                captures=captures,
                scales=self.scale is not None,
                queued=queued,
            )
        ):
            return unfit
        if self.scale and (unfit := unfit_for_scale(variant, rollout, captures)):
            return unfit
        if self.scale and count != 1:
            return "instance.count: with scale there are as many machines as copies need; leave it out"
        if self.autoscale:
            scales = self.scale is not None
            return unfit_for_autoscale(self.autoscale, variant, count, scales_copies=scales, queued=queued)
        return ""


class JobSpec(SpecModel):
    """A training job of Groundwork."""

    name: Slug = Field(description="What the job is called; each run adds date, time and a random part.")
    team: Slug = Field(description="The team whose role, prefixes and quota the job uses.")
    entry_point: str = Field(min_length=1, description="Script to run (.py or .sh), relative to source_dir.")
    source_dir: str = Field(default=".", description="Folder that is packed and sent, relative to this file.")
    exclude: tuple[str, ...] = Field(default=(), description="Patterns (as in .gitignore) of files to leave out.")
    requirements: str | None = Field(
        default=None, description="A pip requirements file below source_dir that the job installs before it starts."
    )
    image: str | None = Field(
        default=None,
        description="Image URI, or REPOSITORY:TAG in the platform's own registry (training:0.1.0).",
    )
    framework: Framework | None = Field(default=None, description="One of AWS's own containers, instead of image.")
    instance: Instance = Field(default_factory=lambda: Instance.model_validate({}), description="Machines.")
    hyperparameters: dict[str, Any] = Field(
        default_factory=dict,
        max_length=100,
        description="Given to the script as --name value, and as SM_HP_<NAME>; lists and mappings as JSON.",
    )
    environment: dict[str, Scalar] = Field(default_factory=dict, description="Environment variables of the script.")
    inputs: dict[str, Channel] = Field(default_factory=dict, max_length=17, description="Channels by name.")
    metrics: dict[str, str] = Field(
        default_factory=dict,
        max_length=40,
        description="Name to regular expression with one group, searched in each line of the log.",
    )
    max_runtime: Seconds | None = Field(
        default=None, description="Longest run: seconds, or text such as 90m; the platform's limit where not given."
    )
    max_cost: float | None = Field(
        default=None,
        gt=0,
        description="Most that the machines of a run may cost, in US dollars; it is stopped before it passes that.",
    )
    spot: Spot | None = Field(default=None, description="Run on spare capacity.")
    register_as: Slug | None = Field(
        default=None,
        alias="register",
        description="Registered model that a successful run adds a version to.",
    )
    validation: Validation | None = Field(
        default=None, description="Check of the inputs before the job; it trains on what passed and on nothing else."
    )
    gates: Gates | None = Field(default=None, description="What `ml promote` asks of a version, and its model card.")
    deploy: Deployment | None = Field(default=None, description="What `ml deploy` does with the model.")

    @field_validator("hyperparameters")
    @classmethod
    def _check_hyperparameters(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, entry in value.items():
            if len(as_text(entry)) > 2500:
                raise ValueError(f"{name} has more than 2,500 characters; put large values into a file")
        return value

    @field_validator("inputs")
    @classmethod
    def _check_channels(cls, value: dict[str, Channel]) -> dict[str, Channel]:
        for name in value:
            if not re.fullmatch(r"[A-Za-z0-9.\-_]{1,64}", name):
                raise ValueError(f"channel {name!r} may have letters, digits, '.', '-' and '_', 64 at most")
            if name in ("code", "record", "data-validation"):
                raise ValueError(f"channel {name!r} is one that the platform adds; choose another name")
        return value

    @field_validator("metrics")
    @classmethod
    def _check_metrics(cls, value: dict[str, str]) -> dict[str, str]:
        for name, pattern in value.items():
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"{name}: {pattern!r} is not a regular expression: {error}") from error
            if groups != 1:
                raise ValueError(f"{name}: {pattern!r} has {groups} groups; the value is what the one group matches")
        return value

    @model_validator(mode="after")
    def _check_together(self) -> "JobSpec":
        if (self.image is None) == (self.framework is None):
            raise ValueError("give either image or framework (name and version)")
        if len(self.team) + len(self.name) + 1 > MAX_NAMES:
            raise ValueError(
                f"team and name have {len(self.team) + len(self.name)} characters; {MAX_NAMES - 1} are allowed"
            )
        if self.deploy and len(self.team) + len(self.deploy.endpoint) + 1 > MAX_NAMES:
            raise ValueError(f"team and deploy.endpoint may have {MAX_NAMES - 1} characters together")
        if self.gates and self.gates.data not in self.inputs:
            raise ValueError(f"gates.data: there is no input {self.gates.data!r}; there is {', '.join(self.inputs)}")
        if self.validation:
            check_channels(self.validation, {name: channel.mode for name, channel in self.inputs.items()})
        if self.spot and self.max_runtime and self.spot.max_wait < self.max_runtime:
            raise ValueError("spot.max_wait is the whole time, waiting included: it must be max_runtime or longer")
        return self


def as_text(value: Any) -> str:
    """A hyperparameter or variable as the text that the API carries: text and dates as written, all else as JSON."""
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, str) else json.dumps(value, default=str)
