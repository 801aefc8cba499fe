"""`ml data infer`, `validate`, `report`, `show` and `remote`."""

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ml.commands.output import Format, print_json, say, table
from ml.durations import parsed
from ml.environment import Environment, open_environment, readable_errors, team_names
from ml.errors import ExitCode, NotFoundError, SpecError

_MOST_SHOWN = 30


def infer(
    data: list[str],
    *,
    output: Format,
    personal: list[str],
    not_personal: list[str],
    key: list[str],
    fresh: str | None,
    out: Path | None,
) -> ExitCode:
    """Write what to expect of data like these."""
    from ml.data.infer import PERSONAL_NAME, infer
    from ml.data.write import expectations_text

    tables = read_tables(_named(data))
    try:
        expectations = infer(tables, personal=personal, not_personal=not_personal, key=key, fresh=fresh)
    except ValueError as error:
        raise SpecError(str(error)) from error
    guessed = [name for name in expectations.personal if name not in personal and PERSONAL_NAME.search(name)]
    if guessed:
        say(f"Marked personal by their names: {', '.join(guessed)} (--not-personal NAME takes that back).")
    if output is Format.JSON:
        print_json(expectations.model_dump(mode="json", exclude_unset=True))
        return ExitCode.OK
    text = expectations_text(expectations)
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, encoding="utf-8")
        print(f"{out}: review it, then `ml data validate … --expectations {out}`.")
    return ExitCode.OK


def validate(
    data: list[str], *, output: Format, expectations_file: Path | None, report: Path | None, dataset: str | None
) -> ExitCode:
    """Check files on this machine, or the inputs of a job's spec that are."""
    from ml.data.check import check
    from ml.data.load import FILE_NAME, load_expectations

    if len(data) == 1 and data[0].endswith((".yaml", ".yml")):
        sources, file = _of_spec(Path(data[0]))
        expectations = load_expectations(expectations_file or file)
    else:
        expectations = load_expectations(expectations_file or Path(FILE_NAME))
        sources = _named(data)
        if dataset is not None:
            if len(sources) != 1:
                raise SpecError("--as names the one data set that is checked; write NAME=PATH for several")
            sources = {dataset: next(iter(sources.values()))}
    result = check(expectations, read_tables(sources, expectations))
    if report is not None:
        from ml.data.report import report_html

        versions = [(f"Data {name}", str(path)) for name, path in sources.items()]
        report.write_text(report_html(result, "Data validation", versions), encoding="utf-8")
    _print_result(result, output, str(report) if report else None)
    return ExitCode.OK if result.passed else ExitCode.JOB_FAILED


def validate_stream(
    source: str, *, output: Format, expectations_file: Path | None, dataset: str, window: str
) -> ExitCode:
    """Check a stream of rows, a window at a time, and tell of each window when it is complete."""
    from ml.data.load import FILE_NAME, load_expectations
    from ml.data.stream import check_window, windows

    expectations = load_expectations(expectations_file or Path(FILE_NAME))
    rows = int(window) if window.isdigit() and int(window) else None
    try:
        seconds = None if rows else float(parsed(window))
    except ValueError as error:
        raise SpecError(f"--window {window}: a number of rows such as 1000, or a time such as 60s") from error
    passed = True
    with sys.stdin.buffer if source == "-" else _opened(source) as stream:
        for one in windows(stream, rows=rows, seconds=seconds):
            result = check_window(expectations, one, dataset)
            passed = passed and result.passed
            where = {"window": one.number, "first_row": one.first, "rows": len(one.lines)}
            if output is Format.JSON:
                document = {**where, "time": one.closed.isoformat(timespec="seconds"), "passed": result.passed}
                failed = [entry for entry in result.document()["findings"] if not entry["passed"]]
                print(json.dumps({**document, "findings": failed}), flush=True)
                continue
            words = "as expected" if result.passed else f"{len(result.failed)} of {len(result.findings)} checks failed"
            print(f"window {one.number}, rows {one.first}-{one.first + len(one.lines) - 1}: {words}", flush=True)
            for finding in result.failed[:_MOST_SHOWN]:
                print(f"  {finding}", flush=True)
    return ExitCode.OK if passed else ExitCode.JOB_FAILED


def report(name: str, *, env: str | None, output: Format, out: Path | None) -> ExitCode:
    """Fetch the report of a job's data validation."""
    from ml.data.findings import result_of

    environment = open_environment(env)
    with readable_errors(environment):
        uri = _validation_of(environment, name)
        result = result_of(json.loads(_fetch(environment, f"{uri}result.json")))
        page = _fetch(environment, f"{uri}report.html")
    file = out or Path(f"{uri.rstrip('/').rsplit('/', 1)[-1]}.html")
    file.write_bytes(page)
    _print_result(result, output, str(file), uri)
    return ExitCode.OK


def show(source: str, *, env: str | None, output: Format, team: str | None) -> ExitCode:
    """The version of a data set, or of each input of a job's spec."""
    from ml.data.version import input_version, spec_versions

    environment = open_environment(env)
    if source.endswith((".yaml", ".yml")) and Path(source).is_file():
        from ml.spec import load_spec

        spec = load_spec(Path(source))
        contract = environment.for_team(spec.team)
        versions = spec_versions(environment, contract.teams[spec.team], spec, Path(source).parent)
    else:
        owner = team or _only_team(environment)
        contract = environment.for_team(owner)
        versions = {source: input_version(environment, contract.teams[owner], source, Path())}
    if output is Format.JSON:
        print_json({name: version.document() for name, version in versions.items()})
        return ExitCode.OK
    rows = [
        (name, version.digest, len(version.objects), f"{version.size_bytes:,}", version.uri)
        for name, version in versions.items()
    ]
    print(table(("DATA", "VERSION", "FILES", "BYTES", "WHERE"), rows) if rows else "The spec has no inputs.")
    return ExitCode.OK


