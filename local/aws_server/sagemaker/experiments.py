"""Shadow tests (inference experiments): records, and what moves them on.

An experiment puts its shadow variant on its endpoint with an endpoint configuration of its own, and takes it off at its
end, or earlier as StopInferenceExperiment says. Everything is in the records: a server that was killed goes on.
https://docs.aws.amazon.com/sagemaker/latest/dg/shadow-tests.html
"""

import copy
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.aws_server.looks import looks_each
from local.aws_server.operations import Server, ServiceError
from local.aws_server.sagemaker import endpoint_record
from local.aws_server.sagemaker.models import endpoint_config
from local.aws_server.sagemaker.plane import now

logger = logging.getLogger(__name__)

KIND = "sagemaker:inference-experiment"
DEFAULT_DURATION = timedelta(days=7)
"""Without an EndTime: CreateInferenceExperiment's Schedule says so."""
OVER = ("Completed", "Cancelled")
TICK_S = 0.5
KEPT_FROM_ENDPOINT = ("DataCaptureConfig", "MetricsConfig", "KmsKeyId")


@dataclass
class Experiment:
    """One experiment. config: the endpoint configuration that it waits for; before: that of the endpoint at its start.

    variants: its ModelVariants by name. actions: what StopInferenceExperiment asked for, by variant. desired: the
    status that it ends in.
    """

    request: dict[str, Any]
    region: str
    arn: str
    created: datetime
    modified: datetime
    start: datetime
    end: datetime
    status: str = "Created"
    reason: str = ""
    completed: datetime | None = None
    before: str = ""
    config: str = ""
    variants: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    actions: dict[str, str] = field(default_factory=dict[str, str])
    desired: str = "Completed"

    @property
    def key(self) -> str:
        """Key among the records."""
        return f"{self.region}/{self.request['Name']}"

    @property
    def source(self) -> str:
        """Name of the production variant."""
        return self.request["ShadowModeConfig"]["SourceModelVariantName"]

    @property
    def shadow(self) -> str:
        """Name of the shadow variant."""
        return self.request["ShadowModeConfig"]["ShadowModelVariants"][0]["ShadowModelVariantName"]

    @property
    def endpoint(self) -> str:
        """Key of the endpoint's record."""
        return f"{self.region}/{self.request['EndpointName']}"

    def enter(self, status: str, reason: str = "") -> None:
        """Moves to a status."""
        self.status, self.modified = status, now()
        self.reason = reason or self.reason
        if status in OVER:
            self.completed = self.modified


def load(server: Server, key: str) -> Experiment | None:
    """A copy of an experiment."""
    return copy.deepcopy(server.records.get(KIND, key))


def save(server: Server, experiment: Experiment) -> None:
    """Once this returns, the experiment survives this process."""
    server.records.put(KIND, experiment.key, experiment)


def endpoint_of(server: Server, experiment: Experiment) -> endpoint_record.EndpointRecord | None:
    """The experiment's endpoint."""
    return server.records.get(endpoint_record.KIND, experiment.endpoint)


@looks_each(TICK_S, "inference experiments")
def look(server: Server) -> None:
    """Moves on every experiment that is not over."""
    for key, experiment in server.records.items(KIND):
        if experiment.status not in OVER:
            _tick(server, key)


def _tick(server: Server, key: str) -> None:
    with server.records.lock:
        experiment = load(server, key)
        if experiment is None:
            return
        was = experiment.status, experiment.config
        try:
            advance(server, experiment)
        except ServiceError as error:
            experiment.enter("Cancelled", f"{error.code}: {error.message}")
        except Exception:
            logger.exception("inference experiment %s", key)
            return
        if (experiment.status, experiment.config) != was:
            save(server, experiment)


def advance(server: Server, experiment: Experiment) -> None:
    """Whatever is due now. Raises ServiceError where the endpoint refuses it."""
    endpoint = endpoint_of(server, experiment)
    if endpoint is None or endpoint.deployment is None:
        experiment.enter("Cancelled", f"The endpoint {experiment.request['EndpointName']} is gone.")
        return
    if endpoint.status in endpoint_record.BUSY:
        return
    serving = endpoint.deployment.config["EndpointConfigName"]
    if experiment.status == "Created" and now() >= experiment.start:
        experiment.before = serving
        _deploy(server, experiment, "Starting", _with_shadow(experiment, endpoint))
    elif experiment.status in ("Starting", "Updating"):
        if serving == experiment.config:
            experiment.enter("Running")
        elif experiment.status == "Updating":
            experiment.enter("Running", endpoint.failure)
        else:
            experiment.enter("Cancelled", endpoint.failure or f"The endpoint has been updated to {serving}.")
    elif experiment.status == "Stopping":
        if serving == experiment.config:
            experiment.enter(experiment.desired)
        else:
            experiment.enter("Cancelled", endpoint.failure or f"The endpoint has been updated to {serving}.")
    elif experiment.status == "Running" and now() >= experiment.end:
        stop_experiment(server, experiment, {experiment.source: "Retain", experiment.shadow: "Remove"})


