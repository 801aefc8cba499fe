"""Which trained model a command is to serve: a run's, or a version's in the registry."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.environment import Environment
from ml.errors import MlError, NotFoundError, SpecError
from ml.spec import JobSpec
from ml.spec.several import is_registered
from ml.targets.sagemaker import jobs
from ml.targets.sagemaker.multi_model import Hosted
from platform_contract import PlatformContract


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A trained model. job: the run that it is from. package: ARN of the approved package; None where none is asked.
    name: of the registered model; empty where a run was chosen."""

    job: str
    model_data: str
    package: str | None = None
    name: str = ""


def choose(
    environment: Environment,
    contract: PlatformContract,
    owner: str,
    spec: JobSpec | None,
    job: str | None,
    model: str | None,
) -> Chosen:
    """The model of `job`, of `model` (NAME/VERSION), or of the newest completed run of a spec.

    Where the environment serves approved models alone, it is a version of the registry. Raises MlError.
    """
    if contract.registry.approval_required:
        model = _registered(contract, spec, job, model)
    if model is None:
        sagemaker = environment.clients.client("sagemaker")
        name, model_data = _trained(sagemaker, job, f"{owner}-{spec.name}" if spec else "")
        return Chosen(job=name, model_data=model_data)
    from ml.tracking import model_version

    version = model_version(environment, contract.tracking.uri, model)
    if not version.job or not version.model_data:
        raise MlError(f"Model {version.name} version {version.version} does not say which job it is from.")
    if not contract.registry.approval_required:
        return Chosen(job=version.job, model_data=version.model_data, name=version.name)
    from ml.registry.approval import approved_package

    package = approved_package(environment, contract, owner, version)
    return Chosen(job=version.job, model_data=package.model_data, package=package.arn, name=version.name)


def choose_several(
    environment: Environment,
    contract: PlatformContract,
    owner: str,
    models: Mapping[str, str],
    job: str | None,
    model: str | None,
) -> tuple[Hosted, ...]:
    """The models of a multi-model endpoint by their references, in the order of their names. Raises MlError.

    job, model: what the command names beside the spec, which nothing could be done with.
    """
    if job or model:
        raise SpecError("deploy.models says what is deployed: leave out --job and --model.")
    if contract.registry.approval_required:
        raise MlError(
            f"{contract.platform.environment} serves approved models alone, and a multi-model endpoint takes whatever "
            "lies below its prefix: give each approved model an endpoint of its own."
        )
    found: list[Hosted] = []
    for name, reference in sorted(models.items()):
        version = is_registered(reference)
        try:
            chosen = choose(
                environment, contract, owner, None, None if version else reference, reference if version else None
            )
        except MlError as error:
            raise type(error)(f"deploy.models.{name}: {error}") from error
        found.append(Hosted(name=name, job=chosen.job, model_data=chosen.model_data))
    return tuple(found)


def _registered(contract: PlatformContract, spec: JobSpec | None, job: str | None, model: str | None) -> str:
    """The version to deploy where approval is required: the one named, or the champion. Raises MlError without one."""
    if job is None and (model or (spec and spec.register_as)):
        return model or f"{spec.register_as if spec else ''}@champion"
    where = contract.platform.environment
    raise MlError(f"{where} serves approved models alone: say --model NAME/VERSION, of which `ml promote` makes one.")


def locked(
    environment: Environment, contract: PlatformContract, spec_file: Path | None, image: str | None
) -> str | None:
    """Digest that the images.lock beside a spec has for the image that serves."""
    from ml.images.lock import locked_digest
    from ml.images.registry import purpose_of
    from ml.images.uris import platform_image

    if spec_file is None:
        return None
    uri = platform_image(image, contract) if image else contract.registry.serving_image
    place = purpose_of(contract, uri)
    return locked_digest(spec_file.parent, environment.name, ":".join(place)) if place else None


def _trained(sagemaker: Any, job: str | None, stem: str) -> tuple[str, str]:
    """Name and model.tar.gz of a job, or of the newest completed run of `stem`."""
    if job is None:
        job = jobs.newest_run(sagemaker, stem, status="Completed")
        if job is None:
            raise NotFoundError(f"No run of {stem} has completed: `ml train` it first, or say --job NAME.")
        state = jobs.describe(sagemaker, job)
    else:
        state = jobs.find(sagemaker, job)
    if state.model_data is None:
        raise MlError(f"{state.name} has no model to deploy: it is {state.status}.")
    return state.name, state.model_data
