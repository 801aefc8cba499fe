"""`ml compare`, `ml board` and `ml reproduce`."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ml.commands.output import Format, agreed, duration, nobody_to_ask, print_json, say, table, with_yes
from ml.environment import open_environment, readable_errors
from ml.errors import ExitCode, NotFoundError, SpecError
from ml.experiments.compare import Comparison, Values, relative, short, source_changes
from ml.experiments.compare import compare as compare_runs
from ml.experiments.runs import Run, find_run

REFRESH_S = 10.0
"""Seconds between two looks for new logs, as often as a job delivers them."""


def compare(names: Sequence[str], *, env: str | None, output: Format, diff: bool) -> ExitCode:
    """Print what differs between runs."""
    if len(names) < 2:
        raise SpecError("Give at least two runs: ml compare RUN RUN …")
    environment = open_environment(env)
    runs = [find_run(environment, name) for name in names]
    comparison = compare_runs(environment, runs)
    changes = [source_changes(environment, runs[0], run) for run in runs[1:] if run.record and runs[0].record] * diff
    if output is Format.JSON:
        print_json({**comparison.document(), **({"diff": changes} if diff else {})})
        return ExitCode.OK
    print(as_text(comparison))
    for change in changes:
        print(f"\n{change}", end="")
    return ExitCode.OK


def as_text(comparison: Comparison) -> str:
    """A comparison as a table, one column a run."""
    runs = comparison.runs
    rows: list[Sequence[Any]] = [
        ("status", *(run.state.status for run in runs)),
        ("created", *(run.state.created for run in runs)),
        ("trained", *(duration(run.state.seconds) for run in runs)),
        ("cost", *(_cost(run) for run in runs)),
        ("by", *(run.record.submitter if run.record else None for run in runs)),
    ]
    empty = [""] * len(runs)

    def section(title: str, values: Values) -> list[Sequence[Any]]:
        if not values:
            return []
        return [("", *empty), (title, *empty), *((f"  {name}", *row) for name, row in values.items())]

    rows += section("METRICS", {name: _metric_cells(row) for name, row in comparison.metrics.items()})
    for title, values in (
        ("PARAMETERS", comparison.parameters),
        ("DATA", _cells(comparison.data)),
        ("CODE", _cells(comparison.code)),
        ("FILES", _cells(comparison.files)),
        ("IMAGE", _cells(comparison.image)),
        ("PACKAGES", comparison.packages),
    ):
        rows += section(title, values)
    text = table(("", *(run.job for run in runs)), rows)
    if comparison.alike:
        text += "\n\nThe same parameters, data, code, image and packages, as far as is known."
    return text + "".join(f"\nNot compared: {reason}" for reason in comparison.unknown)


def board(names: Sequence[str], *, env: str | None, output: Format, port: int | None) -> ExitCode:
    """Open TensorBoard on runs until Ctrl-C."""
    from ml.experiments.board import Logs, start_tensorboard

    environment = open_environment(env)
    runs = [find_run(environment, name) for name in names]
    with tempfile.TemporaryDirectory(prefix="ml-board-") as folder:
        logs: list[Logs] = []
        for run in runs:
            if run.tracked is None:
                raise NotFoundError("\n".join(run.missing) or f"{run.job} has no MLflow run.")
            logs.append(Logs(environment, run.tracked, Path(folder) / run.job))
        files = [one.fetch() for one in logs]
        finished = all(run.state.finished for run in runs)
        empty = [run.job for run, count in zip(runs, files, strict=True) if not count]
        if finished and len(empty) == len(runs):
            raise NotFoundError(
                f"{', '.join(empty)}: no TensorBoard logs. A script writes them to the folder that the variable "
                "GROUNDWORK_TENSORBOARD_DIR names."
            )
        for job in empty:
            say(f"{job} has no TensorBoard logs{'' if finished else ' yet'}.")
        address = start_tensorboard(Path(folder), port)
        if output is Format.JSON:
            print_json({"url": address, "runs": [run.job for run in runs]})
        else:
            print(f"TensorBoard: {address}", flush=True)
            say("Ctrl-C ends it.")
        try:
            while True:
                time.sleep(REFRESH_S)
                if not finished:
                    for one in logs:
                        one.fetch()
        except KeyboardInterrupt:
            return ExitCode.OK


def reproduce(
    name: str, *, env: str | None, output: Format, tolerance: float, ignored: list[str], force: bool, yes: bool
) -> ExitCode:
    """Run a run again and compare its metrics."""
    from ml.experiments.reproduce import again, check_ingredients, check_metrics, submit_again
    from ml.plan.cost import cost_line
    from ml.spec import JobSpec
    from ml.targets.sagemaker import jobs

    environment = open_environment(env)
    first = find_run(environment, name)
    record = first.record
    if record is None:
        raise NotFoundError("\n".join(first.missing))
    if not first.metrics:
        raise SpecError(f"{first.job} has no metrics, so nothing would say whether a second run equals it.")
    contract = environment.for_team(record.team)
    checks = check_ingredients(environment, contract, record, first.tracked)
    for check in checks:
        say(f"{ {True: 'same', False: 'OTHER', None: 'not known'}[check.same]:<9}  {check.about}: {check.text}")
    if any(check.same is False for check in checks) and not force:
        raise SpecError(f"{first.job} cannot be run as it was. With --force it is run with what is there now.")
    second, cost = again(environment, contract, record)
    say(cost_line(JobSpec.model_validate(record.spec), cost))
    if not yes and not _confirmed():
        return ExitCode.OK
    job = submit_again(environment, contract, second, cost)
    say(f"Submitted {job.name} to {environment.name}.")
    sagemaker = environment.clients.client("sagemaker")
    try:
        with readable_errors(environment):
            state = jobs.follow(sagemaker, None, job.name, lambda _: None, _say_state)
    except KeyboardInterrupt:
        say(f"\nNo longer waiting; {job.name} goes on. Afterwards: ml compare {first.job} {job.name}")
        return ExitCode.INTERRUPTED
    now = find_run(environment, job.name)
    results = check_metrics(first.metrics, now.metrics, tolerance, ignored)
    equal = state.exit_code is ExitCode.OK and all(one.equal for one in results)
    if output is Format.JSON:
        document = {"run": first.job, "again": job.name, "status": state.status, "equal": equal, "tolerance": tolerance}
        made_of = [asdict(check) for check in checks]
        print_json({**document, "ingredients": made_of, "metrics": [asdict(one) for one in results]})
    else:
        cells = [
            (one.name, _number(one.then), _number(one.now), _percent(one.difference), "equal" if one.equal else "OTHER")
            for one in results
        ]
        print(table(("METRIC", "THEN", "NOW", "DIFFERENCE", ""), cells))
        print(_verdict(first, now, equal))
    if state.exit_code is not ExitCode.OK:
        return state.exit_code
    return ExitCode.OK if equal else ExitCode.JOB_FAILED


def _verdict(first: Run, now: Run, equal: bool) -> str:
    if not now.state.finished or now.state.status != "Completed":
        return f"{now.job} {now.state.status.lower()}: ml logs {now.job}"
    if equal:
        return f"{now.job} reproduces {first.job}."
    return f"{now.job} does not reproduce {first.job}. What differs: ml compare {first.job} {now.job}"


def _confirmed() -> bool:
    if nobody_to_ask():
        raise SpecError(
            f"A run costs money, and here is nobody to ask (stdin is no terminal). Say so with -y:\n  {with_yes()}"
        )
    return agreed()


def _say_state(state: Any) -> None:
    if not state.finished and state.detail:
        say(f"· {state.detail}")


def _cost(run: Run) -> str | None:
    """What the machines cost on demand for as long as it trained."""
    hourly = run.record.price_per_hour_usd if run.record else None
    if hourly is None or run.state.seconds is None:
        return None
    spot = " or less, as spot" if run.record and run.record.request.get("EnableManagedSpotTraining") else ""
    return f"{hourly * run.state.seconds / 3600:.4f} USD{spot}"


def _cells(values: Values) -> Values:
    return {name: [_cell(value) for value in row] for name, row in values.items()}


def _cell(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return None if value is None else short(value)


def _metric_cells(row: Sequence[Any]) -> list[Any]:
    cells: list[Any] = []
    for value in row:
        change = relative(value, row[0])
        cells.append(None if value is None else f"{_number(value)}{f' ({change})' if change else ''}")
    return cells


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:+.3%}"
