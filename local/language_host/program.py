"""Runs one Pulumi program in this process: the other half of the language host's Run call.

argv: the program (a folder with __main__.py, or a file), then its own arguments. Everything else comes in
GROUNDWORK_RUN, a JSON object with the keyword arguments of pulumi.runtime.Settings, and in PULUMI_CONFIG and
PULUMI_CONFIG_SECRET_KEYS as the SDK reads them.
Exit status: 0; 32 after an error that the user has been shown (pulumi.RunError without a traceback); else what the
program exits with.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import runpy
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

SHOWN_TO_THE_USER = 32
"""The exit status by which the engine knows that there is nothing left to say."""


def _user_traceback(error: BaseException, program: Path) -> str:
    """The traceback from the program's first own frame on: what lies above it is this file and runpy."""
    start: TracebackType | None = error.__traceback__
    folder = program if program.is_dir() else program.parent
    while start is not None and not _is_within(start.tb_frame.f_code.co_filename, folder):
        start = start.tb_next
    shown = error.with_traceback(start) if start is not None else error
    return "".join(traceback.format_exception(shown))


def _is_within(filename: str, folder: Path) -> bool:
    return not filename.startswith("<frozen") and Path(filename).absolute().is_relative_to(folder)


def _program_file(program: Path) -> Path | None:
    if program.is_dir():
        main = program / "__main__.py"
        return main if main.is_file() else None
    return program if program.is_file() else None


def main() -> int:
    program, arguments = Path(sys.argv[1]), sys.argv[2:]
    # This file's own folder is the host's business. runpy puts a program's folder first itself; a file's it does not.
    sys.path.pop(0)
    import pulumi
    import pulumi.runtime

    pulumi.runtime.set_all_config(pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env())
    settings = pulumi.runtime.Settings(**json.loads(os.environ.pop("GROUNDWORK_RUN")))
    pulumi.runtime.configure(settings)

    # The engine ends a program so when a resource has failed: what went wrong is said already.
    signal.signal(signal.SIGINT, lambda *_: os._exit(SHOWN_TO_THE_USER))
    absolute = program.absolute()
    if _program_file(absolute) is None:
        pulumi.log.error(f"There is no program at {absolute}: expected a Python file, or a folder with __main__.py.")
        return SHOWN_TO_THE_USER
    sys.argv = [str(program), *arguments]
    if absolute.is_file():
        sys.path.insert(0, str(absolute.parent))

    # A program that fails leaves futures that nobody will await; asyncio's complaints about them would bury the error.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    executor = ThreadPoolExecutor(max_workers=max(settings.parallel or 1, 1) * 4)
    loop.set_default_executor(executor)
    try:
        loop.run_until_complete(
            pulumi.runtime.run_in_stack(lambda: runpy.run_path(str(program), run_name="__main__") and None)
        )
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return SHOWN_TO_THE_USER
    except Exception as error:
        pulumi.log.error(f"Program failed with an unhandled exception:\n{_user_traceback(error, absolute)}")
        return SHOWN_TO_THE_USER
    finally:
        executor.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
