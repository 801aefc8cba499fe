"""`ml deploy` and `ml predict`."""

from pathlib import Path
from typing import Annotated

import typer

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import Env, Expires, Output, Team, Wait, complete_endpoint, complete_job, epilog


@app.command(
    epilog=epilog(
        "ml deploy job.yaml --env local                        # the newest completed run of this spec",
        "ml deploy job.yaml --job research-flight-delays-20261121-093000-4f1c",
        "ml deploy job.yaml --model flight-delays/3            # a version in the registry",
        "ml deploy --team research --endpoint trial --model flight-delays --expires 8h",
        "ml deploy job.yaml --variant challenger --weight 10 --rollout all-at-once   # an A/B test",
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
    expires: Expires = None,
    variant: Annotated[
        str | None,
        typer.Option(
            "--variant",
            metavar="NAME",
            help="main, which answers alone; challenger, which answers --weight percent of the requests beside it; or "
            "shadow, which gets copies of them. In place of the spec's.",
        ),
    ] = None,
    weight: Annotated[
        float | None, typer.Option("--weight", metavar="PERCENT", help="Share of the requests for a challenger.")
    ] = None,
    rollout: Annotated[
        str | None,
        typer.Option(
            "--rollout",
            metavar="STRATEGY",
            help="all-at-once, blue-green, canary, linear or rolling, in place of the spec's.",
        ),
    ] = None,
) -> None:
    """Put a trained model behind an endpoint, wait until it answers, and see that it is as it was to be."""
    from ml.commands import endpoints

    end(
        endpoints.deploy(
            spec,
            env=env,
            output=output,
            job=job,
            model=model,
            endpoint=endpoint,
            team=team,
            wait=wait,
            expires=expires,
            variant=variant,
            weight=weight,
            rollout=rollout,
        )
    )


@app.command(
    epilog=epilog(
        "ml predict --endpoint research-flight-delays rows.csv --env local",
        "ml predict --endpoint research-flight-delays rows.json -o json",
        "ml predict --endpoint research-trial rows.csv --wait   # of one that has scaled to zero",
        "ml predict --async --endpoint research-summaries rows.jsonl --no-wait",
        "ml predict --endpoint research-shops --model berlin rows.csv   # one of several (deploy.models)",
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
    inference_id: Annotated[
        str | None,
        typer.Option(
            "--inference-id",
            metavar="ID",
            help="Id that the request is captured with, for `ml lineage` and for truth; without it a new one, which "
            "-o json shows.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", help="Which of an endpoint's several models (`deploy.models`)."),
    ] = None,
    asynchronous: Annotated[
        bool, typer.Option("--async", help="Through the queue of an asynchronous endpoint (`deploy.async`).")
    ] = False,
    wait: Annotated[
        bool | None,
        typer.Option(
            "--wait/--no-wait",
            help="Ask again until an endpoint that has scaled to zero is awake. With --async: wait for the answers, or "
            "print where they will be.",
        ),
    ] = None,
) -> None:
    """Ask an endpoint about rows; prints one prediction a row."""
    from ml.commands import endpoints

    end(
        endpoints.predict(
            rows,
            env=env,
            output=output,
            endpoint=endpoint,
            content_type=content_type,
            accept=accept,
            inference_id=inference_id,
            asynchronous=asynchronous,
            wait=wait,
            model=model,
        )
    )


@app.command(
    epilog=epilog(
        "ml rollback research-flight-delays --env local        # to the version before the one that serves",
        "ml rollback research-flight-delays --list             # its versions",
        "ml rollback research-flight-delays --to 3",
    )
)
def rollback(
    endpoint: Annotated[
        str,
        typer.Argument(
            metavar="ENDPOINT", autocompletion=complete_endpoint, help="Endpoint, with or without the team."
        ),
    ],
    env: Env = None,
    output: Output = Format.TEXT,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="A version's number, or its job; the one before without it."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the endpoint's versions, and change nothing.")] = False,
    wait: Wait = True,
) -> None:
    """Bring an earlier version of an endpoint back, wait until it answers, and see that it is as it was."""
    from ml.commands import rollback as command

    end(command.rollback(endpoint, env=env, output=output, to=to, show=show, wait=wait))
