"""A processing job's data: inputs from S3 into the container, outputs from the container to S3."""

from collections.abc import Mapping
from typing import Any

from local.aws_server.operations import ServiceError
from local.aws_server.sagemaker import processing_contract as contract
from local.aws_server.sagemaker.files import Bucket, DataError, download_source, upload_folder
from local.aws_server.sagemaker.plane import s3_location
from local.aws_server.sagemaker.training_contract import Host


def download(bucket: Bucket, request: Mapping[str, Any], host: Host, hosts: int) -> None:
    """Everything that a host finds when its container starts. Raises DataError."""
    for each in contract.inputs_of(request):
        _download_input(bucket, each, host, hosts, request["RoleArn"])


def _download_input(bucket: Bucket, each: Mapping[str, Any], host: Host, hosts: int, role: str) -> None:
    source = each["S3Input"]
    uri = source["S3Uri"]
    target = contract.folder_of(host, source["LocalPath"])
    try:
        count = download_source(bucket, source, target, host.rank, hosts)
    except ServiceError as error:
        raise DataError(
            f"ClientError: Failed to download input {each['InputName']} from {uri}: {error.code}: {error}"
        ) from error
    if not count:
        raise DataError(
            f'ClientError: No S3 objects found under S3 URL "{uri}" given in input {each["InputName"]}. '
            f"Please ensure that the bucket exists in the selected region, that objects exist under that S3 prefix, "
            f'and that the role "{role}" has "s3:ListBucket" permissions on bucket "{s3_location(uri)[0]}".'
        )


class Outputs:
    """What a host's container leaves for S3. A file that was sent is sent again only once it has changed."""

    def __init__(self, request: Mapping[str, Any], host: Host) -> None:
        self._host = host
        self._key = (request.get("ProcessingOutputConfig") or {}).get("KmsKeyId")
        self._outputs = contract.outputs_of(request)
        self._sent: dict[str, dict[str, int]] = {each["OutputName"]: {} for each in self._outputs}

    def upload(self, bucket: Bucket, *, completed: bool) -> None:
        """Outputs whose mode is Continuous; once the job has completed, those of mode EndOfJob too. Raises DataError.

        Of a job that fails or is stopped only what is Continuous gets to S3.
        """
        for each in self._outputs:
            target = each["S3Output"]
            if not completed and target["S3UploadMode"] != "Continuous":
                continue
            folder = contract.folder_of(self._host, target["LocalPath"])
            try:
                known = self._sent[each["OutputName"]]
                upload_folder(bucket, folder, target["S3Uri"], self._key, known, follow_links=False)
            except ServiceError as error:
                raise DataError(
                    f"ClientError: Failed to upload output {each['OutputName']} to {target['S3Uri']}: "
                    f"{error.code}: {error}"
                ) from error

    @property
    def continuous(self) -> bool:
        """Whether anything is uploaded while the container runs."""
        return any(each["S3Output"]["S3UploadMode"] == "Continuous" for each in self._outputs)
