"""Options that several subcommands of `ml` share, what completes them, and the ends of their help."""

from pathlib import Path
from typing import Annotated

import typer

from ml.commands.output import Format
from ml.errors import EXIT_CODES

EXIT_CODE_HELP = "\b\nExit codes:\n" + "\n".join(f"  {int(code):>3}  {text}" for code, text in EXIT_CODES.items())
SPEC_HELP = """\b
A job's spec (JSON Schema: ml/schemas/job.schema.json):
  name: flight-delays
  team: research
  entry_point: train.py
  image: training:0.1.0
  instance: {type: ml.m5.xlarge}
  hyperparameters: {learning_rate: 0.1}
  inputs: {train: flights/2013}
  max_runtime: 1h
  max_cost: 0.50
  register: flight-delays
  deploy: {endpoint: flight-delays}"""


def epilog(*examples: str, more: str = "") -> str:
    """The end of a subcommand's help: examples, `more`, and what the exit codes mean."""
    lines = "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)
    return "\n\n".join(part for part in (lines, more, EXIT_CODE_HELP) if part)


def complete_environment(incomplete: str) -> list[str]:
    """Completes an environment's name."""
    from ml.completion import environments

    return environments(incomplete)


def complete_job(context: typer.Context, incomplete: str) -> list[str]:
    """Completes a job's name, in the environment that the line names so far."""
    from ml.completion import job_names

    return job_names(context.params.get("env"), incomplete)


def complete_endpoint(context: typer.Context, incomplete: str) -> list[str]:
    """Completes an endpoint's name, in the environment that the line names so far."""
    from ml.completion import endpoint_names

    return endpoint_names(context.params.get("env"), incomplete)


Env = Annotated[
    str | None,
    typer.Option(
        "--env",
        "-e",
        metavar="NAME",
        autocompletion=complete_environment,
        help="Environment: its AWS profile is groundwork-NAME. Without it, GROUNDWORK_ENV or AWS_PROFILE says which.",
    ),
]
Output = Annotated[Format, typer.Option("--output", "-o", help="How the result is printed, on stdout.")]
SpecFile = Annotated[Path, typer.Argument(metavar="JOB.YAML", help="The job's spec.")]
JobName = Annotated[
    str,
    typer.Argument(
        metavar="JOB", autocompletion=complete_job, help="A job's name, or TEAM-NAME for the newest run of it."
    ),
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter in place of the spec's.")
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost",
        metavar="USD",
        help="Most that the run may cost, in place of the spec's max_cost: it is stopped before it passes that.",
    ),
]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end.")]
Team = Annotated[str | None, typer.Option("--team", metavar="TEAM", help="The team.")]


def seconds(text: str) -> int:
    """A length of time on the command line. Raises typer.BadParameter."""
    from ml.durations import parsed

    try:
        found = int(text) if text.isdigit() else parsed(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} {error}") from None
    return int(found)


Expires = Annotated[
    int | None,
    typer.Option(
        "--expires", metavar="TIME", parser=seconds, help="How long it may live, such as 8h; `ml gc` removes it then."
    ),
]
