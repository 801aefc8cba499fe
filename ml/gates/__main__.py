"""`python -m ml.gates`: the gates as a processing container.

Inputs lie below /opt/ml/processing/{request,candidate,champion,data,validation}, the report goes to
/opt/ml/processing/report, and what the job says about itself to /opt/ml/output/message
(https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html).
"""

import argparse
import hashlib
import os
import sys
import tempfile
from pathlib import Path

from ml.gates.report import GateError
from ml.gates.request import REPORT_FILE, REQUEST_FILE, GateRequest, message


def main() -> int:
    """0 once the gates have been judged, whatever they say; 1 where they could not be."""
    parser = argparse.ArgumentParser(prog="python -m ml.gates", description="Judge the gates of a promotion.")
    parser.add_argument("--request", required=True, help="SHA-256 of the request that is to be judged, in hex")
    options = parser.parse_args()
    base = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
    try:
        passed, report = judge(base / "processing", options.request)
    except GateError as error:
        print(f"The gates could not be judged: {error}", file=sys.stderr)
        _say(base, f"could not be judged: {error}")
        return 1
    _say(base, message(passed=passed, report=report, request_digest=options.request))
    return 0


def judge(folder: Path, digest: str) -> tuple[bool, bytes]:
    """Whether all gates let the candidate through, and the report as it is stored. Raises GateError."""
    from ml.gates.run import run

    content = (folder / "request" / REQUEST_FILE).read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise GateError("the request is not the one that the job was started for.")
    with tempfile.TemporaryDirectory() as scratch:
        report = run(GateRequest.model_validate_json(content), folder, Path(scratch))
    for result in report.results:
        print(f"{'passed ' if result.passed else 'REFUSED'} {result.gate}: {result.text}")
    written = report.content()
    (folder / "report").mkdir(parents=True, exist_ok=True)
    (folder / "report" / REPORT_FILE).write_bytes(written)
    return report.passed, written


def _say(base: Path, text: str) -> None:
    (base / "output").mkdir(parents=True, exist_ok=True)
    (base / "output" / "message").write_text(text[:1024], encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
