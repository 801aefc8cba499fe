"""The `ml` command: its subcommands, their options and their help. What they do is in ml/commands/."""

import contextlib
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.commands.output import Format
from ml.errors import ExitCode, MlError
from ml.options import (
    SPEC_HELP,
    Env,
    JobName,
    Output,
    SpecFile,
    Team,
    Wait,
    complete_endpoint,
    complete_job,
    epilog,
)

app = typer.Typer(
    name="ml",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(
    epilog=epilog(
        "ml train job.yaml --env local",
        "ml deploy job.yaml --env local",
        "ml predict --endpoint research-flight-delays rows.csv --env local",
    )
)
def _root() -> None:  # pyright: ignore[reportUnusedFunction]
    """Train models, deploy them and ask them, in an environment of the platform."""


@app.command(
    epilog=epilog(
        "ml train job.yaml --env local",
        "ml train job.yaml --env dev --set learning_rate=0.05 --no-wait",
        "ml train job.yaml --env dev --deploy -o json",
        more=SPEC_HELP,
    )
)
def train(
    spec: SpecFile,
    env: Env = None,
    output: Output = Format.TEXT,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter in place of the spec's.")
    ] = None,
    wait: Wait = True,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Show the job's log while waiting.")] = True,
    deploy: Annotated[bool, typer.Option("--deploy", help="Deploy the model when the job has completed.")] = False,
) -> None:
    """Run a training job and wait for its end, which the exit code tells."""
    from ml.commands import jobs

    _end(jobs.train(spec, env=env, output=output, settings=settings or [], wait=wait, show_log=log, then_deploy=deploy))


@app.command(
    epilog=epilog(
        "ml deploy job.yaml --env local                        # the newest completed run of this spec",
        "ml deploy job.yaml --job research-flight-delays-20261121-093000-4f1c",
        "ml deploy job.yaml --model flight-delays/3            # a version in the registry",
        "ml deploy --team research --endpoint trial --model flight-delays",
    )
)
def deploy(
    spec: Annotated[
        Path | None, typer.Argument(metavar="JOB.YAML", help="The job's spec, whose `deploy` says where and on what.")
    ] = None,
    env: Env = None,
    output: Output = Format.TEXT,
    job: Annotated[
        str | None, typer.Option("--job", metavar="JOB", autocompletion=complete_job, help="The run to deploy.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME[/VERSION]", help="A model of the registry to deploy.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", metavar="NAME", help="Endpoint, in place of the spec's.")
    ] = None,
    team: Team = None,
    wait: Wait = True,
) -> None:
    """Put a trained model behind an endpoint, and wait until it answers."""
    from ml.commands import endpoints

    _end(endpoints.deploy(spec, env=env, output=output, job=job, model=model, endpoint=endpoint, team=team, wait=wait))


@app.command(
    epilog=epilog(
        "ml predict --endpoint research-flight-delays rows.csv --env local",
        "ml predict --endpoint research-flight-delays rows.json -o json",
        "head -3 rows.csv | ml predict --endpoint research-flight-delays - --content-type text/csv",
    )
)
def predict(
    rows: Annotated[
        str, typer.Argument(metavar="ROWS", help="File: .csv with a header, .json or .jsonl; - for stdin.")
    ],
    endpoint: Annotated[
        str,
        typer.Option(
            "--endpoint", metavar="NAME", autocompletion=complete_endpoint, help="Endpoint, with or without the team."
        ),
    ],
    env: Env = None,
    output: Output = Format.TEXT,
    content_type: Annotated[
        str | None,
        typer.Option("--content-type", metavar="TYPE", help="MIME type, where the file's name does not say."),
    ] = None,
    accept: Annotated[
        str, typer.Option("--accept", metavar="TYPE", help="MIME type to ask the endpoint for.")
    ] = "application/json",
) -> None:
    """Ask an endpoint about rows; prints one prediction a row."""
    from ml.commands import endpoints

    _end(endpoints.predict(rows, env=env, output=output, endpoint=endpoint, content_type=content_type, accept=accept))


