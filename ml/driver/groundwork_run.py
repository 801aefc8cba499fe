"""The MLflow run of a job: made before the script starts and ended with it, in any image, without the script's doing.

It carries what the job's record knows (data versions, git commit, image, code), the hyperparameters, the metrics that
the job's spec finds in the log, the machine's load, the Python environment and the script's TensorBoard logs. A script
that uses MLflow itself goes on in this run: MLFLOW_RUN_ID says which. A job that starts again (spot) goes on in it too.
Nothing here may end a job: what cannot be recorded is said in the log, and the script runs.
"""

# It runs in Pythons and beside libraries that this project does not choose.
# pyright: basic
# os.path and open, not pathlib, whose import a job's start would wait for.
# ruff: noqa: PTH113, PTH118, PTH123

import contextlib
import hashlib
import json
import os
import sys
import threading
import time

from groundwork_board import FOLDER, Board
from groundwork_facts import channel_version, commit, environment_lock, tags
from groundwork_http import Artifacts, ContainerCredentials, HttpError, Tracking, is_trouble
from groundwork_machine import Machine
from groundwork_output import MetricWatch, watched
from groundwork_stop import on_stop

INTERVAL_S = 10.0
"""Seconds between two deliveries of metrics and TensorBoard logs."""
MOST_IN_A_BATCH = 1000
"""https://mlflow.org/docs/latest/api_reference/rest-api.html (Log Batch: 1,000 metrics, 100 parameters and tags)"""
VALIDATION = "data-validation"


def start(base, hyperparameters):
    """The job's run, begun; a NoRun where that fails; None where the job has no record or wants no run.

    base: the folder that is /opt/ml. The script wants none where the spec's `environment` sets MLFLOW_RUN_ID itself,
    be it to nothing.
    """
    uri, path = os.environ.get("MLFLOW_TRACKING_URI"), os.path.join(base, "input", "data", "record", "record.json")
    if not uri or "MLFLOW_RUN_ID" in os.environ or os.environ.get("SM_CURRENT_HOST_RANK", "0") != "0":
        return None
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError:
        return None
    try:
        return Run(uri, content, hyperparameters, base)
    except HttpError as error:
        return NoRun(str(error))
    except Exception as error:
        return NoRun(repr(error))


class NoRun:
    """In place of a run that could not be made."""

    def __init__(self, reason):
        self._reason = reason

    def watch_output(self):
        """There is nowhere to send metrics to."""

    def feed(self, text):
        """Likewise."""

    def end(self, status):
        """Says why there is no run, after what the script has said."""
        print("No MLflow run:", self._reason, file=sys.stderr, flush=True)


