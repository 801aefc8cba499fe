"""`ml data`: what data sets are, and whether they are as expected."""

from pathlib import Path
from typing import Annotated

import typer

from ml.command_line.root import end, group
from ml.commands.output import Format
from ml.options import Env, Output, Team, epilog

app = group("data", "Data sets: what to expect of them, whether they are so, their versions and DVC's remote.")

Data = Annotated[
    list[str],
    typer.Argument(
        metavar="[NAME=]PATH...",
        help="Files or folders (.csv, .tsv, .parquet, .jsonl); NAME is the data set's, else the file's own.",
    ),
]
ExpectationsFile = Annotated[
    Path | None, typer.Option("--expectations", metavar="FILE", help="What to expect; expectations.yaml without it.")
]


@app.command(
    epilog=epilog(
        "ml data infer train=data/train.csv test=data/test.csv --key id --out expectations.yaml",
        "ml data infer reference.parquet --personal customer --fresh day=30d > expectations.yaml",
    )
)
def infer(
    data: Data,
    output: Output = Format.TEXT,
    personal: Annotated[
        list[str] | None, typer.Option("--personal", metavar="COLUMN", help="A column whose values nobody is to see.")
    ] = None,
    not_personal: Annotated[
        list[str] | None,
        typer.Option("--not-personal", metavar="COLUMN", help="One that is not, in spite of its name."),
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", metavar="COLUMN", help="Column that tells rows apart; may be repeated.")
    ] = None,
    fresh: Annotated[
        str | None, typer.Option("--fresh", metavar="COLUMN=AGE", help="Time column, and how old its newest may be.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write; stdout without it.")
    ] = None,
) -> None:
    """Draft expectations from reference data, for a person to review."""
    from ml.commands import data as command

    end(
        command.infer(
            data,
            output=output,
            personal=personal or [],
            not_personal=not_personal or [],
            key=key or [],
            fresh=fresh,
            out=out,
        )
    )


@app.command(
    epilog=epilog(
        "ml data validate train=data/train.csv test=data/test.csv --report report.html",
        "ml data validate job.yaml                             # the inputs of a job that are on this machine",
        "tail -f requests.jsonl | ml data validate --stream - --as serving --window 1000",
        "ml data validate --stream requests.csv --window 60s -o json",
    )
)
def validate(
    data: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=]PATH... | JOB.YAML", help="Data sets on this machine, or a job's spec."),
    ] = None,
    output: Output = Format.TEXT,
    expectations: ExpectationsFile = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Write the report, an HTML page, here.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Name of the data set in the expectations.")
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option("--stream", metavar="FILE", help="Check rows as they come (JSON lines, or CSV); - for stdin."),
    ] = None,
    window: Annotated[
        str,
        typer.Option("--window", metavar="ROWS|TIME", help="Of a stream: rows, such as 1000, or time, such as 60s."),
    ] = "1000",
) -> None:
    """Check data against expectations; exit code 1 says that something is not so."""
    from ml.commands import data as command

    if (stream is None) == (not data):
        raise typer.BadParameter("give either data sets (or a job's spec) or --stream")
    if stream is not None:
        end(
            command.validate_stream(
                stream, output=output, expectations_file=expectations, dataset=dataset or "stream", window=window
            )
        )
    end(command.validate(data or [], output=output, expectations_file=expectations, report=report, dataset=dataset))


@app.command(
    epilog=epilog(
        "ml data report research-loans --env local             # of the newest run",
        "ml data report research-loans-20261121-093000-4f1c-data --env dev --out report.html",
    )
)
def report(
    job: Annotated[
        str, typer.Argument(metavar="JOB", help="A training job, or the check's own job (its name and -data).")
    ],
    env: Env = None,
    output: Output = Format.TEXT,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Where to write; the check's name.html without it.")
    ] = None,
) -> None:
    """Fetch the report of a job's data validation, and say what was not as expected."""
    from ml.commands import data as command

    end(command.report(job, env=env, output=output, out=out))


@app.command(
    epilog=epilog(
        "ml data show job.yaml --env local                     # each input of a job",
        "ml data show flights/2013 --env dev --team research   # below the team's data prefix",
        "ml data show ./data/train --env dev -o json",
    )
)
def show(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE|JOB.YAML", help="As a spec names an input; or a spec, for all of its inputs."),
    ],
    env: Env = None,
    output: Output = Format.TEXT,
    team: Team = None,
) -> None:
    """Show the version of a data set: a digest of its content, the same wherever it lies."""
    from ml.commands import data as command

    end(command.show(source, env=env, output=output, team=team))


@app.command(epilog=epilog("ml data remote --env dev --team research", "ml data remote ./churn --env local"))
def remote(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The project's folder.")] = Path(),
    env: Env = None,
    output: Output = Format.TEXT,
    team: Team = None,
) -> None:
    """Set DVC's remote to the team's prefix in the environment's data bucket."""
    from ml.commands import data as command

    end(command.remote(folder, env=env, output=output, team=team))
