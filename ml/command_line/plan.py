"""`ml validate` and `ml plan`."""

from ml.command_line.root import app, end
from ml.commands.output import Format
from ml.options import SPEC_HELP, Env, MaxCost, Output, Settings, SpecFile, epilog


@app.command(
    epilog=epilog(
        "ml validate job.yaml                                  # the spec and the files that it names",
        "ml validate job.yaml --env dev                        # and whether dev has what it asks for",
        more=SPEC_HELP,
    )
)
def validate(spec: SpecFile, env: Env = None, output: Output = Format.TEXT) -> None:
    """Check a job's spec, without running anything: every mistake with its line and what to write instead."""
    from ml.commands import plan as commands

    end(commands.validate(spec, env=env, output=output))


@app.command(
    epilog=epilog(
        "ml plan job.yaml --env dev",
        "ml plan job.yaml --env dev --max-cost 2.50 -o json",
    )
)
def plan(
    spec: SpecFile,
    env: Env = None,
    output: Output = Format.TEXT,
    settings: Settings = None,
    max_cost: MaxCost = None,
) -> None:
    """Show what a job would be: machines, price, quota, role, image, what is uploaded already; nothing is sent."""
    from ml.commands import plan as commands

    end(commands.plan(spec, env=env, output=output, settings=settings or [], max_cost=max_cost))
