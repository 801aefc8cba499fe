"""`ml transform`."""

from pathlib import Path
from typing import Annotated

import typer

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import Env, Expires, Output, Team, Wait, complete_job, epilog


@app.command(
    epilog=epilog(
        "ml transform job.yaml --input flights/2014 --env local      # the newest completed run answers every row",
        "ml transform job.yaml --input s3://data/teams/research/rows/ --to predictions/2014 --join",
        "ml transform job.yaml --job research-flight-delays-20261121-093000-4f1c --input rows --instances 2 --no-wait",
        "ml transform --team research --model flight-delays/3 --input rows --type ml.c5.xlarge --concurrent 4",
    )
)
def transform(
    source: Annotated[
        str,
        typer.Option("--input", metavar="URI", help="What to answer: an S3 prefix, or a path below the team's data."),
    ],
    spec: Annotated[
        Path | None, typer.Argument(metavar="JOB.YAML", help="The job's spec; its `deploy` says image and environment.")
    ] = None,
    env: Env = None,
    output: Output = Format.TEXT,
    target: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="URI",
            help="Where the answers go, as KEY.out: below the team's prefixes; without it, a folder of its own.",
        ),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option("--job", metavar="JOB", autocompletion=complete_job, help="The run whose model answers."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME[/VERSION]", help="A model of the registry instead.")
    ] = None,
    team: Team = None,
    instance_type: Annotated[str, typer.Option("--type", metavar="TYPE", help="Instance type.")] = "ml.m5.large",
    instances: Annotated[
        int, typer.Option("--instances", min=1, max=100, help="How many; objects are shared out.")
    ] = 1,
    content_type: Annotated[
        str, typer.Option("--content-type", metavar="TYPE", help="MIME type of the objects.")
    ] = "text/csv",
    accept: Annotated[
        str | None, typer.Option("--accept", metavar="TYPE", help="MIME type of the answers; that of the objects.")
    ] = None,
    split: Annotated[
        bool, typer.Option("--split/--no-split", help="Each line is a record; or an object is one request.")
    ] = True,
    single: Annotated[bool, typer.Option("--single-record", help="One record a request.")] = False,
    zipped: Annotated[bool, typer.Option("--gzip", help="The objects are gzip files.")] = False,
    join: Annotated[bool, typer.Option("--join", help="Write each answer beside its record.")] = False,
    input_filter: Annotated[
        str | None, typer.Option("--input-filter", metavar="PATH", help="What the model gets, such as $[1:].")
    ] = None,
    output_filter: Annotated[
        str | None, typer.Option("--output-filter", metavar="PATH", help="What is written, such as $[0,-1].")
    ] = None,
    payload_mb: Annotated[
        int | None, typer.Option("--max-payload", metavar="MB", min=1, max=100, help="Largest request (6).")
    ] = None,
    concurrent: Annotated[
        int | None, typer.Option("--concurrent", min=1, max=100, help="Requests at once to each machine (1).")
    ] = None,
    expires: Expires = None,
    wait: Wait = True,
    log: Annotated[bool, typer.Option("--log/--no-log", help="Show the job's log while waiting.")] = True,
) -> None:
    """Answer every row of what lies in S3 with a trained model, without an endpoint (batch transform)."""
    from ml.commands import transform as command

    end(
        command.transform(
            spec,
            env=env,
            output=output,
            job=job,
            model=model,
            team=team,
            source=source,
            target=target,
            instance={"type": instance_type, "count": instances},
            data={
                "content_type": content_type,
                "accept": accept or content_type,
                "split": split,
                "single": single,
                "zipped": zipped,
                "join": join,
                "input_filter": input_filter,
                "output_filter": output_filter,
                "payload_mb": payload_mb,
                "concurrent": concurrent,
            },
            expires=expires,
            wait=wait,
            show_log=log,
        )
    )
