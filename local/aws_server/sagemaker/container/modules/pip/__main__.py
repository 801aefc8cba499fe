"""`python -m pip` for a container whose environment has no pip: `pip install` is done by uv.

What a job installs goes to PIP_TARGET, a folder of the job's own that is on PYTHONPATH, and never into the environment
that it shares with others. Requirements that the environment meets already are left out, so that a job whose
requirements are met installs nothing and needs no network.
"""

import os
import subprocess
import sys
from importlib import metadata


def main(arguments):
    """The exit status of what ran."""
    if arguments[:1] == ["--version"]:
        print("pip (uv stands in)")
        return 0
    if arguments[:1] == ["uninstall"]:
        print("pip uninstall: left out, the environment is shared with other jobs")
        return 0
    installs = arguments[:1] == ["install"]
    options, requirements = parse(arguments[1:]) if installs else ([], [])
    missing = [line for line in requirements if not met(line)]
    if installs and not missing:
        return 0
    uv = os.environ.get("GROUNDWORK_UV")
    if not uv:
        print("This environment has no pip, and no uv was found that could stand in for it.", file=sys.stderr)
        return 1
    if not installs:
        return subprocess.run([uv, "pip", *arguments, "--python", sys.executable]).returncode
    command = [uv, "pip", "install", "--python", sys.executable, *options]
    if target := os.environ.get("PIP_TARGET"):
        command += ["--target", target]
    return subprocess.run([*command, *missing]).returncode


def parse(arguments):
    """Options as they are, and requirements: the named ones and the lines of requirements files."""
    options, requirements = [], []
    words = iter(arguments)
    for word in words:
        if word in ("-r", "--requirement"):
            requirements += lines_of(next(words))
        elif word in ("-U", "--upgrade", "-q", "--quiet", "--no-deps", "--no-cache-dir", "--pre"):
            options.append({"--no-cache-dir": "--no-cache", "--pre": "--prerelease=allow"}.get(word, word))
        elif word in ("-i", "--index-url", "--extra-index-url", "-f", "--find-links"):
            options += [word, next(words)]
        elif word.startswith("-"):
            print(f"pip {word}: left out, uv stands in for pip here", file=sys.stderr)
        else:
            requirements.append(word)
    return options, requirements


def lines_of(path):
    """The requirements of a file; a line that is an option is refused by uv with its own message."""
    lines = []
    with open(path) as file:  # noqa: PTH123
        for line in file:
            text = line.split(" #")[0].strip()
            if text.startswith(("-r ", "--requirement ")):
                lines += lines_of(os.path.join(os.path.dirname(path), text.split()[1]))  # noqa: PTH118, PTH120
            elif text and not text.startswith("#"):
                lines.append(text)
    return lines


def met(line):
    """Whether the environment has what a requirement asks for."""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        return False
    try:
        requirement = Requirement(line)
    except InvalidRequirement:
        return False
    if requirement.marker and not requirement.marker.evaluate():
        return True
    if requirement.url or requirement.extras:
        return False
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    if not requirement.specifier.contains(version, prereleases=True):
        return False
    print(f"Requirement already satisfied: {line} (found {version})")
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
