"""`ml transform`, and what `status`, `logs` and `stop` say about transform jobs."""

from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

from ml.commands.chosen_model import choose, locked
from ml.commands.output import Format, duration, print_json, say
from ml.environment import Environment, open_environment, readable_errors
from ml.errors import ExitCode, SpecError
from ml.spec import load_spec
from ml.spec.model import EndpointInstance, as_text
from ml.targets.sagemaker import jobs, transforms
from ml.targets.sagemaker.deployment import Target
from ml.targets.sagemaker.logs import JobLog
from ml.targets.sagemaker.transforms import LOG_GROUP, Batch, TransformState
from platform_contract import PlatformContract, Team


def transform(
    spec_file: Path | None,
    *,
    env: str | None,
    output: Format,
    job: str | None,
    model: str | None,
    team: str | None,
    source: str,
    target: str | None,
    instance: dict[str, Any],
    data: dict[str, Any],
    expires: int | None,
    wait: bool,
    show_log: bool,
) -> ExitCode:
    """Answer everything under an S3 prefix with a trained model, and wait for the end unless told otherwise.

    source, target: S3 URIs, or paths below the team's data prefix. instance: type and count. data: fields of Batch.
    """
    spec = load_spec(spec_file) if spec_file else None
    if spec is None and not ((job or model) and team):
        raise SpecError("Give a job's spec, or --team with --job or --model.")
    owner = team or (spec.team if spec else "")
    environment = open_environment(env)
    contract = environment.for_team(owner)
    wanted = spec.deploy if spec else None
    with readable_errors(environment):
        chosen = choose(environment, contract, owner, spec, job, model)
        name = transforms.job_name(chosen.job)
        batch = Batch(
            source=_place(contract.teams[owner], "--input", source),
            output=_own_place(contract, owner, target or f"{contract.teams[owner].artifact_uri}/transforms/{name}"),
            **data,
        )
        batch.check()
        served = Target(
            team=owner,
            job=chosen.job,
            model_data=chosen.model_data,
            endpoint="",
            instance=EndpointInstance.model_validate(instance),
            image=wanted.image if wanted else None,
            image_digest=locked(environment, contract, spec_file, wanted.image if wanted else None),
            environment={key: as_text(value) for key, value in wanted.environment.items()} if wanted else {},
            expires=timedelta(seconds=expires) if expires else None,
            package=chosen.package,
        )
        transforms.start(environment, contract, served, batch, name)
    say(f"Submitted {name} to {environment.name}: {chosen.job} answers {batch.source}")
    if not wait:
        state = transforms.describe(environment.clients.client("sagemaker"), name)
        if output is Format.JSON:
            print_json(state.document())
        else:
            print(f"Follow it: ml logs -f {name} --env {environment.name}")
        return ExitCode.OK
    try:
        state = _follow(environment, name, show_log=show_log)
    except KeyboardInterrupt:
        say(
            f"\nNo longer waiting; {name} goes on.\n"
            f"  ml logs -f {name} --env {environment.name}\n  ml stop {name} --env {environment.name}"
        )
        return ExitCode.INTERRUPTED
    _print_end(state, environment, output)
    return state.exit_code


def _place(team: Team, option: str, given: str) -> str:
    """An S3 URI. Raises SpecError for a file of this machine."""
    if given.startswith("s3://"):
        return given
    if given.startswith(("./", "../", "/")):
        raise SpecError(f"{option} {given}: a transform reads S3; upload it, or give a path below {team.data_uri}/")
    return f"{team.data_uri}/{given}"


def _own_place(contract: PlatformContract, owner: str, given: str) -> str:
    """Where the team's role may write. Raises SpecError for another place."""
    team = contract.teams[owner]
    uri = _place(team, "--to", given)
    roots = [f"{root.rstrip('/')}/" for root in (team.artifact_uri, team.data_uri)]
    if not uri.startswith(tuple(roots)):
        raise SpecError(f"--to {uri}: {owner}'s jobs write below {' and '.join(roots)} alone")
    return uri


def status_if_there(environment: Environment, name: str, output: Format) -> ExitCode | None:
    """Print a transform job's state; None where there is none of that name."""
    state = transforms.find(environment.clients.client("sagemaker"), name)
    if state is None:
        return None
    _print_end(state, environment, output)
    return state.exit_code


def logs_if_there(
    environment: Environment, name: str, output: Format, *, follow: bool, timestamps: bool
) -> ExitCode | None:
    """Print a transform job's log; None where there is none of that name."""
    from ml.commands.jobs import print_line

    state = transforms.find(environment.clients.client("sagemaker"), name)
    if state is None:
        return None
    if follow:
        state = _follow(environment, name, show_log=True, output=output, timestamps=timestamps)
        return state.exit_code
    lines = JobLog(environment.clients.client("logs"), name, LOG_GROUP).read_rest()
    for line in lines:
        print_line(line, output, timestamps=timestamps, to_stdout=True)
    if not lines:
        say(f"{name} has no log{' yet' if not state.finished else ''} (it is {state.status}).")
    return ExitCode.OK


def stop_if_there(environment: Environment, name: str, output: Format, *, wait: bool) -> ExitCode | None:
    """Stop a transform job; None where there is none of that name."""
    sagemaker = environment.clients.client("sagemaker")
    state = transforms.find(sagemaker, name)
    if state is None:
        return None
    if state.finished:
        say(f"{name} had ended already.")
    else:
        transforms.stop(sagemaker, name)
        state = _follow(environment, name, show_log=False) if wait else transforms.describe(sagemaker, name)
    if output is Format.JSON:
        print_json(state.document())
    else:
        print(f"{name} {_outcome(state)}")
    return ExitCode.OK


def listed(sagemaker: Any, prefix: str, limit: int) -> list[dict[str, str]]:
    """Transform jobs as `ml status` lists them."""
    return [
        {
            "name": summary["TransformJobName"],
            "status": summary["TransformJobStatus"],
            "created": summary["CreationTime"].astimezone(UTC).isoformat(timespec="seconds"),
        }
        for summary in transforms.list_jobs(sagemaker, prefix=prefix, limit=limit)
    ]


def _follow(
    environment: Environment, name: str, *, show_log: bool, output: Format | None = None, timestamps: bool = False
) -> TransformState:
    """Wait for the end with the log on stderr; on stdout where an output format is given."""
    from ml.commands.jobs import print_line

    sagemaker = environment.clients.client("sagemaker")
    log = JobLog(environment.clients.client("logs"), name, LOG_GROUP) if show_log else None
    with readable_errors(environment):
        return jobs.follow_what(
            lambda: transforms.describe(sagemaker, name),
            log,
            lambda line: print_line(line, output or Format.TEXT, timestamps=timestamps, to_stdout=output is not None),
            lambda _: None,
        )


def _print_end(state: TransformState, environment: Environment, output: Format) -> None:
    if output is Format.JSON:
        print_json(state.document())
        return
    print(f"{state.name} {_outcome(state)}")
    print(f"  model    {state.model}\n  input    {state.input}\n  output   {state.output}")
    for line in (state.reason or "").strip().splitlines()[-15:]:
        print(f"  {line}")
    if state.finished and state.exit_code is not ExitCode.OK:
        print(f"Full log: ml logs {state.name} --env {environment.name} (CloudWatch Logs, {LOG_GROUP}, {state.name}/…)")


def _outcome(state: TransformState) -> str:
    time = f" after {duration(state.seconds)}" if state.seconds is not None else ""
    return f"{state.status.lower()}{time}." if state.finished else f"is {state.status}{time}."
