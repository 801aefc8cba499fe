"""Runs a job's script inside its container. Standard library only: it is uploaded beside the code and runs in any image
with Python 3.8 or newer.

It unpacks the code, completes the SM_* variables where the image's own toolkit is not there to set them, runs the
script, writes what it raised to /opt/ml/output/failure, and registers the model of a script that succeeded where the
job asks for it.
The container contract: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo.html
"""

# It runs in Pythons and beside libraries that this project does not choose.
# pyright: basic
# os.path, not pathlib, whose import a job's start would wait for.
# ruff: noqa: PTH100, PTH103, PTH110, PTH113, PTH118, PTH119, PTH120, PTH123, PTH208

import json
import os
import subprocess
import sys
import tarfile
import traceback

BASE = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
PREFIX = "GROUNDWORK_"


def main():
    """Unpack, prepare, run, register. The exit status is the script's own."""
    here = os.path.dirname(os.path.abspath(__file__))
    source = os.path.join(BASE, "code", "source")
    os.makedirs(source, exist_ok=True)
    with tarfile.open(os.path.join(here, "source.tar.gz")) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(source, filter="data")
        else:
            archive.extractall(source)  # noqa: S202 - older Pythons have no filter; the archive is our own
    hyperparameters = read_config("hyperparameters.json")
    complete_environment(hyperparameters, source)
    os.makedirs(os.environ["SM_MODEL_DIR"], exist_ok=True)
    os.makedirs(os.environ["SM_OUTPUT_DATA_DIR"], exist_ok=True)
    os.chdir(source)
    checked = refuse_other_data(os.path.join(here, "groundwork.zip"))
    if os.environ.get(PREFIX + "REQUIREMENTS"):
        install(os.environ[PREFIX + "REQUIREMENTS"])
    script = os.environ[PREFIX + "ENTRY_POINT"]
    arguments = [part for name, value in sorted(hyperparameters.items()) for part in ("--" + name, value)]
    run = start_run(os.path.join(here, "groundwork.zip"), hyperparameters)
    status = 1
    try:
        status = run_shell(script, arguments, run) if script.endswith(".sh") else run_python(script, arguments)
        sys.stdout.flush()
        if status == 0 and checked is not None:
            checked.leave_note(BASE, os.environ["SM_MODEL_DIR"])
        if status == 0 and os.environ.get(PREFIX + "REGISTER_MODEL") and os.environ["SM_CURRENT_HOST_RANK"] == "0":
            status = 1
            register()
            status = 0
    finally:
        if run is not None:
            run.end("FINISHED" if status == 0 else "FAILED")
    return status


def refuse_other_data(modules):
    """Go no further on data that were to be checked and are not those that passed.

    Returns the module that knows about such data; None where the job has no check.
    """
    channel = os.path.join(BASE, "input", "data", "data-validation")
    if PREFIX + "VALIDATION" not in os.environ and not os.path.exists(channel):
        return None
    sys.path.append(modules)
    import groundwork_data

    problem = groundwork_data.problem(BASE)
    if problem:
        raise JobError(problem)
    return groundwork_data


def start_run(modules, hyperparameters):
    """The job's MLflow run, None where there is none. The modules beside this file can be imported from now on."""
    board = os.path.join(BASE, "output", "tensorboard")
    os.makedirs(board, exist_ok=True)
    os.environ.setdefault(PREFIX + "TENSORBOARD_DIR", board)
    if not os.path.isfile(modules):
        return None
    # Last: what the image and the script bring wins.
    sys.path.append(modules)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), modules]))
    import groundwork_run

    run = groundwork_run.start(BASE, hyperparameters)
    if run is not None:
        run.watch_output()
    return run


class JobError(Exception):
    """What the job's owner can mend: told in a few words, without this file's traceback."""


def install(requirements):
    """Install the packages of a requirements file into the Python that the script runs in."""
    import importlib

    command = [sys.executable, "-m", "pip", "install", "--quiet", "-r", requirements]
    pip = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if pip.returncode:
        raise JobError(f"requirements: pip could not install {requirements}.\n" + pip.stderr.strip()[-800:])
    sys.stderr.write(pip.stderr)
    # The folder that pip wrote to may be one that was not there, or had less in it, when this Python looked.
    importlib.invalidate_caches()


