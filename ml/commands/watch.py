"""`ml watch`."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from ml.commands.output import Format, print_json, say, table
from ml.commands.watch_model import asked_model, asking
from ml.commands.watched import Watched
from ml.drift import DriftError
from ml.environment import Environment, open_environment, readable_errors
from ml.errors import EnvironmentNotReadyError, ExitCode, NotFoundError, SpecError
from ml.spec import load_spec
from ml.watch.metrics import Sample, exposition, put
from ml.watch.place import REFERENCE, Place
from ml.watch.quality import told as quality_told
from ml.watch.reference import build, compared_table
from ml.watch.run import Watcher
from ml.watch.tables import batches, opened
from ml.watch.told import headline, lines, names, quality_samples, samples
from platform_contract import PlatformContract

LAG = timedelta(minutes=5)
"""AWS says no more than that captures appear in S3 after some minutes."""


def start(spec_file: Path, *, env: str | None, output: Format) -> ExitCode:
    """Profile the reference of a spec's endpoint, calibrate on its windows, and keep both."""
    spec = load_spec(spec_file)
    if spec.deploy is None or spec.deploy.watch is None:
        raise SpecError(f"{spec_file}: has no `deploy.watch` section; add one (docs/watching.md)")
    environment = open_environment(env)
    contract = environment.for_team(spec.team)
    watch = spec.deploy.watch
    source = watch.reference
    if not source.startswith("s3://"):
        source = str(spec_file.parent / source)
    endpoint = f"{spec.team}-{spec.deploy.endpoint}"
    with readable_errors(environment):
        if watch.fallback is not None:
            _see_that_it_was(environment, contract, spec.team, endpoint, watch.fallback)
        s3 = environment.clients.client("s3")
        place = Place(s3, contract, spec.team, endpoint)
        model = asked_model(environment, contract, place, watch, spec_file.parent) if watch.attributions else None
        with opened(s3, source) as file:
            asks = asking(watch, model, batches(file)) if model else None
            reference = build(watch, batches(file), watch.reference, asks)
        place.write(REFERENCE, reference.document())
        place.settle()
    rule = reference.rule
    if output is Format.JSON:
        print_json(
            {
                "endpoint": endpoint,
                "reference": place.uri(REFERENCE),
                "rows": reference.profile.rows,
                "windows": rule.windows,
                "columns": list(reference.profile.names()),
                "falseAlarmRate": rule.rate,
                "model": reference.basis.model if reference.basis else None,
            }
        )
    else:
        print(
            f"The reference of {endpoint} has {reference.profile.rows:,} rows of "
            f"{len(list(reference.profile.names()))} columns, and {rule.windows} windows to calibrate on: at most "
            f"{rule.rate:g} of the windows without drift will be called drifted."
        )
        if reference.basis:
            print(f"What its answers depend on is asked of {reference.basis.model}.")
        print(f"Look at what comes in: ml watch run {endpoint} --env {environment.name}")
    return ExitCode.OK


def run(endpoint: str, *, env: str | None, output: Format, lag: int | None, prometheus: Path | None) -> ExitCode:
    """Judge the windows that are complete since the last run; tell, and react."""
    environment = open_environment(env)
    with readable_errors(environment):
        watched = Watched(environment, endpoint)
        reference = watched.reference()
        watcher = Watcher(watched.s3, watched.contract, watched.team, endpoint, watched.place, reference)
        cloudwatch = environment.clients.client("cloudwatch")
        now, told = datetime.now(UTC), list[Sample]()
        found: list[dict[str, Any]] = []
        for document in watcher.windows(now - (LAG if lag is None else timedelta(seconds=lag))):
            say(f"· {headline(document)}")
            measured = list(samples(document))
            put(cloudwatch, watched.team, endpoint, measured)
            told += measured
            found.append(document)
        qualities = list(watcher.quality(now))
        for document in qualities:
            measured = list(quality_samples(document))
            put(cloudwatch, watched.team, endpoint, measured)
            told += measured
        # What an earlier run found, and was killed before it told, is among them.
        untold = watched.place.unsettled()
        news = [document for document in qualities if document["lost"] and not document["told"]]
        reaction = watched.react(reference) if untold else None
        if not (untold or news) or watched.alert(untold, news, reaction):
            for document in news:
                watcher.quality_told(document)
            watched.place.settle()
    if prometheus is not None and told:
        _replace(prometheus, exposition(endpoint, told))
    drifted = [document for document in found if document["drifted"]]
    lost = [document for document in qualities if document["lost"]]
    if output is Format.JSON:
        print_json(
            {
                "endpoint": endpoint,
                "windows": found,
                "drifted": bool(drifted),
                "quality": qualities,
                "lost": bool(lost),
                "reaction": reaction,
            }
        )
    else:
        print(f"{_counted(len(found), 'window')} of {endpoint} complete since the last run, {len(drifted)} drifted.")
        for document in drifted:
            print(headline(document))
            print("\n".join(lines(document)))
        for document in qualities:
            print(f"{document['name']}: {quality_told(document)}")
    return ExitCode.DRIFTED if drifted or lost else ExitCode.OK


