"""`ml compare`, `ml board` and `ml reproduce`."""

from typing import Annotated

import typer

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import Env, Output, complete_job, epilog

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN",
        autocompletion=complete_job,
        help="Jobs: by name, TEAM-NAME for the newest run, or MODEL/VERSION for the run that made a model.",
    ),
]


@app.command(
    epilog=epilog(
        "ml compare research-flight-delays-20261120-170000-9a2b research-flight-delays --env local",
        "ml compare flight-delays/3 flight-delays/4 --diff",
        "ml compare flight-delays@champion research-flight-delays -o json",
    )
)
def compare(
    runs: Runs,
    env: Env = None,
    output: Output = Format.TEXT,
    diff: Annotated[bool, typer.Option("--diff", help="Also the changes of the source, as `diff -u`.")] = False,
) -> None:
    """Show what differs between runs: metrics, parameters, data, code, image and packages."""
    from ml.commands import experiments

    end(experiments.compare(runs, env=env, output=output, diff=diff))


@app.command(
    epilog=epilog(
        "ml board research-flight-delays --env local",
        "ml board research-flight-delays-20261120-170000-9a2b research-flight-delays --port 6010",
        more="A script writes its logs to the folder that GROUNDWORK_TENSORBOARD_DIR names; Ctrl-C ends TensorBoard.",
    )
)
def board(
    runs: Runs,
    env: Env = None,
    output: Output = Format.TEXT,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="Port; 0 for any. Without it 6006, or the next that is free."),
    ] = None,
) -> None:
    """Open TensorBoard on the logs of runs, also while they run."""
    from ml.commands import experiments

    end(experiments.board(runs, env=env, output=output, port=port))


@app.command(
    epilog=epilog(
        "ml reproduce research-flight-delays-20261120-170000-9a2b --env local -y",
        "ml reproduce flight-delays@champion --tolerance 0.01 --ignore seconds",
        more="Exit code 0: every metric is the same, within the tolerance. 1: one is not, or the run failed.",
    )
)
def reproduce(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", autocompletion=complete_job, help="A job, or MODEL/VERSION for its job."),
    ],
    env: Env = None,
    output: Output = Format.TEXT,
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, help="Largest relative difference of a metric that counts as equal.")
    ] = 1e-9,
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="METRIC", help="A metric that need not be the same.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Run also where code or data are known not to be what they were.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Run it without being asked.")] = False,
) -> None:
    """Run a past run again from its record, and compare the metrics."""
    from ml.commands import experiments

    end(
        experiments.reproduce(
            run, env=env, output=output, tolerance=tolerance, ignored=ignore or [], force=force, yes=yes
        )
    )
