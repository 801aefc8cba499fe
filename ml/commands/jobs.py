"""`ml train`, `ml status`, `ml logs` and `ml stop`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from ml.commands.output import Format, duration, numbers, print_json, say, table
from ml.environment import Environment, open_environment, readable_errors
from ml.errors import EnvironmentNotReadyError, ExitCode, NotFoundError, SpecError
from ml.plan.cost import cost_line
from ml.spec import JobSpec, load_spec
from ml.targets.sagemaker import jobs
from ml.targets.sagemaker.logs import LOG_GROUP, JobLog, LogLine
from ml.targets.sagemaker.training import submit


def train(
    spec_file: Path,
    *,
    env: str | None,
    output: Format,
    settings: list[str],
    max_cost: float | None,
    yes: bool,
    wait: bool,
    show_log: bool,
    then_deploy: bool,
) -> ExitCode:
    """Show the plan and ask, submit the job, and wait for its end unless told otherwise.

    yes: submit it without the plan and without asking.
    """
    spec = with_max_cost(with_hyperparameters(load_spec(spec_file), settings), max_cost)
    if then_deploy and spec.deploy is None:
        raise SpecError(f"{spec_file}: --deploy needs a `deploy` section that names the endpoint")
    environment = open_environment(env)
    if not yes:
        from ml.commands.plan import confirm

        if not confirm(spec, spec_file.parent, environment):
            return ExitCode.OK
    job = submit(spec, spec_file.parent, environment)
    say(f"Submitted {job.name} to {environment.name}.\n{cost_line(spec, job.cost)}")
    if not wait:
        if output is Format.JSON:
            print_json({"name": job.name, "arn": job.arn, "model_data": job.model_data, "status": "InProgress"})
        else:
            print(f"Follow it: ml logs -f {job.name} --env {environment.name}")
        return ExitCode.OK
    try:
        state = _follow(environment, job.name, output, show_log=show_log, show_state=True)
    except KeyboardInterrupt:
        say(
            f"\nNo longer waiting; {job.name} goes on.\n"
            f"  ml logs -f {job.name} --env {environment.name}\n  ml stop {job.name} --env {environment.name}"
        )
        return ExitCode.INTERRUPTED
    if state.exit_code is not ExitCode.OK or not then_deploy:
        _print_end(state, environment, output)
        if state.exit_code is ExitCode.OK and output is Format.TEXT and spec.deploy:
            say(f"Next: ml deploy {spec_file} --env {environment.name}")
        return state.exit_code
    from ml.commands.endpoints import deploy

    _print_end(state, environment, Format.TEXT, to_stderr=True)
    return deploy(spec_file, env=env, output=output, job=state.name, model=None, endpoint=None, team=None, wait=True)


def status(name: str | None, *, env: str | None, output: Format, team: str | None, limit: int) -> ExitCode:
    """One job or endpoint, or the recent ones."""
    environment = open_environment(env)
    with readable_errors(environment):
        sagemaker = environment.clients.client("sagemaker")
        if name is None:
            return _list(sagemaker, environment, output, team, limit)
        try:
            state = jobs.find(sagemaker, name)
        except NotFoundError:
            from ml.commands import endpoint_status, transform

            found = transform.status_if_there(environment, name, output)
            found = endpoint_status.status_if_there(environment, name, output) if found is None else found
            if found is None:
                raise
            return found
    _print_end(state, environment, output)
    return state.exit_code


def logs(name: str, *, env: str | None, output: Format, follow: bool, timestamps: bool) -> ExitCode:
    """A job's log."""
    environment = open_environment(env)
    with readable_errors(environment):
        sagemaker = environment.clients.client("sagemaker")
        try:
            job = jobs.find(sagemaker, name)
        except NotFoundError:
            from ml.commands.transform import logs_if_there

            found = logs_if_there(environment, name, output, follow=follow, timestamps=timestamps)
            if found is None:
                raise
            return found
        if follow:
            try:
                state = _follow(environment, job.name, output, show_log=True, timestamps=timestamps, to_stdout=True)
            except KeyboardInterrupt:
                return ExitCode.INTERRUPTED
            if state.exit_code is not ExitCode.OK:
                say(f"{state.name} {_outcome(state)}")
            return state.exit_code
        lines = JobLog(environment.clients.client("logs"), job.name).read_rest()
    for line in lines:
        print_line(line, output, timestamps=timestamps, to_stdout=True)
    if not lines:
        say(f"{job.name} has no log{' yet' if not job.finished else ''} (it is {job.status}).")
    return ExitCode.OK


def stop(name: str, *, env: str | None, output: Format, wait: bool) -> ExitCode:
    """Stop a job."""
    environment = open_environment(env)
    with readable_errors(environment):
        sagemaker = environment.clients.client("sagemaker")
        try:
            state = jobs.find(sagemaker, name)
        except NotFoundError:
            from ml.commands.transform import stop_if_there

            found = stop_if_there(environment, name, output, wait=wait)
            if found is None:
                raise
            return found
        if not state.finished:
            jobs.stop(sagemaker, state.name)
            if wait:
                say(f"Stopping {state.name} …")
                state = jobs.follow(sagemaker, None, state.name, lambda _: None, lambda _: None)
            else:
                state = jobs.describe(sagemaker, state.name)
        else:
            say(f"{state.name} had ended already.")
    if output is Format.JSON:
        print_json(state.document())
    else:
        print(f"{state.name} {_outcome(state)}")
    return ExitCode.OK


