"""`ml experiment`."""

from typing import Annotated

import typer

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import Env, Output, complete_endpoint, epilog


@app.command(
    epilog=epilog(
        "ml experiment research-flight-delays --env dev                          # errors, from CloudWatch",
        "ml experiment research-flight-delays --metric correct --threshold 0.5 --truth s3://data/truth/ --guard errors",
        "ml experiment research-flight-delays --metric absolute-error --truth truth.csv --margin 0.5",
        "ml experiment research-flight-delays --metric latency --margin 5 -o json",
        more="Truth has the columns id (the inference id that the request was sent with, or its event id), value, and "
        "row, from 1, where a request has several. Exit code 0: the challenger is better, or alike within --margin. 7: "
        "the test goes on. 8: the challenger is worse or harms a guard, the test ended undecided, or its split is "
        "broken.",
    )
)
def experiment(
    endpoint: Annotated[
        str,
        typer.Argument(metavar="ENDPOINT", autocompletion=complete_endpoint, help="With or without the team."),
    ],
    env: Env = None,
    output: Output = Format.TEXT,
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="What decides: errors or latency (from CloudWatch), correct, absolute-error or truth (with --truth), "
            "or prediction.",
        ),
    ] = "errors",
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth", metavar="PLACE", help="What became true: a CSV or JSON lines file or folder, here or s3://."
        ),
    ] = None,
    guard: Annotated[
        list[str] | None,
        typer.Option(
            "--guard", metavar="NAME[=MARGIN]", help="errors or latency: the challenger may not be worse (by MARGIN)."
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option("--margin", metavar="NUMBER", help="The largest difference of the metric that does not matter."),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option(
            "--alpha", help="How often, at most, a difference is seen where there is none, however many looks."
        ),
    ] = 0.05,
    most: Annotated[
        int, typer.Option("--most", min=1, help="Observations after which the test ends in any case.")
    ] = 100_000,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="A time in UTC, or 2d for two days ago; else since the deployment."
        ),
    ] = None,
    threshold: Annotated[float | None, typer.Option("--threshold", help="From which a prediction counts as 1.")] = None,
    column: Annotated[
        str | None, typer.Option("--column", metavar="NAME", help="Column of the answer, where it has several.")
    ] = None,
    higher_is_better: Annotated[
        bool | None,
        typer.Option("--higher-is-better/--lower-is-better", help="Of truth and prediction; else higher is."),
    ] = None,
) -> None:
    """Show what an endpoint's A/B test of main and challenger says: estimate, interval and decision."""
    from ml.commands import abtests

    end(
        abtests.experiment(
            endpoint,
            env=env,
            output=output,
            metric=metric,
            truth=truth,
            guards=guard or [],
            margin=margin,
            alpha=alpha,
            most=most,
            since=since,
            threshold=threshold,
            column=column,
            higher_is_better=higher_is_better,
        )
    )
