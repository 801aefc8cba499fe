"""What a platform adds to a script's run: `ml train` on the local stack beside PyPI's sagemaker-training.

Both run the same trivial script, and the same script run bare by the same interpreter is taken off. `ml train` packs
and uploads the code, submits the job to the AWS server, waits for its end and shows its log; sagemaker-training (the
toolkit in SageMaker's own containers) only starts a script that is already there.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.environments import BenchError, peer_python, say
from bench.local_stack import STACK, stack_environment
from bench.report import Goal, Report

GOAL_S = 0.5
TEAM = "research"
SCRIPT = """\
import os
import pathlib

folder = pathlib.Path(os.environ["SM_MODEL_DIR"])
folder.mkdir(parents=True, exist_ok=True)
(folder / "model.txt").write_text("trained\\n")
print("trained")
"""
SPEC = f"""\
name: bench-start
team: {TEAM}
entry_point: train.py
image: training:0.1.0
instance: {{type: ml.m5.large}}
max_runtime: 5m
"""


def run(rounds: int) -> Report:
    """Time both starts and both bare runs in turn, `rounds` times.

    Raises BenchError where the local stack is not up or a run fails.
    """
    environment = stack_environment()
    toolkit = peer_python("job")
    with tempfile.TemporaryDirectory(prefix="groundwork-bench-") as name:
        folder = Path(name)
        code = folder / "code"
        code.mkdir()
        (code / "train.py").write_text(SCRIPT)
        (code / "job.yaml").write_text(SPEC)
        base = _container_layout(folder / "container", code)
        ml = [str(Path(sys.executable).with_name("ml")), "train", "job.yaml", "--env", STACK, "-y"]
        train = [str(toolkit.with_name("train"))]
        bare = {**os.environ, "SM_MODEL_DIR": str(folder / "model")}
        commands = {
            "ml train": (ml, environment),
            "the script, bare": ([sys.executable, "train.py"], bare),
            "sagemaker-training": (train, {**os.environ, **_container_environment(base)}),
            "the script, bare, its interpreter": ([str(toolkit), "train.py"], bare),
        }
        times: dict[str, list[float]] = {what: [] for what in commands}
        for number in range(rounds + 1):
            say(f"round {number} of {rounds} …" if number else "warming up …")
            for what, (command, variables) in commands.items():
                seconds = _timed(what, command, code, variables)
                if number:  # the first of each fills caches
                    times[what].append(seconds)
    return _report(times, rounds)


def _container_layout(base: Path, code: Path) -> Path:
    """What SageMaker lays out under /opt/ml before it starts a container."""
    config = base / "input" / "config"
    config.mkdir(parents=True)
    for below in ("input/data", "model", "output", "checkpoints"):
        (base / below).mkdir(parents=True, exist_ok=True)
    hyperparameters = {"sagemaker_program": "train.py", "sagemaker_submit_directory": str(code)}
    as_text = {name: json.dumps(value) for name, value in hyperparameters.items()}
    (config / "hyperparameters.json").write_text(json.dumps(as_text))
    # The toolkit waits until each host's name resolves.
    hosts = {"current_host": "localhost", "hosts": ["localhost"], "network_interface_name": "lo"}
    (config / "resourceconfig.json").write_text(json.dumps(hosts))
    (config / "inputdataconfig.json").write_text("{}")
    return base


def _container_environment(base: Path) -> dict[str, str]:
    return {"SAGEMAKER_BASE_DIR": str(base), "AWS_REGION": "us-east-1"}


def _timed(what: str, command: list[str], where: Path, environment: dict[str, str]) -> float:
    begin = time.perf_counter()
    try:
        done = subprocess.run(
            command, cwd=where, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise BenchError(f"{command[0]} is not installed. Run `make install`.") from error
    seconds = time.perf_counter() - begin
    if done.returncode or "trained" not in done.stdout + done.stderr:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise BenchError(f"{what} ended with exit code {done.returncode}:\n{tail}")
    return seconds


def _report(times: dict[str, list[float]], rounds: int) -> Report:
    def over(what: str, bare: str) -> float:
        """The median of the differences, each to the bare run of its own round."""
        return statistics.median(run - alone for run, alone in zip(times[what], times[bare], strict=True))

    ours = over("ml train", "the script, bare")
    peer = over("sagemaker-training", "the script, bare, its interpreter")
    rows = [
        [what, f"{statistics.median(seconds):.3f}", f"{min(seconds):.3f}", f"{max(seconds):.3f}"]
        for what, seconds in times.items()
    ]
    rows.append(["ml train, beyond the bare script", f"{ours:.3f}", "", ""])
    rows.append(["sagemaker-training, beyond the bare script", f"{peer:.3f}", "", ""])
    return Report(
        name="job",
        title="Start of a training job: a script that writes one file",
        columns=("", "median s", "quickest s", "slowest s"),
        rows=rows,
        goals=[
            Goal(
                text=f"`ml train` takes at most {GOAL_S:g} s more than the bare script",
                measured=f"{ours:.3f} s (sagemaker-training: {peer:.3f} s)",
                met=ours <= GOAL_S,
            )
        ],
        notes=[f"medians of {rounds} interleaved runs; `ml train` uploads, submits, waits and shows the log as well"],
        detail={"seconds": times, "ml_train_beyond_bare_s": ours, "sagemaker_training_beyond_bare_s": peer},
    )
