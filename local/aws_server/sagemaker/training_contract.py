"""What a training container finds: the files under /opt/ml and the SM_* variables.

Sources: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html for the
files, https://github.com/aws/sagemaker-training-toolkit/blob/master/ENVIRONMENT_VARIABLES.md for the variables, and the
container drivers of the SageMaker SDK 3 for those that only they set. The union of all is provided.
"""

import functools
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHANNEL_FOLDER = "input/data"
MASTER_PORT = 7777
PROGRAM, SUBMIT_DIRECTORY = "sagemaker_program", "sagemaker_submit_directory"


@dataclass(frozen=True)
class Host:
    """One of a job's hosts: its folder on this machine and its name inside the job.

    root: what the container sees as /opt/ml: this path itself, or `folder/ml` where mount namespaces are not allowed.
    """

    name: str
    rank: int
    folder: Path
    root: str

    @property
    def ml(self) -> Path:
        """The folder that is /opt/ml for the container."""
        return self.folder / "ml"

    @property
    def run_dir(self) -> Path:
        """The shim's files."""
        return self.folder / "run"

    @property
    def home(self) -> Path:
        """HOME of the container, and TMPDIR under it."""
        return self.folder / "home"


def host_names(count: int) -> list[str]:
    """algo-1, algo-2, …"""
    return [f"algo-{number}" for number in range(1, count + 1)]


def hosts_file(job_key: str, names: Sequence[str]) -> str:
    """/etc/hosts of a job: every host has a loopback address that no other job has, so that ports do not collide."""
    digest = zlib.crc32(job_key.encode())
    second, third = 64 + digest % 128, digest // 128 % 256
    own = [f"127.{second}.{third}.{number} {name}" for number, name in enumerate(names, start=1)]
    try:
        machine = Path("/etc/hosts").read_text()
    except OSError:
        machine = "127.0.0.1 localhost\n"
    return machine.rstrip("\n") + "\n" + "\n".join(own) + "\n"


def make_folders(host: Host, channels: Sequence[str]) -> None:
    """The empty folders of the contract."""
    for name in ("input/config", CHANNEL_FOLDER, "model", "output/data", "output/intermediate", "checkpoints", "code"):
        (host.ml / name).mkdir(parents=True, exist_ok=True)
    for channel in channels:
        (host.ml / CHANNEL_FOLDER / channel).mkdir(exist_ok=True)
    host.home.mkdir(exist_ok=True)


def write_configuration(host: Host, request: Mapping[str, Any], names: Sequence[str]) -> None:
    """hyperparameters.json, resourceconfig.json and inputdataconfig.json."""
    documents = {
        "hyperparameters.json": request.get("HyperParameters") or {},
        "resourceconfig.json": resource_config(host, request, names),
        "inputdataconfig.json": input_data_config(request),
    }
    for name, document in documents.items():
        (host.ml / "input/config" / name).write_text(json.dumps(document))


