"""A job's data: channels and code in, model, output and checkpoints out."""

import gzip
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker import training_contract as contract
from local.aws_server.sagemaker.files import (
    Bucket,
    DataError,
    download_prefix,
    download_source,
    pack,
    unpack,
    upload_folder,
)
from local.aws_server.sagemaker.plane import s3_location
from local.aws_server.sagemaker.training_record import TrainingRecord

CHECKPOINTS = "/opt/ml/checkpoints"


def download(bucket: Bucket, request: Mapping[str, Any], host: contract.Host, hosts: int) -> None:
    """Everything that a host finds when its container starts. Raises DataError."""
    for channel in request.get("InputDataConfig") or []:
        _download_channel(bucket, channel, host, hosts, request["RoleArn"])
    hyperparameters = contract.decoded_hyperparameters(request)
    if contract.PROGRAM in hyperparameters:
        _download_code(bucket, str(hyperparameters.get(contract.SUBMIT_DIRECTORY, "")), host)
    if checkpoints := request.get("CheckpointConfig"):
        download_prefix(bucket, checkpoints["S3Uri"].rstrip("/") + "/", _checkpoint_folder(request, host))


def _download_channel(bucket: Bucket, channel: Mapping[str, Any], host: contract.Host, hosts: int, role: str) -> None:
    name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
    target = host.ml / contract.CHANNEL_FOLDER / name
    uri = source["S3Uri"]
    try:
        count = download_source(bucket, source, target, host.rank, hosts)
    except ServiceError as error:
        raise DataError(
            f"ClientError: Data download failed:Failed to download data for channel {name} from {uri}: "
            f"{error.code}: {error}"
        ) from error
    if not count:
        raise DataError(
            f'ClientError: Data download failed:No S3 objects found under S3 URL "{uri}" given in input data source. '
            f"Please ensure that the bucket exists in the selected region, that objects exist under that S3 prefix, "
            f'and that the role "{role}" has "s3:ListBucket" permissions on bucket "{s3_location(uri)[0]}".'
        )
    if channel.get("CompressionType") == "Gzip":
        _decompress(target)


def _decompress(folder: Path) -> None:
    for path in [path for path in folder.rglob("*.gz") if path.is_file()]:
        try:
            with gzip.open(path) as source, path.with_suffix("").open("wb") as target:
                shutil.copyfileobj(source, target)
        except OSError as error:
            raise DataError(f"ClientError: {path.name} is not a gzip file: {error}") from error
        path.unlink()


def _download_code(bucket: Bucket, uri: str, host: contract.Host) -> None:
    """Script mode's source: an archive in S3, or a folder that a channel brought."""
    code = host.ml / "code"
    if uri.startswith("s3://"):
        archive = host.folder / "sourcedir.tar.gz"
        try:
            bucket.fetch(uri, archive)
        except DataError as error:
            raise DataError(f"ClientError: The source code could not be downloaded: {error}") from error
        unpack(archive, code)
        archive.unlink()
    elif uri.startswith("/opt/ml/"):
        shutil.copytree(host.ml / uri.removeprefix("/opt/ml/"), code, dirs_exist_ok=True)
    elif uri:
        raise DataError(f"ClientError: sagemaker_submit_directory is neither an S3 URI nor below /opt/ml: {uri}")


def checkpoint_mounts(request: Mapping[str, Any], host: contract.Host) -> list[tuple[str, str]]:
    """The mount for a checkpoint path that is not below /opt/ml."""
    path = _checkpoint_path(request)
    if not request.get("CheckpointConfig") or path.startswith("/opt/ml/"):
        return []
    return [(str(_checkpoint_folder(request, host)), path)]


def _checkpoint_path(request: Mapping[str, Any]) -> str:
    return (request.get("CheckpointConfig") or {}).get("LocalPath") or CHECKPOINTS


def _checkpoint_folder(request: Mapping[str, Any], host: contract.Host) -> Path:
    path = _checkpoint_path(request)
    inside = path.startswith("/opt/ml/")
    folder = host.ml / path.removeprefix("/opt/ml/") if inside else host.folder / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def upload_checkpoints(bucket: Bucket, request: Mapping[str, Any], host: contract.Host, sent: dict[str, int]) -> None:
    """Checkpoints that are new or changed since `sent` (path to modification time), which is kept up to date.

    What was sent and is gone from the folder goes from S3 too
    (https://docs.aws.amazon.com/sagemaker/latest/dg/model-checkpoints.html).
    """
    checkpoints = request.get("CheckpointConfig")
    if not checkpoints:
        return
    folder = _checkpoint_folder(request, host)
    upload_folder(bucket, folder, checkpoints["S3Uri"], known=sent)
    name, prefix = s3_location(checkpoints["S3Uri"])
    for gone in [relative for relative in sent if not (folder / relative).exists()]:
        bucket.call("DeleteObject", {"Bucket": name, "Key": f"{prefix.rstrip('/')}/{gone}".lstrip("/")})
        del sent[gone]


def upload_output(bucket: Bucket, record: TrainingRecord, host: contract.Host, *, with_model: bool) -> None:
    """model.tar.gz and output.tar.gz, or their files one by one where the job asks for no compression."""
    key = record.request["OutputDataConfig"].get("KmsKeyId")
    folders = [("output", host.ml / "output" / "data")] + ([("model", host.ml / "model")] if with_model else [])
    for name, folder in folders:
        uri = f"{record.output_uri()}/{name}"
        try:
            if record.uncompressed:
                upload_folder(bucket, folder, uri, key)
            elif pack(folder, archive := host.folder / f"{name}.tar.gz"):
                bucket.upload(archive, *s3_location(f"{uri}.tar.gz"), key)
        except ServiceError as error:
            raise DataError(f"ClientError: Failed to upload {name} to {uri}: {error.code}: {error}") from error