def read_config(name):
    """One of the documents under input/config; empty where the container has none."""
    try:
        with open(os.path.join(BASE, "input", "config", name)) as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def complete_environment(hyperparameters, source):
    """Set the documented SM_* variables that are not set yet."""
    resources = read_config("resourceconfig.json")
    hosts = resources.get("hosts") or ["algo-1"]
    host = resources.get("current_host") or hosts[0]
    channels = sorted(read_config("inputdataconfig.json"))
    data = os.path.join(BASE, "input", "data")
    values = {
        "SM_MODEL_DIR": os.path.join(BASE, "model"),
        "SM_OUTPUT_DATA_DIR": os.path.join(BASE, "output", "data"),
        "SM_OUTPUT_DIR": os.path.join(BASE, "output"),
        "SM_INPUT_DIR": os.path.join(BASE, "input"),
        "SM_CHANNELS": json.dumps(channels),
        "SM_HPS": json.dumps({name: parsed(value) for name, value in hyperparameters.items()}),
        "SM_HOSTS": json.dumps(hosts),
        "SM_CURRENT_HOST": host,
        "SM_HOST_COUNT": str(len(hosts)),
        "SM_CURRENT_HOST_RANK": str(hosts.index(host) if host in hosts else 0),
        "SM_NUM_CPUS": str(os.cpu_count() or 1),
        "SM_RESOURCE_CONFIG": json.dumps(resources),
    }
    values.update({"SM_CHANNEL_" + name.upper().replace("-", "_"): os.path.join(data, name) for name in channels})
    values.update({"SM_HP_" + name.upper().replace("-", "_"): value for name, value in hyperparameters.items()})
    if "SM_NUM_GPUS" not in os.environ:
        values["SM_NUM_GPUS"] = str(
            len([name for name in os.listdir("/dev") if name[:6] == "nvidia" and name[6:].isdigit()])
        )
    for name, value in values.items():
        os.environ.setdefault(name, value)
    os.environ["SM_SOURCE_DIR"] = source


def parsed(text):
    """A hyperparameter as the value that it was in the spec."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def run_python(script, arguments):
    """Run a script as `python script` does, in this interpreter: another one would double the start-up time."""
    import runpy

    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            if end.code:
                report_failure(f"The script ended with exit code {end.code}.")
            return end.code or 0
        print(end.code, file=sys.stderr)
        report_failure(str(end.code))
        return 1
    except BaseException as error:
        text = script_traceback(error, script)
        sys.stdout.flush()
        sys.stderr.write(text)
        report_failure(text)
        return 1
    return 0


def run_shell(script, arguments, run):
    """Run a shell script. Where the job has a run, its output passes through here, so that its metrics are found."""
    command = ["/bin/sh", script, *arguments]
    if run is None:
        return subprocess.run(command).returncode
    shell = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert shell.stdout is not None
    while True:
        piece = os.read(shell.stdout.fileno(), 65536)
        if not piece:
            return shell.wait()
        os.write(1, piece)
        run.feed(piece.decode("utf-8", "replace"))


def script_traceback(error, script):
    """The traceback without the frames above the script's own first one."""
    step = error.__traceback__
    name = os.path.basename(script)
    while step is not None and os.path.basename(step.tb_frame.f_code.co_filename) != name:
        step = step.tb_next
    return "".join(traceback.format_exception(type(error), error, step or error.__traceback__))


def report_failure(text):
    """Write the failure file, whose first 1,024 characters become the job's FailureReason: the end says most."""
    path = os.path.join(BASE, "output", "failure")
    try:
        with open(path, "w") as file:
            file.write(text if len(text) <= 1000 else "…" + text[-999:])
    except OSError as error:
        print(f"The failure could not be written to {path}: {error}", file=sys.stderr)


def register():
    """Add the MLflow model in SM_MODEL_DIR to the registry, once a job, with where it comes from.

    It becomes an artifact of the script's own last run, or of a new run where the script made none.
    """
    model_dir = os.environ["SM_MODEL_DIR"]
    if not os.path.isfile(os.path.join(model_dir, "MLmodel")):
        raise JobError(f"register: the script left no MLflow model (no MLmodel file) in SM_MODEL_DIR, {model_dir}")
    import mlflow
    from mlflow.exceptions import MlflowException

    name, job = os.environ[PREFIX + "REGISTER_MODEL"], os.environ["TRAINING_JOB_NAME"]
    tags = json.loads(os.environ[PREFIX + "REGISTER_TAGS"])
    tags["groundwork.job"] = job
    client = mlflow.MlflowClient()
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for version in client.search_model_versions(f"name = '{name}'"):
        if version.tags.get("groundwork.job") == job:
            print(f"Model {name} version {version.version} is registered already.")
            return
    run = mlflow.active_run() or mlflow.last_active_run()
    if run is None:
        with mlflow.start_run(run_name=job) as run:
            pass
    client.set_tag(run.info.run_id, "groundwork.job", job)
    client.log_artifacts(run.info.run_id, model_dir, "model")
    source = str(run.info.artifact_uri).rstrip("/") + "/model"
    version = client.create_model_version(name, source, run.info.run_id, tags=tags, await_creation_for=0)
    print(f"Registered model {name} version {version.version}.")


if __name__ == "__main__":
    status = 1
    try:
        status = main()
    except JobError as error:
        print(error, file=sys.stderr)
        report_failure(str(error))
    except Exception as error:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        sys.stderr.write(text)
        report_failure(text)
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)
