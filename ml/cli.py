"""The `ml` command: its subcommands in the order in which `ml --help` lists them, and how errors end it."""

import contextlib
import os
import sys
import traceback

from ml.command_line import plan as plan  # isort: skip
from ml.command_line import jobs as jobs  # isort: skip
from ml.command_line import endpoints as endpoints  # isort: skip
from ml.command_line import transform as transform  # isort: skip
from ml.command_line import abtests as abtests  # isort: skip
from ml.command_line import experiments as experiments  # isort: skip
from ml.command_line import models as models  # isort: skip
from ml.command_line import images as images  # isort: skip
from ml.command_line import watch as watch  # isort: skip
from ml.command_line import data as data  # isort: skip
from ml.command_line import registry as registry  # isort: skip
from ml.command_line import audit as audit  # isort: skip
from ml.command_line import lineage as lineage  # isort: skip
from ml.command_line import gc as gc  # isort: skip
from ml.command_line import project as project  # isort: skip
from ml.command_line.root import app
from ml.errors import ExitCode, MlError


def main() -> None:
    """Entry point: runs a subcommand; an error that the user can do something about is its text and an exit code."""
    import gc as collector

    # Start-up makes hundreds of thousands of objects that all stay: looking for garbage among them is a tenth of it.
    collector.disable()
    code = _run()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    # Taking those objects apart one by one takes longer than a call of AWS; the end of the process frees them too.
    os._exit(code)


def _run() -> int:
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except MlError as error:
        print(f"ml: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        return int(ExitCode.OK)  # the reader of our output, such as `head`, went away
    except Exception as error:
        if not _told_as_refusal(error):
            traceback.print_exc()
        return int(ExitCode.JOB_FAILED)
    return int(ExitCode.OK)


def _told_as_refusal(error: Exception) -> bool:
    """Say an error that is an answer of AWS in one line. Help needs no AWS SDK, so it is imported here."""
    from botocore.exceptions import ClientError

    from ml.aws import error_details

    if not isinstance(error, ClientError):
        return False
    print(f"ml: {error.operation_name} was refused: {error_details(error).message}", file=sys.stderr)
    return True


if __name__ == "__main__":
    main()