def resource_config(host: Host, request: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The content of resourceconfig.json."""
    instance_type = instance_of(request)[0]
    return {
        "current_host": host.name,
        "current_instance_type": instance_type,
        "current_group_name": "homogeneousCluster",
        "hosts": list(names),
        "instance_groups": [
            {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": list(names)}
        ],
        # The loopback interface has every address of the job's hosts.
        "network_interface_name": "lo",
    }


def instance_of(request: Mapping[str, Any]) -> tuple[str, int]:
    """Instance type and count that a job asks for."""
    resources = request.get("ResourceConfig") or {}
    groups = resources.get("InstanceGroups") or []
    if groups:
        return groups[0]["InstanceType"], sum(int(group["InstanceCount"]) for group in groups)
    return resources.get("InstanceType", "ml.m5.large"), int(resources.get("InstanceCount", 1))


def input_data_config(request: Mapping[str, Any]) -> dict[str, Any]:
    """The content of inputdataconfig.json."""
    mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    return {
        channel["ChannelName"]: {
            "TrainingInputMode": channel.get("InputMode", mode),
            "S3DistributionType": channel["DataSource"]
            .get("S3DataSource", {})
            .get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            **{
                key: channel[key]
                for key in ("ContentType", "CompressionType")
                if channel.get(key) not in (None, "", "None")
            },
        }
        for channel in request.get("InputDataConfig") or []
    }


def decoded_hyperparameters(request: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters as the training toolkit reads them: JSON where a value is JSON, the text itself where not."""
    decoded: dict[str, Any] = {}
    for name, value in (request.get("HyperParameters") or {}).items():
        try:
            decoded[name] = json.loads(value)
        except ValueError:
            decoded[name] = value
    return decoded


def command_arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """Hyperparameters as a script's arguments: `--name value`, `-n value` for a name of one letter."""
    arguments: list[str] = []
    for name in sorted(hyperparameters):
        if not name.startswith("sagemaker_"):
            arguments += [f"-{name}" if len(name) == 1 else f"--{name}", as_text(hyperparameters[name])]
    return arguments


def as_text(value: Any) -> str:
    """A decoded hyperparameter as a variable or argument has it."""
    return value if isinstance(value, str) else json.dumps(value)


def script_command(python: str, program: str, arguments: Sequence[str]) -> list[str]:
    """How script mode runs an entry point: by its suffix a Python script, a shell script, else a Python module."""
    if program.endswith(".py"):
        return [python, program, *arguments]
    if program.endswith(".sh"):
        return ["/bin/sh", "-c", 'exec "./$0" "$@"', program, *arguments]
    return [python, "-m", program, *arguments]


def variables(host: Host, request: Mapping[str, Any], names: Sequence[str], job_arn: str) -> dict[str, str]:
    """The SM_* variables, TRAINING_JOB_NAME and TRAINING_JOB_ARN."""
    decoded = decoded_hyperparameters(request)
    own = {name: value for name, value in decoded.items() if not name.startswith("sagemaker_")}
    framework = {name: value for name, value in decoded.items() if name.startswith("sagemaker_")}
    channels = [channel["ChannelName"] for channel in request.get("InputDataConfig") or []]
    resources = resource_config(host, request, names)
    arguments = command_arguments(decoded)
    root = host.root
    program = str(framework.get(PROGRAM, ""))
    instance_type, count = instance_of(request)
    gpus = gpu_count()
    values: dict[str, Any] = {
        "SM_MODEL_DIR": f"{root}/model",
        "SM_INPUT_DIR": f"{root}/input",
        "SM_INPUT_CONFIG_DIR": f"{root}/input/config",
        "SM_INPUT_DATA_DIR": f"{root}/{CHANNEL_FOLDER}",
        "SM_OUTPUT_DIR": f"{root}/output",
        "SM_OUTPUT_DATA_DIR": f"{root}/output/data",
        "SM_OUTPUT_INTERMEDIATE_DIR": f"{root}/output/intermediate",
        "SM_OUTPUT_FAILURE": f"{root}/output/failure",
        "SM_SOURCE_DIR": f"{root}/code" if program else f"{root}/{CHANNEL_FOLDER}/code",
        "SM_MODULE_DIR": str(framework.get(SUBMIT_DIRECTORY, f"{root}/code")),
        "SM_MODULE_NAME": program.removesuffix(".py"),
        "SM_USER_ENTRY_POINT": program,
        "SM_ENTRY_SCRIPT": program,
        "SM_FRAMEWORK_MODULE": "",
        "SM_FRAMEWORK_PARAMS": framework,
        "SM_HPS": own,
        "SM_USER_ARGS": arguments,
        "SM_CHANNELS": sorted(channels),
        "SM_HOSTS": list(names),
        "SM_CURRENT_HOST": host.name,
        "SM_CURRENT_HOST_RANK": host.rank,
        "SM_HOST_COUNT": len(names),
        "SM_CURRENT_INSTANCE_TYPE": instance_type,
        "SM_CURRENT_INSTANCE_GROUP": "homogeneousCluster",
        "SM_INSTANCE_COUNT": count,
        "SM_MASTER_ADDR": names[0],
        "SM_MASTER_PORT": MASTER_PORT,
        "SM_NETWORK_INTERFACE_NAME": "lo",
        "SM_NUM_CPUS": os.cpu_count() or 1,
        "SM_NUM_GPUS": gpus,
        "SM_NUM_NEURONS": 0,
        "SM_LOG_LEVEL": framework.get("sagemaker_container_log_level", 20),
        "SM_INPUT_DATA_CONFIG": input_data_config(request),
        "SM_RESOURCE_CONFIG": resources,
        **{f"SM_CHANNEL_{name.upper()}": f"{root}/{CHANNEL_FOLDER}/{name}" for name in channels},
        **{f"SM_HP_{name.upper()}": value for name, value in own.items()},
    }
    values["SM_TRAINING_ENV"] = {
        "additional_framework_parameters": framework,
        "channel_input_dirs": {name: f"{root}/{CHANNEL_FOLDER}/{name}" for name in channels},
        "current_host": host.name,
        "hosts": list(names),
        "hyperparameters": own,
        "input_config_dir": f"{root}/input/config",
        "input_data_config": input_data_config(request),
        "input_dir": f"{root}/input",
        "is_master": host.rank == 0,
        "job_name": request["TrainingJobName"],
        "log_level": values["SM_LOG_LEVEL"],
        "master_hostname": names[0],
        "model_dir": f"{root}/model",
        "module_dir": values["SM_MODULE_DIR"],
        "module_name": values["SM_MODULE_NAME"],
        "network_interface_name": "lo",
        "num_cpus": values["SM_NUM_CPUS"],
        "num_gpus": gpus,
        "output_data_dir": f"{root}/output/data",
        "output_dir": f"{root}/output",
        "output_intermediate_dir": f"{root}/output/intermediate",
        "resource_config": resources,
        "user_entry_point": program,
    }
    named = {"TRAINING_JOB_NAME": request["TrainingJobName"], "TRAINING_JOB_ARN": job_arn}
    return {**{name: as_text(value) for name, value in values.items()}, **named}


@functools.cache
def gpu_count() -> int:
    """NVIDIA devices of this machine."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))
