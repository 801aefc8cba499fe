"""`ml validate`, `ml plan`, and the question that `ml train` asks."""

from pathlib import Path

from ml.commands.jobs import with_hyperparameters, with_max_cost
from ml.commands.output import Format, agreed, nobody_to_ask, print_json, say, with_yes
from ml.environment import Environment, open_environment
from ml.errors import EnvironmentNotReadyError, ExitCode, SpecError
from ml.plan.cost import cost_line, job_cost
from ml.plan.plan import Plan, make_plan
from ml.spec import JobSpec, load_spec


def validate(spec_file: Path, *, env: str | None, output: Format) -> ExitCode:
    """Check a spec by itself, and against an environment where one is named."""
    spec = load_spec(spec_file)
    document: dict[str, object] = {"spec": str(spec_file), "job": f"{spec.team}-{spec.name}", "valid": True}
    said = f"{spec_file}: {spec.team}-{spec.name} is valid."
    if env is not None:
        from ml.images import training_image

        environment = open_environment(env)
        contract = environment.for_team(spec.team)
        cost = job_cost(spec, contract)
        document |= {"environment": environment.name, "image": training_image(spec, contract), "cost": cost.document()}
        said = f"{spec_file}: {spec.team}-{spec.name} is valid in {environment.name}.\n{cost_line(spec, cost)}"
    if output is Format.JSON:
        print_json(document)
    else:
        print(said)
    return ExitCode.OK


def plan(spec_file: Path, *, env: str | None, output: Format, settings: list[str], max_cost: float | None) -> ExitCode:
    """Print what a job would be. Ends with ENVIRONMENT where the platform would not take it."""
    spec = with_max_cost(with_hyperparameters(load_spec(spec_file), settings), max_cost)
    made = make_plan(spec, spec_file.parent, open_environment(env))
    if output is Format.JSON:
        print_json(made.document())
    else:
        print(made.text())
    if made.problems:
        say(f"{made.job} cannot run: {_named(made)}")
        return ExitCode.ENVIRONMENT
    return ExitCode.OK


def confirm(spec: JobSpec, folder: Path, environment: Environment) -> bool:
    """Show the plan and ask. Raises SpecError where nobody can be asked, EnvironmentNotReadyError for a plan that
    cannot run."""
    if nobody_to_ask():
        raise SpecError(
            "A run costs money, so `ml train` shows its plan and asks; here is nobody to ask (stdin is no terminal). "
            f"Look at it with `ml plan`, and run it with -y:\n  {with_yes()}"
        )
    made = make_plan(spec, folder, environment)
    say(made.text())
    if made.problems:
        raise EnvironmentNotReadyError(f"{made.job} cannot run: {_named(made)}")
    return agreed()


def _named(made: Plan) -> str:
    return "; ".join(f"{one.about}: {one.text}" for one in made.problems)
