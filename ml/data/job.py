"""What runs in the processing job that checks a training job's data.

Inputs and outputs are those that `ml.data.gate` asks for: the expectations and this code in one channel, each data set
in one of its own, and the result, the report and Great Expectations' own suite in the output. It ends with 0 whether or
not the data are as expected: an output of a job that fails may be lost, and the result says which it is.
"""

import hashlib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULT, REPORT, EXPECTATIONS = "result.json", "report.html", "expectations.json"
INPUT, OUTPUT, PASSED = "processing/input", "processing/output", "processing/passed"
RESULT_VERSION = 1


def run() -> int:
    """The container's command: `python checks.zip CHANNEL…`."""
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    try:
        return main(base, sys.argv[1:], hashlib.sha256(Path(sys.argv[0]).read_bytes()).hexdigest())
    except Exception as error:
        # Its text may quote a personal value; the frames have code alone.
        traceback.print_tb(error.__traceback__)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}, line {frame.lineno}"
        _leave_message(base, f"Data validation: the check broke down: {type(error).__name__} in {where}.")
        return 1


def main(base: Path, names: Sequence[str], code_digest: str) -> int:
    """Check, and leave the result.

    base: /opt/ml. names: of the channels. code_digest: SHA-256 of the code that runs here.
    """
    code = base / INPUT / "code"
    job = _job_name(base)
    if not _installed():
        _leave_message(
            base, "The image lacks great_expectations or pandas: name one that has them in `validation.image`."
        )
        return 1
    from ml.data.check import check
    from ml.data.content import folder_content, version_of
    from ml.data.expectations import Expectations
    from ml.data.findings import CheckResult, Finding
    from ml.data.report import report_html
    from ml.data.tables import TableError, read_table

    text = (code / EXPECTATIONS).read_text()
    expectations = Expectations.model_validate_json(text)
    moment = datetime.now(UTC)
    tables: dict[str, Any] = {}
    unreadable: list[Finding] = []
    channels: dict[str, Any] = {}
    for name in names:
        # Digests first: what is checked is what lies here now.
        folder = base / INPUT / name
        files = folder_content(folder)
        channels[name] = {"digest": version_of(files), "files": files}
        try:
            shown = [folder / file for file in files if not any(part.startswith(".") for part in file.split("/"))]
            tables[name] = read_table(shown, expectations, name)
        except TableError as error:
            unreadable.append(
                Finding(
                    dataset=name,
                    check="readable",
                    column=None,
                    passed=False,
                    expected="files of one table",
                    observed=str(error),
                )
            )
    result = check(expectations, tables, now=moment)
    result = CheckResult(findings=(*unreadable, *result.findings), datasets=result.datasets)
    versions = [(f"Version of {name}", entry["digest"]) for name, entry in channels.items()]
    expected = hashlib.sha256(text.encode()).hexdigest()
    facts = [("Job", job), *versions, ("Expectations", expected)]
    output = base / OUTPUT
    output.mkdir(parents=True, exist_ok=True)
    (output / EXPECTATIONS).write_text(text)
    (output / REPORT).write_text(report_html(result, f"Data of {job}", facts, moment), encoding="utf-8")
    document = {
        "version": RESULT_VERSION,
        "job": job,
        "time": moment.isoformat(timespec="seconds"),
        "expectations": expected,
        "code": code_digest,
        "great_expectations": _version(),
        "channels": channels,
        "personal": list(expectations.personal),
        **result.document(),
    }
    # Last: where it is, everything is.
    content = json.dumps(document, indent=1).encode()
    (output / RESULT).write_bytes(content)
    key = os.environ.get("GROUNDWORK_CHECK")
    if key and result.passed:
        versions = {name: entry["digest"] for name, entry in channels.items()}
        note = {"job": job, "digest": hashlib.sha256(content).hexdigest(), "versions": versions}
        (base / PASSED).mkdir(parents=True, exist_ok=True)
        (base / PASSED / f"{key}.json").write_text(json.dumps(note))
    for finding in result.failed:
        print(finding, flush=True)
    failed = len(result.failed)
    count = len(result.findings)
    words = f"{failed} of {count} checks failed" if failed else f"all {count} checks passed"
    print(f"Data validation: {words}.", flush=True)
    _leave_message(base, f"Data validation: {words}.")
    return 0


def _job_name(base: Path) -> str:
    """This job's own name (https://docs.aws.amazon.com/sagemaker/latest/dg/byoc-config.html)."""
    try:
        return str(json.loads((base / "config" / "processingjobconfig.json").read_text())["ProcessingJobName"])
    except (OSError, ValueError, KeyError):
        return "a check outside a job"


def _installed() -> bool:
    from importlib.util import find_spec

    return find_spec("great_expectations") is not None and find_spec("pandas") is not None


def _version() -> str:
    from importlib.metadata import version

    return version("great-expectations")


def _leave_message(base: Path, text: str) -> None:
    """What DescribeProcessingJob gives as ExitMessage
    (https://docs.aws.amazon.com/sagemaker/latest/dg/byoc-metadata.html). It has no value of the data in it."""
    (base / "output").mkdir(parents=True, exist_ok=True)
    (base / "output" / "message").write_text(text)
    print(text, file=sys.stderr)
