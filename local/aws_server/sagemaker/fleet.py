"""The instances of one deployment of an endpoint: prepared, started, chosen from, drained."""

import math
import random
import secrets
import shutil
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker.endpoint_record import Deployment
from local.aws_server.sagemaker.environments import Environment, EnvironmentsError
from local.aws_server.sagemaker.files import DataError
from local.aws_server.sagemaker.instance import Instance
from local.aws_server.sagemaker.logs import LogStream, log_group
from local.aws_server.sagemaker.model_server import credentials_of, fetch_model, serve_command
from local.aws_server.sagemaker.plane import Plane
from local.aws_server.sagemaker.processes import Command, LogLine

MOST_PROCESSES = 4
"""Processes of one variant, however many instances it asks for: they all share this machine."""
DEFAULT_STARTUP_S = 600
"""How long a container may take to pass the ping health check, unless the variant says otherwise."""


class StartError(Exception):
    """A deployment cannot be started; the message is the endpoint's FailureReason."""


class Variant:
    """A variant: its weight and its instances, of which the first `active` take requests (None: all)."""

    def __init__(self, name: str, weight: float) -> None:
        self.name = name
        self.weight = weight
        self.instances: list[Instance] = []
        self.active: int | None = None
        self.count = 0
        """Instances that were asked for: some of them may share a process."""


