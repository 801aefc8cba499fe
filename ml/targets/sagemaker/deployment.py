"""What a deployment is made of: SageMaker model, endpoint configuration and endpoint.

Model and configuration are named by what they are made of, so that the same deployment twice changes nothing.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal

from botocore.exceptions import ClientError

from ml.audit import Line
from ml.environment import Environment
from ml.identity import resource_tags
from ml.images import platform_image
from ml.images.registry import released
from ml.ledger import creating
from ml.names import model_name, protocol_names
from ml.spec.asynchronous import Asynchronous
from ml.spec.autoscale import Autoscale
from ml.spec.model import EndpointInstance
from ml.spec.rollout import MAIN, RollbackOn, Rollout
from ml.spec.rollout_rules import Change, problems
from ml.spec.scale import Scale
from ml.targets.sagemaker import alarms
from ml.targets.sagemaker.alarms import Guarded
from ml.targets.sagemaker.capture_alarm import watch_captures
from ml.targets.sagemaker.capturing import capture_config, capturing_variables
from ml.targets.sagemaker.endpoint_log import keep_for_a_while
from ml.targets.sagemaker.multi_model import MODE, Hosted
from ml.targets.sagemaker.queueing import async_config
from ml.targets.sagemaker.rollout import deployment_config
from ml.targets.sagemaker.training import volume_key, vpc_config
from ml.targets.sagemaker.variants import Layout, Standing, Variant, is_missing, lay_out
from platform_contract import PlatformContract


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be served where.

    job: name of the training job that the model is from. endpoint: its full name, the team's included.
    called: the model's name in the Open Inference Protocol, the job being its version; empty for the server's own.
    expires: how long the endpoint may live before `ml gc` removes it; None for as long as it is wanted.
    image_digest: what images.lock has for the image, None without a lock.
    capture_percent: share of requests and answers to keep; None for none. masked: whether the container keeps them,
        less the personal columns: SageMaker's own capture can leave nothing out.
    package: ARN of the approved model package that says image, variables and files; None for a target that says them.
    scale: copies that come and go, by an inference component; None for machines that stay.
    variant: which of the endpoint's variants it is. weight: percent of the requests for a challenger; None for as many
        as it has. rollout: how it takes over. rollback_on: what takes it back meanwhile; None for nothing.
    asynchronous: that requests wait in a queue and answers go to S3; None for answers at once.
    autoscale: what moves its machines; False for nothing, None leaves what moves them now, if something does.
    models: those of a multi-model endpoint, whose model_data is their prefix; none for an endpoint with one model.
    """

    team: str
    job: str
    model_data: str
    endpoint: str
    instance: EndpointInstance
    image: str | None
    environment: Mapping[str, str]
    called: str = ""
    expires: timedelta | None = None
    package: str | None = None
    image_digest: str | None = None
    capture_percent: float | None = None
    masked: bool = False
    variant: str = MAIN
    weight: float | None = None
    rollout: Rollout = field(default_factory=lambda: Rollout.model_validate({}))
    rollback_on: RollbackOn | None = None
    scale: Scale | None = None
    asynchronous: Asynchronous | None = None
    autoscale: Autoscale | Literal[False] | None = None
    models: tuple[Hosted, ...] = ()


