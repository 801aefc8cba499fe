"""`ml train`, `ml status`, `ml logs` and `ml stop`."""

from typing import Annotated

import typer

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import (
    SPEC_HELP,
    Env,
    JobName,
    MaxCost,
    Output,
    Settings,
    SpecFile,
    Team,
    Wait,
    complete_endpoint,
    complete_job,
    epilog,
)


@app.command(
    epilog=epilog(
        "ml train job.yaml --env local                         # shows the plan, and asks",
        "ml train job.yaml --env dev -y --set learning_rate=0.05 --no-wait",
        "ml train job.yaml --env dev --max-cost 2.50",
        "ml train job.yaml --env dev -y --deploy -o json",
        more=SPEC_HELP,
    )
)
def train(
    spec: SpecFile,
    env: Env = None,
    output: Output = Format.TEXT,
    settings: Settings = None,
    max_cost: MaxCost = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Run it without the plan and without being asked.")] = False,
    wait: Wait = True,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Show the job's log while waiting.")] = True,
    deploy: Annotated[bool, typer.Option("--deploy", help="Deploy the model when the job has completed.")] = False,
) -> None:
    """Run a training job and wait for its end, which the exit code tells."""
    from ml.commands import jobs

    end(
        jobs.train(
            spec,
            env=env,
            output=output,
            settings=settings or [],
            max_cost=max_cost,
            yes=yes,
            wait=wait,
            show_log=log,
            then_deploy=deploy,
        )
    )


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
        from ml.commands import endpoint_status

        end(endpoint_status.status(endpoint, env=env, output=output))
    from ml.commands import jobs

    end(jobs.status(name, env=env, output=output, team=team, limit=limit))


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

    end(jobs.logs(job, env=env, output=output, follow=follow, timestamps=timestamps))


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

        end(endpoints.delete(endpoint, env=env, output=output, wait=wait))
    from ml.commands import jobs

    end(jobs.stop(job or "", env=env, output=output, wait=wait))
