"""`ml watch`."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from ml.commands.output import Format, print_json, say, table
from ml.environment import Environment, open_environment, readable_errors, team_of
from ml.errors import ExitCode, MlError, NotFoundError, SpecError
from ml.spec import load_spec
from ml.watch.metrics import Sample, exposition, put
from ml.watch.place import REFERENCE, Place
from ml.watch.quality import told as quality_told
from ml.watch.reaction import react
from ml.watch.reference import Reference, build
from ml.watch.run import Watcher
from ml.watch.tables import batches, opened
from ml.watch.told import headline, lines, quality_samples, samples

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
    with readable_errors(environment):
        s3 = environment.clients.client("s3")
        with opened(s3, source) as file:
            reference = build(watch, batches(file), watch.reference)
        place = Place(s3, contract, spec.team, f"{spec.team}-{spec.deploy.endpoint}")
        place.write(REFERENCE, reference.document())
    rule = reference.rule
    if output is Format.JSON:
        print_json(
            {
                "endpoint": f"{spec.team}-{spec.deploy.endpoint}",
                "reference": place.uri(REFERENCE),
                "rows": reference.profile.rows,
                "windows": rule.windows,
                "columns": list(reference.profile.names()),
                "falseAlarmRate": rule.rate,
            }
        )
    else:
        print(
            f"The reference of {spec.team}-{spec.deploy.endpoint} has {reference.profile.rows:,} rows of "
            f"{len(list(reference.profile.names()))} columns, and {rule.windows} windows to calibrate on: at most "
            f"{rule.rate:g} of the windows without drift will be called drifted."
        )
        print(f"Look at what comes in: ml watch run {spec.team}-{spec.deploy.endpoint} --env {environment.name}")
    return ExitCode.OK


def run(endpoint: str, *, env: str | None, output: Format, lag: int | None, prometheus: Path | None) -> ExitCode:
    """Judge the windows that are complete since the last run; tell, and react."""
    environment = open_environment(env)
    with readable_errors(environment):
        watched = _Watched(environment, endpoint)
        reference = watched.reference()
        watcher = Watcher(watched.s3, watched.contract, watched.team, endpoint, watched.place, reference)
        cloudwatch = environment.clients.client("cloudwatch")
        now, told = datetime.now(UTC), list[Sample]()
        found: list[dict[str, Any]] = []
        for document in watcher.windows(now - (LAG if lag is None else timedelta(seconds=lag))):
            say(f"· {headline(document)}")
            put(cloudwatch, watched.team, endpoint, list(samples(document)))
            told += samples(document)
            found.append(document)
        qualities = list(watcher.quality(now))
        for document in qualities:
            put(cloudwatch, watched.team, endpoint, list(quality_samples(document)))
            told += quality_samples(document)
    if prometheus is not None and told:
        _replace(prometheus, exposition(endpoint, told))
    drifted = [document for document in found if document["drifted"]]
    lost = [document for document in qualities if document["lost"]]
    reaction = _reaction(watched, reference) if drifted else None
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


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _reaction(watched: "_Watched", reference: Reference) -> str | None:
    """`rollback`; `none` where that had been done before, or cannot be; None where nobody asked for it."""
    if reference.watch.on_drift == "alert":
        return None
    from ml.targets.sagemaker.endpoints import describe

    sagemaker = watched.environment.clients.client("sagemaker")
    try:
        with readable_errors(watched.environment):
            done = react(
                watched.place,
                lambda: describe(sagemaker, watched.endpoint).config,
                lambda: _bring_back(watched),
            )
    except MlError as error:
        say(f"{watched.endpoint} was not rolled back: {error}")
        return "none"
    if not done:
        say(f"{watched.endpoint} serves what an earlier reaction brought: it is not rolled back again.")
    return "rollback" if done else "none"


def _bring_back(watched: "_Watched") -> None:
    """Have the version before serve, and wait until it does. Raises MlError where there is none."""
    from ml.targets.sagemaker import endpoints
    from ml.targets.sagemaker.history import chosen
    from ml.targets.sagemaker.noticing import known_versions
    from ml.targets.sagemaker.restoring import restore

    environment, contract, team = watched.environment, watched.contract, watched.team
    sagemaker = environment.clients.client("sagemaker")
    now = endpoints.describe(sagemaker, watched.endpoint)
    version = chosen(known_versions(environment, contract, team, now), now.config, watched.endpoint, None)
    say(f"Drifted: bringing back version {version.number}, {version.job} …")
    restore(environment, contract, team, watched.endpoint, version)
    state = endpoints.wait(sagemaker, watched.endpoint, lambda status: say(f"· {status}"))
    if state.config != version.config:
        raise MlError(f"it is {state.status} with {state.config}: {state.reason or 'SageMaker gives no reason'}")


def windows(endpoint: str, *, env: str | None, output: Format, most: int) -> ExitCode:
    """List what the windows were found to be, newest last."""
    environment = open_environment(env)
    with readable_errors(environment):
        place = _Watched(environment, endpoint).place
        known = list(islice(place.windows(), most))[::-1]
    if output is Format.JSON:
        print_json({"endpoint": endpoint, "windows": known})
        return ExitCode.OK
    header = ("window", "rows", "verdict", "columns")
    print(table(header, [_row(document) for document in known]))
    return ExitCode.OK


def _row(document: dict[str, Any]) -> tuple[str, str, str, str]:
    verdict = "drifted" if document["drifted"] else "as the reference" if document["judged"] else "not judged"
    columns = dict.fromkeys(one["column"] for one in document["features"])
    return document["name"], f"{document['rows']:,}", verdict, ", ".join(columns)


class _Watched:
    """An endpoint and where what is known of it lies. Raises MlError for an endpoint of no team."""

    def __init__(self, environment: Environment, endpoint: str) -> None:
        team = team_of(environment, endpoint)
        self.environment = environment
        self.endpoint = endpoint
        self.team = team
        self.contract = environment.for_team(team)
        self.s3: Any = environment.clients.client("s3")
        self.place = Place(self.s3, self.contract, team, endpoint)

    def reference(self) -> Reference:
        """What its windows are held against. Raises NotFoundError where nobody has said that."""
        document = self.place.read(REFERENCE)
        if document is None:
            raise NotFoundError(
                f"{self.endpoint} is not watched yet: `ml watch start JOB.YAML`, with deploy.watch in it."
            )
        return Reference.from_document(document, self.place.uri(REFERENCE))


def _replace(file: Path, text: str) -> None:
    """Write a file that a collector may read at any moment."""
    beside = file.with_name(f".{file.name}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)