def remote(folder: Path, *, env: str | None, output: Format, team: str | None) -> ExitCode:
    """Set DVC's remote of a project."""
    from ml.data.remote import configure

    if not folder.is_dir():
        raise SpecError(f"{folder}: no such folder")
    environment = open_environment(env)
    owner = team or _only_team(environment)
    contract = environment.for_team(owner)
    url = configure(folder, contract, contract.teams[owner], environment.profile)
    name = contract.platform.environment
    if output is Format.JSON:
        print_json({"remote": name, "url": url, "team": owner})
    else:
        print(f"DVC's remote {name!r} is {url}.\n`dvc add DATA`, `git commit`, then `dvc push -r {name}`.")
    return ExitCode.OK


def read_tables(sources: Mapping[str, Path], expectations: Any = None) -> dict[str, Any]:
    """The tables of files or folders, by name. Raises SpecError."""
    from ml.data.tables import TableError, read_table
    from ml.packaging.inputs import read_input

    tables: dict[str, Any] = {}
    for name, path in sources.items():
        if not path.exists():
            raise SpecError(f"{path}: no such file or folder")
        try:
            tables[name] = read_table([file.path for file in read_input(path).files], expectations, name)
        except TableError as error:
            raise SpecError(f"{name}: {error}") from error
    return tables


def _named(data: Iterable[str]) -> dict[str, Path]:
    """NAME=PATH, or a path whose own name, less its endings, is the data set's."""
    named: dict[str, Path] = {}
    for entry in data:
        match = re.fullmatch(r"([A-Za-z0-9.\-_]+)=(.+)", entry)
        path = Path(match[2] if match else entry)
        name = match[1] if match else path.name.split(".")[0]
        if name in named:
            raise SpecError(f"{entry}: there are two data sets {name!r}; write NAME=PATH")
        named[name] = path
    return named


def _of_spec(spec_file: Path) -> tuple[dict[str, Path], Path]:
    """The checked inputs of a job's spec that are on this machine, and its file of expectations."""
    from ml.data.load import checked_channels
    from ml.spec import load_spec

    spec = load_spec(spec_file)
    if spec.validation is None:
        raise SpecError(f"{spec_file}: has no `validation`; name the data and --expectations FILE")
    sources: dict[str, Path] = {}
    for name in checked_channels(spec):
        channel = spec.inputs[name]
        if not channel.is_local:
            raise SpecError(f"{spec_file}: inputs.{name}: is not on this machine; `ml train` checks it where it is")
        sources[name] = spec_file.parent / channel.source
    return sources, spec_file.parent / spec.validation.expectations


def _print_result(result: Any, output: Format, report_file: str | None, uri: str | None = None) -> None:
    if output is Format.JSON:
        print_json({**result.document(), "report": report_file, "uri": uri})
        return
    failed = result.failed
    for finding in failed[:_MOST_SHOWN]:
        print(finding)
    if len(failed) > _MOST_SHOWN:
        print(f"… and {len(failed) - _MOST_SHOWN} more")
    count = len(result.findings)
    print(f"{len(failed)} of {count} checks failed." if failed else f"All {count} checks passed.")
    if report_file:
        print(f"Report: {report_file}")


def _validation_of(environment: Environment, name: str) -> str:
    """Where the result of a check lies, by the name of its own job or of the training job."""
    from botocore.exceptions import ClientError

    from ml.aws import error_details
    from ml.data.gate import validation_uri
    from ml.data.request import SUFFIX
    from ml.targets.sagemaker import jobs

    sagemaker = environment.clients.client("sagemaker")
    if name.endswith(SUFFIX):
        try:
            answer = sagemaker.describe_processing_job(ProcessingJobName=name)
            return f"{answer['ProcessingOutputConfig']['Outputs'][0]['S3Output']['S3Uri'].rstrip('/')}/"
        except ClientError as error:
            if error_details(error).code not in ("ResourceNotFound", "ValidationException"):
                raise
    job = jobs.find(sagemaker, name).name
    uri = validation_uri(sagemaker.describe_training_job(TrainingJobName=job))
    if uri is None:
        raise NotFoundError(f"{job} had no data validation: its spec has no `validation`.")
    return uri


def _fetch(environment: Environment, uri: str) -> bytes:
    from botocore.exceptions import ClientError

    from ml.aws import no_such_object

    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        return environment.clients.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if no_such_object(error):
            raise NotFoundError(f"There is no {uri}: the check has not ended, or left nothing.") from error
        raise


def _only_team(environment: Environment) -> str:
    teams = team_names(environment)
    if len(teams) != 1:
        raise SpecError(f"Which team? Say --team NAME; {environment.name!r} has {', '.join(teams) or 'none'}.")
    return teams[0]


def _opened(source: str) -> Any:
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise SpecError(f"{source}: cannot be read: {error.strerror}") from error
