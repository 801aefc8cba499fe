"""What differs between runs: metrics, parameters, data, code, image and the packages that the script could import."""

import difflib
import io
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ml.aws import no_such_object
from ml.environment import Environment, readable_errors
from ml.errors import NotFoundError
from ml.experiments.runs import ENVIRONMENT_FILE, Run, read_artifact

Values = dict[str, list[Any]]
"""Name to one value a run, in the runs' order; None where a run has none."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs beside each other.

    Each member holds what differs alone; metrics holds all of them. files: source files to the digest of their content.
    packages: Python packages to their versions. unknown: what could not be compared, in words.
    """

    runs: list[Run]
    metrics: Values
    parameters: Values
    data: Values
    code: Values
    files: Values
    image: Values
    packages: Values
    unknown: list[str] = field(default_factory=list[str])

    @property
    def alike(self) -> bool:
        """Whether nothing that makes a run differs: not its results."""
        return not any((self.parameters, self.data, self.code, self.files, self.image, self.packages))

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        sections = ("metrics", "parameters", "data", "code", "files", "image", "packages")
        return {
            "runs": [_summary(run) for run in self.runs],
            "differences": {name: getattr(self, name) for name in sections},
            "alike": self.alike,
            "unknown": self.unknown,
        }


def compare(environment: Environment, runs: Sequence[Run]) -> Comparison:
    """Compare runs with each other."""
    unknown = [text for run in runs for text in run.missing]
    data = _table([{name: one.version or one.uri for name, one in _inputs(run).items()} for run in runs])
    for name in sorted({name for run in runs for name, one in _inputs(run).items() if one.version is None}):
        unknown.append(f"data: {name} has no version in the record of every run; the addresses were compared")
    code = differing(_table([_code(run) for run in runs]))
    files: Values = {}
    if "digest" in code and all(run.record for run in runs):
        try:
            files = differing(_table([file_digests(sources(environment, run)) for run in runs]))
        except NotFoundError as error:
            unknown.append(f"files: {error}")
    return Comparison(
        runs=list(runs),
        metrics=_table([run.metrics for run in runs]),
        parameters=differing(_table([run.parameters for run in runs])),
        data=differing(data),
        code=code,
        files=files,
        image=differing(_table([_image(run) for run in runs])),
        packages=differing(_packages(environment, runs, unknown)),
        unknown=unknown,
    )


def sources(environment: Environment, run: Run) -> dict[str, bytes]:
    """The source files of a run, by name. Raises NotFoundError where they have been removed."""
    assert run.record is not None
    bucket, _, prefix = run.record.code.uri.removeprefix("s3://").partition("/")
    try:
        with readable_errors(environment):
            answer = environment.clients.client("s3").get_object(Bucket=bucket, Key=f"{prefix}source.tar.gz")
            body = answer["Body"].read()
    except ClientError as error:
        if no_such_object(error):
            raise NotFoundError(f"The source of {run.job} is not at {run.record.code.uri} any more.") from error
        raise
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None:
                found[member.name] = file.read()
    return found


def file_digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each file, in hex."""
    import hashlib

    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def source_changes(environment: Environment, first: Run, second: Run) -> str:
    """The changes of the source from one run to another, as `diff -u` writes them."""
    before, after = sources(environment, first), sources(environment, second)
    lines: list[str] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name, b""), after.get(name, b"")
        if old == new:
            continue
        try:
            was, now = old.decode().splitlines(keepends=True), new.decode().splitlines(keepends=True)
        except UnicodeDecodeError:
            lines.append(f"Binary files {first.job}/{name} and {second.job}/{name} differ\n")
            continue
        for line in difflib.unified_diff(was, now, f"{first.job}/{name}", f"{second.job}/{name}"):
            lines.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(lines)


def differing(values: Values) -> Values:
    """The rows whose values are not all the same."""
    return {name: row for name, row in values.items() if any(value != row[0] for value in row)}


def _table(columns: Sequence[Mapping[str, Any]]) -> Values:
    names = sorted({name for column in columns for name in column})
    return {name: [column.get(name) for column in columns] for name in names}


def _inputs(run: Run) -> Mapping[str, Any]:
    return run.record.inputs if run.record else {}


def _code(run: Run) -> dict[str, Any]:
    if run.record is None:
        return {}
    git = run.record.git
    found: dict[str, Any] = {"digest": run.record.code.digest, "entry_point": run.record.spec.get("entry_point")}
    if git is not None:
        found |= {"commit": git.commit, "uncommitted changes": git.dirty}
    return found


def _image(run: Run) -> dict[str, Any]:
    if run.record is None:
        return {"uri": run.state.image}
    return {"uri": run.record.image.uri, **({"digest": run.record.image.digest} if run.record.image.digest else {})}


def _packages(environment: Environment, runs: Sequence[Run], unknown: list[str]) -> Values:
    digests = {run.tracked.tags.get("groundwork.environment") if run.tracked else None for run in runs}
    if len(digests) == 1 and None not in digests:
        return {}
    locks: list[dict[str, str]] = []
    for run in runs:
        lock = read_artifact(environment, run.tracked, ENVIRONMENT_FILE) if run.tracked else None
        if lock is None:
            unknown.append(f"packages: {run.job} has no list of what its script could import")
            return {}
        locks.append(packages_of(lock.decode()))
    return _table(locks)


def packages_of(lock: str) -> dict[str, str]:
    """Name to version of an environment lock; the Python itself is `python`."""
    found: dict[str, str] = {}
    for line in lock.splitlines():
        if line.startswith("# Python "):
            found["python"] = line.removeprefix("# Python ").split(",")[0]
        elif "==" in line:
            name, _, version = line.partition("==")
            found[name] = version
    return found


def _summary(run: Run) -> dict[str, Any]:
    record = run.record
    return {
        **asdict(run.state),
        "metrics": run.metrics,
        "parameters": run.parameters,
        "submitter": record.submitter if record else None,
        "price_per_hour_usd": record.price_per_hour_usd if record else None,
        "reproduces": record.reproduces if record else None,
        "mlflow_run": run.tracked.run_id if run.tracked else None,
    }


def relative(value: Any, first: Any) -> str:
    """By how much a metric differs from the first run's, as text: `+3.1%`, or nothing."""
    if not isinstance(value, float) or not isinstance(first, float) or value == first:
        return ""
    return f"{(value - first) / abs(first):+.2%}" if first else f"{value - first:+.4g}"


def short(value: Any) -> str:
    """A digest as text shows it, with its first 12 characters; anything else as it is. JSON has all of them."""
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{28,52}\b", r"\1", str(value))