def _see_that_it_was(
    environment: Environment, contract: PlatformContract, team: str, endpoint: str, fallback: str
) -> None:
    """Raises NotFoundError unless the endpoint has had the version that it is to fall back to."""
    from ml.audit import AuditLog
    from ml.targets.sagemaker.history import named, versions

    try:
        named(versions(AuditLog(environment, contract, team).lines(), endpoint), endpoint, fallback)
    except NotFoundError as error:
        raise NotFoundError(f"deploy.watch.fallback: {error}. Deploy it first: it must have served here.") from error


def report(
    endpoint: str, window: str, *, env: str | None, page: Path | None, evidently: Path | None, reference: Path | None
) -> ExitCode:
    """Write pages about a window that was judged: the platform's own, Evidently's."""
    from ml.drift.evidently_page import imported

    if page is None and evidently is None:
        raise SpecError("Say what to write: --page FILE, --evidently FILE, or both.")
    try:
        if evidently is not None:
            imported()
    except DriftError as error:
        raise EnvironmentNotReadyError(str(error)) from error
    environment = open_environment(env)
    with readable_errors(environment):
        watched = Watched(environment, endpoint)
        if page is not None:
            page.write_bytes(watched.page(window))
            print(f"{page}: the page of {window}")
        if evidently is not None:
            _evidently(watched, window, evidently, reference)
            print(f"{evidently}: Evidently's page of {window}")
    return ExitCode.OK


def _evidently(watched: Watched, window: str, target: Path, table: Path | None) -> None:
    from importlib import import_module

    from ml.drift.evidently_page import write_evidently_page
    from ml.watch.again import rows_again

    pandas: Any = import_module("pandas")
    known = watched.reference()
    place = str(table) if table else known.source
    if not place.startswith("s3://") and not Path(place).is_file():
        raise NotFoundError(f"{place}, the reference of {watched.endpoint}, is not here: say where, with --reference.")
    rows = rows_again(watched.s3, watched.contract, watched.team, watched.endpoint, watched.place, known, window)
    with opened(watched.s3, place) as file:
        before = pandas.concat([compared_table(known.watch, frame, known.columns) for frame in batches(file)])
    current = pandas.DataFrame(rows)
    columns = [name for name in before.columns if name in current.columns]
    categories = [name for name in columns if known.profile.columns[name].kind == "category"]
    write_evidently_page(before[columns], current[columns], target, categories=categories)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def windows(endpoint: str, *, env: str | None, output: Format, most: int) -> ExitCode:
    """List what the windows were found to be, newest last."""
    environment = open_environment(env)
    with readable_errors(environment):
        place = Watched(environment, endpoint).place
        known = list(islice(place.windows(), most))[::-1]
    if output is Format.JSON:
        print_json({"endpoint": endpoint, "windows": known})
        return ExitCode.OK
    header = ("window", "rows", "verdict", "columns")
    print(table(header, [_row(document) for document in known]))
    return ExitCode.OK


def _row(document: dict[str, Any]) -> tuple[str, str, str, str]:
    verdict = "drifted" if document["drifted"] else "as the reference" if document["judged"] else "not judged"
    return document["name"], f"{document['rows']:,}", verdict, ", ".join(names(document))


def _replace(file: Path, text: str) -> None:
    """Write a file that a collector may read at any moment."""
    beside = file.with_name(f".{file.name}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)