@dataclass(frozen=True)
class Deployment:
    """The parts that one target needs, made where they are missing, each with its ledger entry.

    before: the endpoint as it stands; None where it is to be made.
    """

    environment: Environment
    contract: PlatformContract
    target: Target
    before: Standing | None = None

    @cached_property
    def image(self) -> str:
        """The image that serves, the platform's by its digest. Raises MissingImageError where it is not there."""
        named = self.target.image
        uri = platform_image(named, self.contract) if named else self.contract.registry.serving_image
        if self.target.package:
            return uri  # the package says what serves
        return released(self.environment, self.contract, self.target.team, uri, self.target.image_digest)

    @cached_property
    def variables(self) -> dict[str, str]:
        """The container's environment."""
        region = {"AWS_DEFAULT_REGION": self.contract.platform.region}
        names = protocol_names(self.target.called, self.target.job)
        return {**region, **names, **self.target.environment, **capturing_variables(self.contract, self.target)}

    @cached_property
    def role(self) -> str:
        """The role that the endpoint runs with."""
        return self.contract.teams[self.target.team].execution_role_arn

    @cached_property
    def model(self) -> str:
        """Name of the SageMaker model."""
        if self.target.package:
            return model_name(self.target.job, _digest([self.target.package, self.role]))
        parts = [self.image, self.target.model_data, self.role, self.variables]
        return model_name(self.target.job, _digest(parts))

    @cached_property
    def config(self) -> str:
        """Name of the endpoint configuration."""
        return config_name(self.target, self.model, self.layout)

    @cached_property
    def layout(self) -> Layout:
        """The variants that the endpoint gets."""
        instance, scale = self.target.instance, self.target.scale
        new = Variant(
            name=self.target.variant,
            model="" if scale else self.model,
            instance_type=instance.type,
            count=instance.count,
            weight=1.0,
            scale=(min(1, scale.min), scale.max) if scale else None,
        )
        return lay_out(new, self.before, self.target.weight, autoscale=self.target.autoscale)

    @property
    def problems(self) -> list[str]:
        """Why SageMaker would not roll this out as it is meant; empty where it would."""
        layout, target = self.layout, self.target
        names = sorted(self.before.names | frozenset(self.before.shadows)) if self.before else []
        has = sorted(one.name for one in (*layout.production, *layout.shadows))
        change = Change(
            counts={one.name: one.count for one in layout.expected},
            types=[one.instance_type for one in (*layout.production, *layout.shadows)],
            same_names=layout.first or layout.same_names,
            names=f"the endpoint has {' and '.join(names)}, and would have {' and '.join(has)}",
        )
        return problems(target.rollout, target.rollback_on, change)

    def told(self, *, replaces: str | None) -> dict[str, Any]:
        """The deployment as the audit log tells it. replaces: the configuration that was there, None for the first."""
        target = self.target
        return {
            "job": target.job,
            "model_data": target.model_data,
            "image": self.image,
            "package": target.package,
            "config": self.config,
            "instance_type": target.instance.type,
            "instance_count": target.instance.count,
            "variant": target.variant,
            "variants": {one.name: one.model or self.model for one in (*self.layout.production, *self.layout.shadows)},
            "rollout": target.rollout.strategy.value,
            "replaces": replaces,
            **({"models": {one.name: one.told() for one in target.models}} if target.models else {}),
        }

    def make_parts(self, intent: Line) -> None:
        """Model and configuration, where they are not there. intent: the audit line that they belong to."""
        self.make_model(intent)
        if not self._is_there("DescribeEndpointConfig", EndpointConfigName=self.config):
            # What the entry says is enough to make the configuration again (ml.targets.sagemaker.restoring).
            request = self.config_request()
            self._create("endpoint-config", self.config, intent, "CreateEndpointConfig", request, {"request": request})

    def make_model(self, intent: Line) -> None:
        """The model, where it is not there."""
        if not self._is_there("DescribeModel", ModelName=self.model):
            self._create("model", self.model, intent, "CreateModel", self._model_request())

    def serve(self, intent: Line, status: str | None) -> tuple[str, ...]:
        """The endpoint, with the configuration; returns the names of the alarms that take it back meanwhile.

        status: what it is now, None where it is not there.
        A change of an endpoint opens an entry too: the newest one says how long it may live.
        """
        name, request = self.target.endpoint, {"EndpointName": self.target.endpoint, "EndpointConfigName": self.config}
        keep_for_a_while(self.environment, self.contract, name, self.target.team)
        watch_captures(self.environment, self.contract, self.target)
        if status is None:
            # There is nothing that could take over or be taken back to.
            self._create("endpoint", name, intent, "CreateEndpoint", {**request, "Tags": self._tags(intent)})
            return ()
        names = self._alarms()
        smallest = min(one.count for one in self.layout.expected)
        config = deployment_config(self.target.rollout, smallest, names)
        request |= ({} if self.target.scale else self.layout.retained()) | (
            {"DeploymentConfig": config} if config else {}
        )
        self._create("endpoint", name, intent, "UpdateEndpoint", request)
        return names

    def _alarms(self) -> tuple[str, ...]:
        target = self.target
        if target.rollback_on is None or not target.rollout.guarded:
            return ()
        guarded = Guarded(endpoint=target.endpoint, variant=target.variant, config=self.config)
        return alarms.make(self.environment, self.contract, target.team, target.rollback_on, guarded)

    def _create(
        self,
        kind: str,
        name: str,
        intent: Line,
        operation: str,
        request: dict[str, Any],
        made_of: Mapping[str, Any] | None = None,
    ) -> None:
        target = self.target
        details: dict[str, Any] = {"job": target.job, **(made_of or {})}
        if target.endpoint:
            details["config"] = self.config
        if kind == "endpoint":
            details |= {"instance_type": target.instance.type, "instance_count": target.instance.count}
        with creating(
            self.environment,
            self.contract,
            target.team,
            kind,
            name,
            expires=target.expires,
            details=details,
            head=intent.place,
        ) as creation:
            answer = self._call(operation, request)
            creation.arn = next((str(value) for key, value in answer.items() if key.endswith("Arn")), "")
            creation.told_by(intent)

    def _is_there(self, operation: str, **request: Any) -> bool:
        try:
            self._call(operation, request)
        except ClientError as error:
            if not is_missing(error):
                raise
            return False
        return True

    def _call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
        return getattr(self.environment.clients.client("sagemaker"), method)(**request) or {}

    def _model_request(self) -> dict[str, Any]:
        container: dict[str, Any] = {"ModelPackageName": self.target.package}
        if self.target.package is None:
            container = {"Image": self.image, "ModelDataUrl": self.target.model_data, "Environment": self.variables}
            container |= {"Mode": MODE} if self.target.models else {}
        request: dict[str, Any] = {
            "ModelName": self.model,
            "ExecutionRoleArn": self.role,
            "PrimaryContainer": container,
            "Tags": resource_tags(self.contract, self.target.team),
        }
        if self.contract.training.use_vpc:
            request["VpcConfig"] = vpc_config(self.contract)
        return request

    def config_request(self) -> dict[str, Any]:
        """CreateEndpointConfig's members."""
        layout = self.layout
        request: dict[str, Any] = {
            "EndpointConfigName": self.config,
            "ProductionVariants": [one.request() for one in layout.production],
            "Tags": resource_tags(self.contract, self.target.team),
        }
        if self.target.scale:
            request["ExecutionRoleArn"] = self.role
        if layout.shadows:
            request["ShadowProductionVariants"] = [one.request() for one in layout.shadows]
        keys = {volume_key(self.contract, one.instance_type) or "" for one in (*layout.production, *layout.shadows)}
        # Where one machine takes no key, the configuration may name none.
        if "" not in keys:
            (request["KmsKeyId"],) = keys
        if every := metrics_every(self.target):
            # https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch-enhanced-metrics.html
            request["MetricsConfig"] = {"EnableEnhancedMetrics": True, "MetricPublishFrequencyInSeconds": every}
        request |= async_config(self.contract, self.target)
        return {**request, **capture_config(self.contract, self.target)}

    def _tags(self, intent: Line) -> list[dict[str, str]]:
        return [*resource_tags(self.contract, self.target.team), intent.place.tag()]


def config_name(target: Target, model: str, layout: Layout | None = None) -> str:
    """Name of the configuration that puts this model on these machines, beside the variants that stay."""
    capture = [] if target.capture_percent is None else [target.capture_percent, target.masked]
    parts: list[Any] = ["" if target.scale else model, target.instance.type, target.instance.count, *capture]
    variants = (*layout.production, *layout.shadows) if layout else ()
    if len(variants) > 1 or target.scale:
        parts.append([one.request() for one in variants])
    if every := metrics_every(target):
        parts.append(["metrics", every])
    if target.asynchronous:
        parts.append(["async", target.asynchronous.model_dump()])
    return f"{target.endpoint}-{_digest(parts)}"


def metrics_every(target: Target) -> int | None:
    """Seconds between an endpoint's metrics where its alarms need them more often than each minute; else None."""
    if target.rollback_on is None or target.rollback_on.period >= 60:
        return None
    return 10 if target.rollback_on.period < 30 else 30


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]