@app.command(
    epilog=epilog(
        "ml status --env dev --team research",
        "ml status research-flight-delays                      # the newest run",
        "ml status research-flight-delays-20261121-093000-4f1c -o json",
        "ml status --endpoint research-flight-delays",
    )
)
def status(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", autocompletion=complete_job, help="A job or an endpoint; without it, all."),
    ] = None,
    env: Env = None,
    output: Output = Format.TEXT,
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint", metavar="NAME", autocompletion=complete_endpoint, help="Only this endpoint."),
    ] = None,
    team: Team = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="Most jobs to list.")] = 20,
) -> None:
    """Show jobs and endpoints, or how one of them is; the exit code tells a job's outcome."""
    if endpoint is not None:
        if name is not None:
            raise typer.BadParameter("give either a name or --endpoint")
        from ml.commands import endpoints

        _end(endpoints.status(endpoint, env=env, output=output))
    from ml.commands import jobs

    _end(jobs.status(name, env=env, output=output, team=team, limit=limit))


@app.command(
    epilog=epilog(
        "ml logs research-flight-delays --env local",
        "ml logs -f research-flight-delays-20261121-093000-4f1c",
    )
)
def logs(
    job: JobName,
    env: Env = None,
    output: Output = Format.TEXT,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job ends; the exit code tells its outcome.")
    ] = False,
    timestamps: Annotated[
        bool, typer.Option("--timestamps", "-t", help="Time (UTC) and machine before lines.")
    ] = False,
) -> None:
    """Print a job's log. With -o json, one JSON document a line."""
    from ml.commands import jobs

    _end(jobs.logs(job, env=env, output=output, follow=follow, timestamps=timestamps))


@app.command(
    epilog=epilog(
        "ml stop research-flight-delays --env local",
        "ml stop --endpoint research-flight-delays --env local",
    )
)
def stop(
    job: Annotated[
        str | None,
        typer.Argument(
            metavar="JOB", autocompletion=complete_job, help="A job's name, or TEAM-NAME for the newest run of it."
        ),
    ] = None,
    env: Env = None,
    output: Output = Format.TEXT,
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint", metavar="NAME", autocompletion=complete_endpoint, help="Take this endpoint down."),
    ] = None,
    wait: Wait = True,
) -> None:
    """Stop a job (its script gets SIGTERM and two minutes), or take an endpoint down."""
    if (job is None) == (endpoint is None):
        raise typer.BadParameter("give either a job or --endpoint")
    if endpoint is not None:
        from ml.commands import endpoints

        _end(endpoints.delete(endpoint, env=env, output=output, wait=wait))
    from ml.commands import jobs

    _end(jobs.stop(job or "", env=env, output=output, wait=wait))


@app.command(epilog=epilog("ml models --env dev", "ml models flight-delays -o json"))
def models(
    name: Annotated[str | None, typer.Argument(metavar="MODEL", help="A model; without it, all.")] = None,
    env: Env = None,
    output: Output = Format.TEXT,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most versions to list.")] = 50,
) -> None:
    """List the registry's model versions: job, metrics, and the endpoints that serve them."""
    from ml.commands import models as command

    _end(command.models(name, env=env, output=output, limit=limit))


@app.command(epilog=epilog("ml schema > job.schema.json"))
def schema() -> None:
    """Print the JSON Schema of a job's spec, for editors."""
    from ml.spec.schema import schema_text

    print(schema_text(), end="")


def _end(code: ExitCode) -> None:
    raise typer.Exit(int(code))


def main() -> None:
    """Entry point: runs a subcommand; an error that the user can do something about is its text and an exit code."""
    import gc

    # Start-up makes hundreds of thousands of objects that all stay: looking for garbage among them is a tenth of it.
    gc.disable()
    code = _run()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    # Taking those objects apart one by one takes longer than a call of AWS; the end of the process frees them too.
    os._exit(code)


def _run() -> int:
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except MlError as error:
        print(f"ml: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except ClientError as error:
        print(f"ml: {error.operation_name} was refused: {error_details(error).message}", file=sys.stderr)
        return int(ExitCode.JOB_FAILED)
    except BrokenPipeError:
        return int(ExitCode.OK)  # the reader of our output, such as `head`, went away
    except Exception:
        traceback.print_exc()
        return int(ExitCode.JOB_FAILED)
    return int(ExitCode.OK)


if __name__ == "__main__":
    main()