class Fleet:
    """Everything that serves one deployment of an endpoint or of an inference component."""

    def __init__(self, plane: Plane, region: str, endpoint: str, deployment: Deployment) -> None:
        self.deployment = deployment
        self.variants = [Variant(name, deployment.weights[name]) for name in deployment.production]
        self.shadows = [Variant(name, deployment.weights[name]) for name in deployment.shadows]
        self._plane = plane
        self._region = region
        self._endpoint = endpoint
        self._changed = threading.Condition()
        self._retired = False
        self._started = False

    @property
    def everything(self) -> list[Variant]:
        """Production and shadow variants."""
        return [*self.variants, *self.shadows]

    @property
    def idle(self) -> bool:
        """Whether it has been started and has no instance."""
        return self._started and not any(variant.instances for variant in self.everything)

    @property
    def retired(self) -> bool:
        """Whether it takes no more requests."""
        return self._retired

    def start(self, counts: Mapping[str, int] | None = None) -> None:
        """Starts every instance and waits until all answer /ping. Raises StartError, with everything stopped again.

        counts: instances by variant, where they are fewer at first than the deployment has.
        """
        try:
            for variant in self.everything:
                self._prepare(variant)
            self._started_all(self.deployment.counts | dict(counts or {}))
            self._started = True
        except StartError:
            self.retire(now=True)
            raise
        except (DataError, ServiceError, EnvironmentsError, OSError) as error:
            self.retire(now=True)
            raise StartError(str(error)) from error

    def scale(self, counts: Mapping[str, int]) -> None:
        """Changes instance counts; new instances are healthy when this returns.

        Raises StartError, with the instances that there were before.
        """
        before = {variant.name: len(variant.instances) for variant in self.everything}
        try:
            self._started_all(counts)
        except (DataError, ServiceError, EnvironmentsError, OSError, StartError) as error:
            for variant in self.everything:
                self._scale(variant, before[variant.name])
            raise StartError(str(error)) from error

    def _started_all(self, counts: Mapping[str, int]) -> None:
        added = {
            variant: self._scale(variant, counts[variant.name]) for variant in self.everything if variant.name in counts
        }
        for variant, instances in added.items():
            for instance in instances:
                self._await(variant, instance)

    def activate(self, variant: Variant, part: int, whole: int) -> None:
        """Only so many of the variant's instances take requests from now on."""
        with self._changed:
            variant.active = None if part >= whole else max(1, math.ceil(len(variant.instances) * part / whole))

    def reweigh(self, weights: dict[str, float]) -> None:
        """Changes the weights of variants."""
        for variant in self.everything:
            variant.weight = weights.get(variant.name, variant.weight)

    def retire(self, *, now: bool = False) -> None:
        """Ends every process; takes no more requests. Call `drain` before."""
        with self._changed:
            self._retired = True
            self._changed.notify_all()
        for variant in self.everything:
            for instance in variant.instances:
                instance.retire(now=now)

    def drain(self, timeout_s: float) -> None:
        """Waits until no caller's request is in flight; nobody waits for an answer of a shadow."""
        with self._changed:
            self._changed.wait_for(
                lambda: not any(each.in_flight for variant in self.variants for each in variant.instances),
                timeout_s,
            )

    def join(self, timeout_s: float) -> None:
        """After `retire`: waits for the processes' end, then removes what they left on disk."""
        until = time.monotonic() + timeout_s
        for variant in self.everything:
            for instance in variant.instances:
                if instance.ident is not None:
                    instance.join(max(0.0, until - time.monotonic()))

    def clear(self) -> None:
        """Removes the deployment's files."""
        shutil.rmtree(self.deployment.folder, ignore_errors=True)

    def variant(self, name: str | None) -> Variant | None:
        """The variant of this name; without a name one by weight."""
        if name is not None:
            return next((each for each in self.variants if each.name == name), None)
        weights = [each.weight for each in self.variants]
        if not any(weights):
            return self.variants[0]
        return random.choices(self.variants, weights)[0]  # noqa: S311 - traffic, not secrets

    @contextmanager
    def instance_of(self, variant: Variant, timeout_s: float) -> Generator[Instance | None, None, None]:
        """The healthy instance with the fewest requests in flight; None where there is none for timeout_s.

        Waiting for one is what makes a restart of a dead process a pause for its callers and not an error.
        """
        until = time.monotonic() + timeout_s
        chosen: Instance | None = None
        with self._changed:
            while not self._retired:
                healthy = [each for each in variant.instances[: variant.active] if each.healthy.is_set()]
                if healthy:
                    chosen = min(healthy, key=lambda each: (each.in_flight, random.random()))  # noqa: S311
                    chosen.in_flight += 1
                    break
                if (self._started and not variant.instances) or time.monotonic() >= until:
                    break
                # Instances do not notify: a healthy one is looked for again in a moment.
                self._changed.wait(0.02)
        try:
            yield chosen
        finally:
            if chosen is not None:
                with self._changed:
                    chosen.in_flight -= 1
                    if not chosen.in_flight:
                        self._changed.notify_all()

    def _folder(self, variant: Variant) -> Path:
        return Path(self.deployment.folder) / variant.name

    def _prepare(self, variant: Variant) -> None:
        """The model's files; those that a server before this one unpacked are used again."""
        container = self.deployment.containers.get(variant.name)
        if container is None:
            return
        folder = self._folder(variant)
        ready = folder / "ready"
        if ready.exists():
            for left in folder.glob("i-*"):
                shutil.rmtree(left, ignore_errors=True)
            return
        shutil.rmtree(folder, ignore_errors=True)
        fetch_model(self._plane, self._region, container, folder)
        ready.touch()

    def _scale(self, variant: Variant, count: int) -> list[Instance]:
        """The instances that it has started."""
        wanted = min(count, MOST_PROCESSES)
        variant.count = count
        with self._changed:
            surplus, variant.instances = variant.instances[wanted:], variant.instances[:wanted]
        for instance in surplus:
            threading.Thread(target=self._drain_one, args=(instance,), daemon=True).start()
        container = self.deployment.containers.get(variant.name)
        if container is None:
            return []
        environment = self._plane.environment_of(container["Image"])
        added: list[Instance] = []
        for number in range(len(variant.instances), wanted):
            instance = self._instance(variant, container, environment)
            if number == 0 and environment.warning:
                self._stream(variant, instance.identity).put(
                    [LogLine(int(time.time() * 1000), False, environment.warning)]
                )
            with self._changed:
                variant.instances = [*variant.instances, instance]
            instance.start()
            added.append(instance)
        return added

    def _drain_one(self, instance: Instance) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not instance.in_flight, 60)
        instance.retire()

    def _stream(self, variant: Variant, identity: str) -> LogStream:
        group = log_group(self._endpoint, self.deployment.component)
        return LogStream(self._plane, self._region, group, f"{variant.name}/{identity}")

    def _instance(self, variant: Variant, container: dict[str, Any], environment: Environment) -> Instance:
        if not environment.serve:
            raise StartError(f"The image {container['Image']} has no `serve` command in environments.yaml.")
        identity = f"i-{secrets.token_hex(9)[:17]}"
        folder = self._folder(variant) / identity
        model = self._folder(variant) / "model"
        credentials = credentials_of(self._plane, self._region, container)

        def command(port: int) -> Command:
            own = {"SM_ENDPOINT_NAME": self._endpoint}
            return serve_command(self._plane, self._region, container, credentials, folder, model, port, own)

        name = f"{self._endpoint}-{variant.name}"
        return Instance(name, identity, folder, command, self._stream(variant, identity))

    def _await(self, variant: Variant, instance: Instance) -> None:
        configured = self.deployment.variant(variant.name).get("ContainerStartupHealthCheckTimeoutInSeconds")
        settled = instance.settled.wait(configured or DEFAULT_STARTUP_S)
        if settled and not instance.failure and not self._retired:
            # It has been healthy. One that has died since then is being started again.
            return
        why = instance.failure or ("it was stopped" if settled else "it did not answer in time")
        raise StartError(
            f"The primary container for production variant {variant.name} did not pass the ping health check. "
            f"Please check CloudWatch logs for this endpoint. The container: {why}"
        )