def stop_experiment(server: Server, experiment: Experiment, actions: Mapping[str, str]) -> None:
    """Leaves on the endpoint what the actions say. Raises ServiceError where the endpoint refuses it."""
    experiment.actions = dict(actions)
    endpoint = endpoint_of(server, experiment)
    assert endpoint is not None
    assert endpoint.deployment is not None
    if actions.get(experiment.shadow, "Remove") == "Retain":
        experiment.enter(experiment.desired)
        return
    promoted = actions.get(experiment.shadow) == "Promote"
    kept = experiment.shadow if promoted else experiment.source
    config = _base(server, experiment, endpoint) | {"ProductionVariants": [_variant(experiment, endpoint, kept, 1.0)]}
    _deploy(server, experiment, "Stopping", config)


def update_experiment(server: Server, experiment: Experiment) -> None:
    """Brings a running experiment's variants and sample to the endpoint."""
    endpoint = endpoint_of(server, experiment)
    assert endpoint is not None
    _deploy(server, experiment, "Updating", _with_shadow(experiment, endpoint))


def _deploy(server: Server, experiment: Experiment, status: str, config: Mapping[str, Any]) -> None:
    """Updates the endpoint with a new endpoint configuration."""
    name = f"{experiment.request['Name'][:50]}-{secrets.token_hex(6)}"
    call = {"region": experiment.region}
    server.call("sagemaker", "CreateEndpointConfig", {**config, "EndpointConfigName": name}, **call)
    request = {"EndpointName": experiment.request["EndpointName"], "EndpointConfigName": name}
    server.call("sagemaker", "UpdateEndpoint", request, **call)
    experiment.config = name
    experiment.enter(status)


def _with_shadow(experiment: Experiment, endpoint: endpoint_record.EndpointRecord) -> dict[str, Any]:
    assert endpoint.deployment is not None
    sample = experiment.request["ShadowModeConfig"]["ShadowModelVariants"][0]["SamplingPercentage"]
    current = endpoint.deployment.config
    config = {name: current[name] for name in KEPT_FROM_ENDPOINT if name in current}
    if storage := experiment.request.get("DataStorageConfig"):
        config["DataCaptureConfig"] = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": storage["Destination"],
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            **({"KmsKeyId": storage["KmsKey"]} if "KmsKey" in storage else {}),
            **({"CaptureContentTypeHeader": storage["ContentType"]} if "ContentType" in storage else {}),
        }
    return config | {
        "ProductionVariants": [_variant(experiment, endpoint, experiment.source, 1.0)],
        "ShadowProductionVariants": [_variant(experiment, endpoint, experiment.shadow, sample / 100)],
    }


def _base(server: Server, experiment: Experiment, endpoint: endpoint_record.EndpointRecord) -> dict[str, Any]:
    """What the endpoint captured and measured before the experiment."""
    assert endpoint.deployment is not None
    before = endpoint_config(server, experiment.region, experiment.before) or endpoint.deployment.config
    return {name: before[name] for name in KEPT_FROM_ENDPOINT if name in before}


def _variant(
    experiment: Experiment, endpoint: endpoint_record.EndpointRecord, name: str, weight: float
) -> dict[str, Any]:
    """A variant as the experiment describes it, else as the endpoint has it."""
    described = experiment.variants.get(name)
    if described is None:
        assert endpoint.deployment is not None
        return {**endpoint.deployment.variant(name), "InitialVariantWeight": weight}
    machines = described["InfrastructureConfig"]["RealTimeInferenceConfig"]
    return {
        "VariantName": name,
        "ModelName": described["ModelName"],
        "InstanceType": machines["InstanceType"],
        "InitialInstanceCount": machines["InstanceCount"],
        "InitialVariantWeight": weight,
    }
