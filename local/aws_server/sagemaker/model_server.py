"""A model's server as SageMaker hosts it: its files, the credentials of its role, its command."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.aws_server.sagemaker.files import Bucket, DataError, download_prefix, unpack
from local.aws_server.sagemaker.plane import Credentials, Plane
from local.aws_server.sagemaker.processes import Command, namespace_kind


def credentials_of(plane: Plane, region: str, container: Mapping[str, Any]) -> Credentials | None:
    """Of the model's execution role; None for a model without one."""
    role = container.get("ExecutionRoleArn")
    return plane.assume(role, region) if role else None


MODELS = "models"
"""Folder of a variant that has the models of a multi-model endpoint."""


def models_root(models: Path) -> str:
    """Where a container sees that folder."""
    return "/opt/ml/models" if namespace_kind() != "none" else str(models)


def fetch_archive(plane: Plane, region: str, container: Mapping[str, Any], uri: str, folder: Path) -> None:
    """A tar.gz, with the role of its model, into a new folder. Raises DataError."""
    folder.mkdir(parents=True)
    credentials = credentials_of(plane, region, container)
    archive = folder.with_name(f"{folder.name}.tar.gz")
    Bucket(plane, region, credentials.access_key_id if credentials else None).fetch(uri, archive)
    unpack(archive, folder)
    archive.unlink()


def fetch_model(plane: Plane, region: str, container: Mapping[str, Any], folder: Path) -> None:
    """The model's files into `folder/model`. Raises DataError where there are none."""
    target = folder / "model"
    target.mkdir(parents=True)
    if container.get("Mode") == "MultiModel":
        (folder / MODELS).mkdir()
        return
    credentials = credentials_of(plane, region, container)
    bucket = Bucket(plane, region, credentials.access_key_id if credentials else None)
    source = (container.get("ModelDataSource") or {}).get("S3DataSource")
    if source and source["CompressionType"] == "None":
        uri = source["S3Uri"]
        if not download_prefix(bucket, uri, target):
            raise DataError(f"Could not find model data at {uri}.")
    elif uri := (source or {}).get("S3Uri") or container.get("ModelDataUrl"):
        archive = folder / "model.tar.gz"
        try:
            bucket.fetch(uri, archive)
        except DataError as error:
            raise DataError(f"Could not find model data at {uri}.") from error
        unpack(archive, target)
        archive.unlink()


def serve_command(
    plane: Plane,
    region: str,
    container: Mapping[str, Any],
    credentials: Credentials | None,
    folder: Path,
    model: Path,
    port: int,
    variables: Mapping[str, str],
) -> Command:
    """What serves a model on a port. folder: the instance's own. model: the files. variables: besides the contract's.

    The model's own Environment wins over everything.
    """
    environment = plane.environment_of(container["Image"])
    isolated = namespace_kind() != "none"
    root = "/opt/ml" if isolated else str(folder / "ml")
    (folder / "ml" / "model").mkdir(parents=True, exist_ok=True)
    own = plane.base_variables(environment.python, region, credentials, folder / "home")
    own |= {
        "SAGEMAKER_BIND_TO_PORT": str(port),
        "SAGEMAKER_SAFE_PORT_RANGE": "21000-21999",
        "SAGEMAKER_REGION": region,
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
        "SM_MODEL_DIR": f"{root}/model" if isolated else str(model),
        **variables,
        **(container.get("Environment") or {}),
    }
    if not isolated:
        own["SAGEMAKER_BASE_DIR"] = root
    mounts = [(str(folder / "ml"), root), (str(model), f"{root}/model")]
    if container.get("Mode") == "MultiModel":
        # What the inference toolkits and Triton's `serve` look for.
        own["SAGEMAKER_MULTI_MODEL"] = "true"
        (folder / "ml" / MODELS).mkdir(exist_ok=True)
        mounts.append((str(model.with_name(MODELS)), f"{root}/{MODELS}"))
    return Command(
        argv=environment.serve,
        environment=own,
        cwd=root,
        mounts=mounts if isolated else [],
        grace_s=15.0,
        dies_with_server=True,
    )
