"""The models of a multi-model endpoint: archives below one S3 prefix of its team, each in the folder of its name.

A new version lies under a new key, and the old one goes: SageMaker may still have loaded what lay under the old key
(https://docs.aws.amazon.com/sagemaker/latest/dg/add-models-to-endpoint.html). The endpoint itself never changes for it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml.aws import error_details
from ml.errors import MlError, NotFoundError
from ml.names import job_of, model_name
from ml.objects import copy_object, remove_objects
from ml.targets.sagemaker.comparison import Difference
from ml.write_once import Stored, WriteOnce
from platform_contract import PlatformContract

FOLDER = "multi-model"
"""Under the team's artifact prefix; below it ENDPOINT/NAME/JOB-DIGEST.tar.gz."""
MODE = "MultiModel"
SUFFIX = ".tar.gz"
NO_TARGET = "missing a target model header"
"""Of InvokeEndpoint's message where a call does not say which model it is for
(https://github.com/aws/sagemaker-tensorflow-serving-container/issues/166)."""


@dataclass(frozen=True, kw_only=True)
class Hosted:
    """One of the models. name: as callers call it. job: the training job that it is from. model_data: its archive."""

    name: str
    job: str
    model_data: str

    @property
    def key(self) -> str:
        """Its key below the endpoint's prefix: what InvokeEndpoint calls TargetModel."""
        digest = hashlib.sha256(self.model_data.encode()).hexdigest()[:8]
        return f"{self.name}/{model_name(self.job, digest)}{SUFFIX}"

    def told(self) -> dict[str, str]:
        """The model as the audit log tells it."""
        return {"job": self.job, "model_data": self.model_data, "target_model": self.key}


def job_name(endpoint: str) -> str:
    """What stands for the training job in the name of a multi-model endpoint's SageMaker model. No job has such a name:
    theirs end with a date, a time and a random part."""
    return f"{endpoint}-models"


def has_several(endpoint: str, models: Iterable[str]) -> bool:
    """Whether an endpoint is a multi-model one, by the names of its SageMaker models."""
    return any(job_of(model) == job_name(endpoint) for model in models)


def prefix_of(contract: PlatformContract, team: str, endpoint: str) -> str:
    """The S3 prefix of an endpoint's models, with a slash at its end. endpoint: its full name."""
    return f"{contract.teams[team].artifact_uri}/{FOLDER}/{endpoint}/"


class Prefix:
    """An endpoint's models in S3. uri: as prefix_of has it."""

    def __init__(self, s3: Any, uri: str):
        self._s3 = s3
        self._bucket, _, self._prefix = uri.removeprefix("s3://").partition("/")
        self._store = WriteOnce(s3, uri.rstrip("/"))

    def there(self) -> dict[str, Stored]:
        """The newest archive of each model that is there, by the model's name."""
        found: dict[str, Stored] = {}
        for stored in self._store.listing():
            name = stored.key.partition("/")[0]
            if name not in found or stored.modified >= found[name].modified:
                found[name] = stored
        return found

    def keys(self) -> set[str]:
        """The archives that are there, by their keys below the prefix."""
        return {stored.key for stored in self._store.listing()}

    def holds(self, models: Iterable[Hosted]) -> bool:
        """Whether these models are there, and nothing else."""
        return self.keys() == {one.key for one in models}

    def add(self, models: Iterable[Hosted]) -> None:
        """Copy there what is not there yet. Raises MlError for a model that cannot be copied."""
        there = self.keys()
        for model in models:
            if model.key not in there:
                copy_object(self._s3, model.model_data, f"s3://{self._bucket}/{self._prefix}{model.key}")

    def keep(self, models: Sequence[Hosted]) -> tuple[str, ...]:
        """Take away all but these models, also their earlier versions; names of the models that went.

        Raises MlError for an archive that S3 keeps.
        """
        there = self.keys()
        self._remove(there - {one.key for one in models})
        return tuple(sorted({key.partition("/")[0] for key in there} - {one.name for one in models}))

    def clear(self) -> None:
        """Take everything away; nothing where nothing is. Raises MlError for an archive that S3 keeps."""
        self._remove(self.keys())

    def _remove(self, keys: Iterable[str]) -> None:
        remove_objects(self._s3, self._bucket, [f"{self._prefix}{key}" for key in keys])

    def differences(self, models: Iterable[Hosted]) -> list[Difference]:
        """What of the models is other than wanted."""
        wanted = {one.name: one.key for one in models}
        actual = {name: stored.key for name, stored in self.there().items()}
        return [
            Difference(what=f"model {name}", wanted=wanted.get(name, "none"), actual=actual.get(name, "none"))
            for name in sorted(wanted.keys() | actual.keys())
            if wanted.get(name) != actual.get(name)
        ]


def hosted_by(clients: Any, models: Iterable[str]) -> dict[str, Stored]:
    """The models of a multi-model endpoint by name, as S3 has them; none of another endpoint.

    models: names of the endpoint's SageMaker models.
    """
    for model in models:
        if not model:
            continue
        described: dict[str, Any] = clients.client("sagemaker").describe_model(ModelName=model)
        container: Mapping[str, Any] = described.get("PrimaryContainer") or {}
        if container.get("Mode") == MODE:
            return Prefix(clients.client("s3"), str(container["ModelDataUrl"])).there()
    return {}


def job_behind(key: str) -> str:
    """The training job that an archive is from, by its key."""
    return job_of(key.rpartition("/")[2].removesuffix(SUFFIX))


def jobs_of(clients: Any, endpoint: str, models: Sequence[str]) -> tuple[str, ...]:
    """The training jobs that an endpoint's models are from, also of a multi-model one."""
    if not has_several(endpoint, models):
        return tuple(job_of(model) for model in models)
    return tuple(dict.fromkeys(job_behind(one.key) for one in hosted_by(clients, models).values()))


def target_of(clients: Any, endpoint: str, models: Iterable[str], name: str) -> str:
    """TargetModel of one of an endpoint's models. Raises MlError of an endpoint with one model, NotFoundError where the
    model is not among those of a multi-model one."""
    found = hosted_by(clients, models)
    if not found and not has_several(endpoint, models):
        raise MlError(f"{endpoint} has one model: leave out --model.")
    if name not in found:
        raise NotFoundError(f"{endpoint} has no model {name!r}; it has {', '.join(sorted(found)) or 'none'}.")
    return found[name].key


def explained(endpoint: str, error: Any) -> MlError | None:
    """What InvokeEndpoint's refusal means, where it is about the model; else None."""
    code, message = error_details(error)
    if NO_TARGET in message:
        return MlError(f"{endpoint} has several models: say --model NAME (ml status {endpoint} names them).")
    if code == "ModelNotReadyException":
        # https://docs.aws.amazon.com/sagemaker/latest/dg/invoke-multi-model-endpoint.html
        return MlError(f"{endpoint} still loads the model, which takes up to 6 minutes at its first call: ask again.")
    return None
