"""`ml watch`: whether what an endpoint is asked is still what its model was made for."""

from pathlib import Path
from typing import Annotated

import typer

from ml.command_line.root import end, group
from ml.commands.output import Format
from ml.options import Env, Output, SpecFile, complete_endpoint, epilog, seconds

watch = group("watch", "Watch an endpoint: whether what it is asked is still what its model was made for.")

Endpoint = Annotated[
    str,
    typer.Argument(metavar="ENDPOINT", autocompletion=complete_endpoint, help="The endpoint, with its team's name."),
]


@watch.command(epilog=epilog("ml watch start job.yaml --env local"))
def start(spec: SpecFile, env: Env = None, output: Output = Format.TEXT) -> None:
    """Profile the reference that a spec's deploy.watch names, once, and learn from its windows what is usual."""
    from ml.commands import watch as commands

    end(commands.start(spec, env=env, output=output))


@watch.command(
    epilog=epilog(
        "ml watch run research-flight-delays --env local",
        "ml watch run research-flight-delays --prometheus /var/lib/node_exporter/watch.prom",
    )
)
def run(
    endpoint: Endpoint,
    env: Env = None,
    output: Output = Format.TEXT,
    lag: Annotated[
        int | None,
        typer.Option(
            "--lag",
            metavar="TIME",
            parser=seconds,
            help="How old requests must be, so that all of them have been written; 5m if not given.",
        ),
    ] = None,
    prometheus: Annotated[
        Path | None,
        typer.Option(
            "--prometheus", metavar="FILE", help="Also write the metrics for node-exporter's textfile collector."
        ),
    ] = None,
) -> None:
    """Judge the windows that are complete since the last run, and tell; exits with 10 where one has drifted."""
    from ml.commands import watch as commands

    end(commands.run(endpoint, env=env, output=output, lag=lag, prometheus=prometheus))


@watch.command(epilog=epilog("ml watch windows research-flight-delays --env local -o json"))
def windows(
    endpoint: Endpoint,
    env: Env = None,
    output: Output = Format.TEXT,
    most: Annotated[int, typer.Option("--most", metavar="N", min=1, help="How many, the newest.")] = 20,
) -> None:
    """List the windows that were judged, newest last."""
    from ml.commands import watch as commands

    end(commands.windows(endpoint, env=env, output=output, most=most))


@watch.command(
    epilog=epilog(
        "ml watch report research-flight-delays 20260102T030405Z-0000 --page window.html",
        "ml watch report research-flight-delays 20260102T030405Z-0000 --evidently evidently.html",
    )
)
def report(
    endpoint: Endpoint,
    window: Annotated[str, typer.Argument(metavar="WINDOW", help="Its name, as `ml watch windows` lists it.")],
    env: Env = None,
    page: Annotated[
        Path | None, typer.Option("--page", metavar="FILE", help="The platform's page of a window that drifted.")
    ] = None,
    evidently: Annotated[
        Path | None,
        typer.Option("--evidently", metavar="FILE", help="Evidently's page, where Evidently is installed."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option("--reference", metavar="TABLE", help="The reference's table for Evidently, if it lies elsewhere."),
    ] = None,
) -> None:
    """Write pages about a window that was judged."""
    from ml.commands import watch as commands

    end(commands.report(endpoint, window, env=env, page=page, evidently=evidently, reference=reference))
