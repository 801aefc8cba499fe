"""What went wrong, and the exit code that says so."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of the `ml` command."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    ENVIRONMENT = 3
    STOPPED = 4
    TIMED_OUT = 5
    NOT_FOUND = 6
    IN_PROGRESS = 7
    REFUSED = 8
    ROLLED_BACK = 9
    DRIFTED = 10
    ASLEEP = 11
    INTERRUPTED = 130


EXIT_CODES: dict[ExitCode, str] = {
    ExitCode.OK: "done: the job completed, the endpoint answers",
    ExitCode.JOB_FAILED: "the job, the endpoint or the prediction failed",
    ExitCode.USAGE: "a mistake in the command line or in the job's spec",
    ExitCode.ENVIRONMENT: "the environment is not up, cannot be reached or refuses the caller",
    ExitCode.STOPPED: "the job was stopped",
    ExitCode.TIMED_OUT: "the job ran out of its time (max_runtime, or what max_cost pays for)",
    ExitCode.NOT_FOUND: "there is no such job, model or endpoint",
    ExitCode.IN_PROGRESS: "`ml status NAME`, `ml experiment`: not finished yet",
    ExitCode.REFUSED: "`ml promote`: a gate refuses the version; `ml experiment`: the challenger is not to take over",
    ExitCode.ROLLED_BACK: "`ml deploy`: an alarm took the new version back; what served before serves",
    ExitCode.DRIFTED: "`ml watch run`: a window has drifted, or its answers have become worse",
    ExitCode.ASLEEP: "`ml predict`: the endpoint has scaled to zero and wakes up: ask again in a few minutes",
    ExitCode.INTERRUPTED: "interrupted while waiting; what was submitted goes on",
}
"""What each exit code means, as `--help` prints it."""


class MlError(Exception):
    """Something that the user can do something about: its text is all that they see.

    exit_code: what the command ends with.
    """

    exit_code = ExitCode.JOB_FAILED


class SpecError(MlError):
    """The job's spec or the command line is wrong. The text has one line an error: file, line, column, what instead."""

    exit_code = ExitCode.USAGE


class EnvironmentNotReadyError(MlError):
    """The environment is not up, cannot be reached, or is not the one that the caller's account belongs to."""

    exit_code = ExitCode.ENVIRONMENT


class AsleepError(MlError):
    """The endpoint has scaled to zero; the call that found it so wakes it up, and is to be made again."""

    exit_code = ExitCode.ASLEEP


class NotFoundError(MlError):
    """No job, model or endpoint of that name."""

    exit_code = ExitCode.NOT_FOUND
