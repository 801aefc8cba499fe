"""Runs one invocation of a function: the file that the function's own process starts with.

Argument: where the result goes, as JSON. The event comes on stdin. What else AWS's runtime would offer besides the
function's own files is boto3; modules of this checkout are not to be found.
"""

import importlib
import json
import logging
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any


class Context:
    """The context object (https://docs.aws.amazon.com/lambda/latest/dg/python-context.html)."""

    function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    function_version = "$LATEST"
    invoked_function_arn = os.environ.get("GROUNDWORK_FUNCTION_ARN", "")
    memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    aws_request_id = os.environ.get("GROUNDWORK_REQUEST_ID", "")
    _until = time.monotonic() + float(os.environ.get("GROUNDWORK_TIMEOUT_S", "3"))

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function is ended."""
        return max(round((self._until - time.monotonic()) * 1000), 0)


def only_what_lambda_has(root: str) -> None:
    """The function's files first, then the standard library and installed packages; no checkout."""
    library = str(Path(os.__file__).parent)
    kept = [path for path in sys.path if path.startswith(library) or "site-packages" in path or path.endswith(".zip")]
    sys.path[:] = [root, *kept]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in getattr(finder, "__module__", "")]


def main() -> int:
    """Exit status 0 for a result, 1 for an error of the function."""
    logging.basicConfig(stream=sys.stdout, format="[%(levelname)s]\t%(name)s\t%(message)s")
    only_what_lambda_has(os.environ["LAMBDA_TASK_ROOT"])
    event = json.load(sys.stdin)
    code = 0
    try:
        module, _, name = os.environ["_HANDLER"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        result: Any = json.dumps(handler(event, Context()))
    except Exception as error:
        code = 1
        lines = traceback.format_exception(error)
        print("[ERROR] " + "".join(lines), flush=True)
        result = json.dumps({"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": lines})
    Path(sys.argv[1]).write_text(result, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