class Run:
    """A run of the tracking server, which a thread keeps up to date."""

    def __init__(self, uri, content, hyperparameters, base):
        self._record = record = json.loads(content)
        self._content = content
        self._hyperparameters = hyperparameters
        self._data = os.path.join(base, "input", "data")
        self._facts = [
            self._send_record,
            self._send_environment,
            self._send_versions,
            self._send_inputs,
            self._send_validation,
        ]
        self._step = 0
        self._ended = self._apart = False
        self._lock, self._ending = threading.Lock(), threading.Lock()
        self._wake = threading.Event()
        credentials = ContainerCredentials()
        self._tracking = Tracking(uri, credentials)
        self._machine = None if _is_true("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING") else Machine()
        info = self._resumed() or self._created()
        self.run_id = info["run_id"]
        self._artifacts = Artifacts(info["artifact_uri"], self._tracking, credentials, record["region"])
        self._board = Board(os.path.join(base, "output", FOLDER), self._artifacts)
        self._watch = MetricWatch(record["request"]["AlgorithmSpecification"].get("MetricDefinitions") or [])
        os.environ["MLFLOW_RUN_ID"] = self.run_id
        # Runs that the script makes besides this one.
        os.environ.setdefault(
            "MLFLOW_RUN_CONTEXT", json.dumps({"groundwork.within_job": record["job"], **commit(record)})
        )
        self._thread = threading.Thread(target=self._keep_up, name="groundwork-run", daemon=True)
        self._thread.start()
        on_stop(lambda: self.end("KILLED"))

    def watch_output(self):
        """From now on what this process prints is searched for the spec's metrics."""
        if self._watch.patterns:
            sys.stdout = sys.__stdout__ = watched(sys.stdout, self._watch)
            sys.stderr = sys.__stderr__ = watched(sys.stderr, self._watch)

    def feed(self, text):
        """Output of the script where it is a process of its own."""
        self._apart = True
        self._watch.feed("script", text)

    def end(self, status):
        """The last delivery, and the run's status: FINISHED, FAILED or KILLED. False where it is ended already, or just
        being ended by another thread."""
        if not self._ending.acquire(blocking=False):
            return False
        self._ended = True
        self._wake.set()
        self._lock.acquire(timeout=30)
        for step in (self._send_facts, self._send_load, self._board.send, self._fill_in):
            # A server that does not answer is not waited for again and again, on machines that cost money.
            if self._troubled_by(step):
                break
        self._troubled_by(lambda: self._update(status))
        return True

    @staticmethod
    def _troubled_by(step):
        """Takes a step and says what it could not do; whether the next one is likely to end the same."""
        try:
            step()
        except Exception as error:
            print(f"The MLflow run misses something: {error}", file=sys.stderr, flush=True)
            return is_trouble(error)
        return False

    def _resumed(self):
        """The run of an earlier start of this job. Only jobs that may start again are asked about."""
        request = self._record["request"]
        if not (request.get("EnableManagedSpotTraining") or request.get("RetryStrategy")):
            return None
        found = self._tracking.call(
            "POST",
            "runs/search",
            {
                "experiment_ids": [self._experiment()],
                "filter": "tags.`groundwork.job` = '{}'".format(self._record["job"]),
                "max_results": 1,
            },
        ).get("runs")
        if not found:
            return None
        run = found[0]
        metrics = run.get("data", {}).get("metrics", [])
        self._step = 1 + max([int(one.get("step", 0)) for one in metrics if one["key"][:7] == "system/"], default=-1)
        self._tracking.call("POST", "runs/update", {"run_id": run["info"]["run_id"], "status": "RUNNING"})
        return run["info"]

    def _created(self):
        answer = self._tracking.call(
            "POST",
            "runs/create",
            {
                "experiment_id": self._experiment(),
                "run_name": self._record["job"],
                "start_time": _now(),
                "tags": [{"key": key, "value": value} for key, value in tags(self._record, self._content).items()],
            },
        )
        return answer["run"]["info"]

    def _experiment(self):
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or self._record["experiment"]
        for _ in range(2):
            try:
                found = self._tracking.call("GET", "experiments/get-by-name", {"experiment_name": name})
                return found["experiment"]["experiment_id"]
            except HttpError as error:
                if error.status != 404:
                    raise
            try:
                return self._tracking.call("POST", "experiments/create", {"name": name})["experiment_id"]
            except HttpError as error:
                # Another job of the same name has made it meanwhile.
                if error.code != "RESOURCE_ALREADY_EXISTS":
                    raise
        raise HttpError(f"the experiment {name!r} is neither there nor can it be made")

    def _keep_up(self):
        while True:
            for step in (self._send_facts, self._send_metrics_that_nobody_else_sends, self._board.send):
                with self._lock:
                    # What goes wrong now is tried again, and said at the end if it still does then.
                    if not self._ended:
                        with contextlib.suppress(Exception):
                            step()
            if self._wake.wait(INTERVAL_S):
                return
            with self._lock, contextlib.suppress(Exception):
                self._send_load()

    def _send_facts(self):
        while self._facts:
            self._facts[0]()
            self._facts.pop(0)

    def _send_record(self):
        self._artifacts.put("record.json", self._content)

    def _send_environment(self):
        lock = environment_lock().encode()
        self._artifacts.put("environment/requirements.txt", lock)
        self._set_tag("groundwork.environment", hashlib.sha256(lock).hexdigest())

    def _send_versions(self):
        """The versions of data that nobody knew when the job was sent, from the files that it got."""
        modes = {
            channel["ChannelName"]: channel.get("InputMode", "File")
            for channel in self._record["request"].get("InputDataConfig", [])
        }
        for name, one in self._record.get("inputs", {}).items():
            # In the other modes reading a file means getting it from S3.
            if one.get("version") or modes.get(name) != "File":
                continue
            one["version"] = version = channel_version(os.path.join(self._data, name))
            if version:
                self._set_tag("groundwork.data." + name, version)

    def _set_tag(self, key, value):
        self._tracking.call("POST", "runs/set-tag", {"run_id": self.run_id, "key": key, "value": value})

    def _send_inputs(self):
        datasets = [
            {
                "tags": [{"key": "mlflow.data.context", "value": name}],
                "dataset": {
                    "name": name,
                    # A dataset's digest has 36 characters at most; the tag groundwork.data.<name> has all of it.
                    "digest": (one.get("version") or hashlib.sha256(one["uri"].encode()).hexdigest())[-36:],
                    "source_type": "s3",
                    "source": json.dumps({"uri": one["uri"]}),
                },
            }
            for name, one in sorted(self._record.get("inputs", {}).items())
        ]
        if datasets:
            self._tracking.call("POST", "runs/log-inputs", {"run_id": self.run_id, "datasets": datasets})

    def _send_validation(self):
        """The result and the report of the check of the job's data, where it has one."""
        folder = os.path.join(self._data, VALIDATION)
        for name in ("result.json", "report.html"):
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    self._artifacts.put(VALIDATION + "/" + name, file.read())

    def _send_load(self):
        if self._machine is not None:
            moment = _now()
            self._log_metrics([(key, value, moment, self._step) for key, value in self._machine.reading().items()])
            self._step += 1

    def _send_metrics_that_nobody_else_sends(self):
        if not self._may_log_itself():
            self._log_metrics(self._watch.take())

    def _may_log_itself(self):
        """Whether the script may log to MLflow what it also prints: then only the end shows what is missing."""
        return self._apart or "mlflow" in sys.modules

    def _fill_in(self):
        """Metrics and parameters that the script has not logged by itself."""
        data = self._tracking.call("GET", "runs/get", {"run_id": self.run_id})["run"].get("data", {})
        if self._may_log_itself():
            logged = {one["key"] for one in data.get("metrics", [])}
            self._log_metrics([one for one in self._watch.take() if one[0] not in logged])
        else:
            self._log_metrics(self._watch.take())
        known = {one["key"] for one in data.get("params", [])}
        missing = [
            {"key": key, "value": value} for key, value in sorted(self._hyperparameters.items()) if key not in known
        ]
        for first in range(0, len(missing), 100):
            self._tracking.call(
                "POST", "runs/log-batch", {"run_id": self.run_id, "params": missing[first : first + 100]}
            )

    def _update(self, status):
        self._tracking.call("POST", "runs/update", {"run_id": self.run_id, "status": status, "end_time": _now()})

    def _log_metrics(self, metrics):
        for first in range(0, len(metrics), MOST_IN_A_BATCH):
            batch = [
                {"key": key, "value": value, "timestamp": moment, "step": step}
                for key, value, moment, step in metrics[first : first + MOST_IN_A_BATCH]
            ]
            self._tracking.call("POST", "runs/log-batch", {"run_id": self.run_id, "metrics": batch})


def _is_true(name):
    return os.environ.get(name, "").lower() in ("true", "1")


def _now():
    return int(time.time() * 1000)