def with_hyperparameters(spec: JobSpec, settings: list[str]) -> JobSpec:
    """The spec with `NAME=VALUE` hyperparameters in place of its own; a value is read as YAML reads it."""
    changed = dict(spec.hyperparameters)
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name:
            raise SpecError(f"--set {setting}: write NAME=VALUE, such as --set learning_rate=0.05")
        try:
            changed[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise SpecError(f"--set {setting}: {value!r} is not YAML; put quotes around a text") from None
    return spec.model_copy(update={"hyperparameters": changed}) if settings else spec


def with_max_cost(spec: JobSpec, max_cost: float | None) -> JobSpec:
    """The spec with another `max_cost`, in dollars; None leaves it."""
    if max_cost is None:
        return spec
    if max_cost <= 0:
        raise SpecError(f"--max-cost {max_cost:g}: an amount in dollars above 0")
    return spec.model_copy(update={"max_cost": max_cost})


def _follow(
    environment: Environment,
    name: str,
    output: Format,
    *,
    show_log: bool,
    show_state: bool = False,
    timestamps: bool = False,
    to_stdout: bool = False,
) -> jobs.JobState:
    def on_line(line: LogLine) -> None:
        print_line(line, output, timestamps=timestamps, to_stdout=to_stdout or output is Format.TEXT)

    def on_state(state: jobs.JobState) -> None:
        if show_state and not state.finished and state.detail:
            say(f"· {state.detail}")

    log = JobLog(environment.clients.client("logs"), name) if show_log else None
    try:
        with readable_errors(environment):
            return jobs.follow(environment.clients.client("sagemaker"), log, name, on_line, on_state)
    except EnvironmentNotReadyError as error:
        raise EnvironmentNotReadyError(
            f"{error}\nWhat {name} does is not seen from here any more, and does not depend on it. "
            f"Look again: ml logs -f {name} --env {environment.name}"
        ) from error


def print_line(line: LogLine, output: Format, *, timestamps: bool, to_stdout: bool) -> None:
    """A log line: on stdout as the format has it, else on stderr."""
    time = datetime.fromtimestamp(line.time_ms / 1000, UTC)
    if output is Format.JSON and to_stdout:
        import json

        print(json.dumps({"time": time.isoformat(timespec="milliseconds"), "machine": line.machine, "text": line.text}))
        return
    text = f"{time:%H:%M:%S} {line.machine} {line.text}" if timestamps else line.text
    if to_stdout:
        print(text, flush=True)
    else:
        say(text)


def _print_end(state: jobs.JobState, environment: Environment, output: Format, *, to_stderr: bool = False) -> None:
    if output is Format.JSON:
        print_json(state.document())
        return
    lines = [f"{state.name} {_outcome(state)}"]
    if state.metrics:
        lines.append(f"  metrics  {numbers(state.metrics)}")
    if state.model_data:
        lines.append(f"  model    {state.model_data}")
    if state.reason:
        lines += [f"  {line}" for line in state.reason.strip().splitlines()[-15:]]
    if state.finished and state.exit_code is not ExitCode.OK:
        lines.append(
            f"Full log: ml logs {state.name} --env {environment.name} (CloudWatch Logs, {LOG_GROUP}, {state.name}/…)"
        )
    text = "\n".join(lines)
    if to_stderr:
        say(text)
    else:
        print(text, flush=True)


def _outcome(state: jobs.JobState) -> str:
    time = f" after {duration(state.seconds)}" if state.seconds is not None else ""
    if state.stopped_because:
        return f"{'was' if state.finished else 'is being'} stopped{time}: {state.stopped_because}."
    if state.status == "Completed":
        return f"completed{time}."
    if state.exit_code is ExitCode.TIMED_OUT:
        return f"ran out of time{time} ({state.detail})."
    if state.finished:
        return f"{state.status.lower()}{time}."
    return f"is {state.status} ({state.detail}){time}."


def _list(sagemaker: Any, environment: Environment, output: Format, team: str | None, limit: int) -> ExitCode:
    summaries = list(jobs.list_jobs(sagemaker, contains=f"{team}-" if team else "", limit=limit))
    if team:
        summaries = [summary for summary in summaries if summary["TrainingJobName"].startswith(f"{team}-")]
    from ml.commands.transform import listed
    from ml.targets.sagemaker import endpoints

    transformed = listed(sagemaker, f"{team}-" if team else "", limit)
    served = endpoints.list_all(sagemaker, f"{team}-" if team else "")
    if output is Format.JSON:
        print_json(
            {
                "jobs": [
                    {
                        "name": summary["TrainingJobName"],
                        "status": summary["TrainingJobStatus"],
                        "created": summary["CreationTime"].astimezone(UTC).isoformat(timespec="seconds"),
                    }
                    for summary in summaries
                ],
                "transforms": transformed,
                "endpoints": [one.document() for one in served],
            }
        )
        return ExitCode.OK
    rows = [
        (
            summary["TrainingJobName"],
            summary["TrainingJobStatus"],
            f"{summary['CreationTime'].astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        )
        for summary in summaries
    ]
    print(table(("JOB", "STATUS", "CREATED (UTC)"), rows) if rows else f"No jobs in {environment.name}.")
    if transformed:
        print()
        print(table(("TRANSFORM", "STATUS", "CREATED (UTC)"), [tuple(one.values()) for one in transformed]))
    if served:
        print()
        print(table(("ENDPOINT", "STATUS", "SERVES"), [(one.name, one.status, ", ".join(one.jobs)) for one in served]))
    return ExitCode.OK
