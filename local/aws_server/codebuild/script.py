"""The shell script that runs a build's phases in order, and says in a file how far it is."""

import shlex
from pathlib import Path

from local.aws_server.codebuild.buildspec import Buildspec, Phase

PROGRESS = "phases"
"""File of the run folder: one line at the start and at the end of a phase, `NAME start|STATUS seconds`."""
EXPORTED = "exported"
"""File of the run folder: NAME=VALUE, each ended by a NUL."""


def write(folder: Path, spec: Buildspec) -> Path:
    """Write a script a phase and the one that runs them; returns the latter.

    A phase is a shell of its own, which hands its exported variables to the next.
    """
    for phase in spec.phases:
        (folder / f"{phase.name}.sh").write_text(_phase_script(folder, phase))
    run = folder / "run.sh"
    run.write_text(_runner(folder, spec))
    return run


def _phase_script(folder: Path, phase: Phase) -> str:
    environment = shlex.quote(str(folder / "environment"))
    lines = [
        f"[ -f {environment} ] && source {environment}",
        f"trap 'export -p > {environment}' EXIT",
        'cd "$CODEBUILD_SRC_DIR" || exit 1',
        "__say() { printf '[Container] %s %s\\n' \"$(date -u '+%Y/%m/%d %H:%M:%S')\" \"$*\"; }",
    ]
    for number, command in enumerate(phase.commands):
        file = folder / f"{phase.name}-{number}"
        file.write_text(command + "\n")
        lines += [
            f"__say 'Running command' {shlex.quote(command.strip().splitlines()[0])}",
            f"source {shlex.quote(str(file))}",
            "__code=$?; if [ $__code -ne 0 ]; then "
            '__say "Command did not exit successfully, exit status $__code"; exit $__code; fi',
        ]
    return "\n".join([*lines, ""])


def _runner(folder: Path, spec: Buildspec) -> str:
    progress = shlex.quote(str(folder / PROGRESS))
    lines = ["failed=0 stopped=0"]
    for phase in spec.phases:
        name = phase.name.upper()
        lines += [
            "if [ $stopped -eq 0 ]; then",
            f'  echo "{name} start $EPOCHREALTIME" >> {progress}',
            "  export CODEBUILD_BUILD_SUCCEEDING=$((1 - failed))",
            f"  bash {shlex.quote(str(folder / (phase.name + '.sh')))}",
            "  code=$?",
            "  if [ $code -eq 0 ]; then state=SUCCEEDED; else state=FAILED failed=1; fi",
            f'  echo "{name} $state $EPOCHREALTIME" >> {progress}',
            f"  if [ $code -ne 0 ] && [ {int(phase.abort)} -eq 1 ]; then stopped=1; fi",
            "fi",
        ]
    environment = shlex.quote(str(folder / "environment"))
    lines.append(f"[ -f {environment} ] && source {environment}")
    for variable in spec.exported:
        lines.append(
            f"printf '%s=%s\\0' {shlex.quote(variable)} \"${{{variable}-}}\" >> {shlex.quote(str(folder / EXPORTED))}"
        )
    return "\n".join([*lines, "exit $failed", ""])
