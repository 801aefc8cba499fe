"""`ml init`: a project of one's own, from a template."""

import difflib
import re
import subprocess
from pathlib import Path

from ml.commands.output import Format, print_json, say
from ml.environment import Environment, open_environment, team_names
from ml.errors import ExitCode, SpecError
from ml.spec.model import MAX_NAMES
from ml.templates import Template, render, templates

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def init(
    folder: Path, *, env: str | None, output: Format, team: str | None, name: str | None, example: str | None
) -> ExitCode:
    """Write a template's files into a folder, put it under git, and set DVC's remote where an environment is named."""
    template = _template(example)
    environment = open_environment(env) if env else None
    owner = team or _only_team(environment)
    called = _name(folder, name, owner, template if example else None)
    files = list(render(template, called, owner))
    if folder.exists() and (not folder.is_dir() or any(entry.name != ".git" for entry in folder.iterdir())):
        raise SpecError(f"{folder} is there and not empty. A project begins in a folder of its own.")
    # Asked before anything is written: an environment that does not answer leaves no half of a project.
    contract = environment.for_team(owner) if environment else None
    for path, content, is_program in files:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(0o755 if is_program else 0o644)
    _put_under_git(folder)
    remote = None
    if environment is not None and contract is not None:
        from ml.data.remote import configure

        remote = configure(folder, contract, contract.teams[owner], environment.profile)
    if output is Format.JSON:
        written = [path.as_posix() for path, _, _ in files]
        print_json({"folder": str(folder), "name": called, "team": owner, "remote": remote, "files": written})
    else:
        print(_next_steps(folder, called, owner, env, remote))
    return ExitCode.OK


def _template(example: str | None) -> Template:
    known = templates()
    if example is None:
        return next(iter(known.values()))
    if example not in known:
        close = difflib.get_close_matches(example, known, n=1)
        raise SpecError(
            f"--example: there is no {example!r}; " + (f"did you mean {close[0]}?" if close else _all(known))
        )
    return known[example]


def _all(known: dict[str, Template]) -> str:
    return f"there is {', '.join(list(known)[1:])}"


def _only_team(environment: Environment | None) -> str:
    teams = team_names(environment) if environment else []
    if len(teams) != 1:
        known = f" {environment.name} has {', '.join(teams) or 'none'}." if environment else ""
        raise SpecError(f"Whose project is it? Say --team TEAM.{known}")
    return teams[0]


def _name(folder: Path, given: str | None, team: str, example: Template | None) -> str:
    name = given or (example.name if example else re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-"))
    if not _SLUG.fullmatch(name) or not _SLUG.fullmatch(team):
        wrong = name if not _SLUG.fullmatch(name) else team
        raise SpecError(f"{wrong!r}: names have small letters, digits and single hyphens between them; say --name NAME")
    if len(team) + len(name) + 1 > MAX_NAMES:
        raise SpecError(
            f"team and name, {team}-{name}, have more than {MAX_NAMES} characters together; say --name NAME for a "
            "shorter one"
        )
    return name


def _put_under_git(folder: Path) -> None:
    """DVC keeps its versions beside git's: a folder outside of every repository becomes one."""
    try:
        inside = subprocess.run(["git", "rev-parse", "--git-dir"], cwd=folder, capture_output=True, check=False)
        if inside.returncode:
            subprocess.run(["git", "init", "--quiet", "--initial-branch", "main"], cwd=folder, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"git could not be run ({error}): run `git init` in {folder} before you use DVC.")


def _next_steps(folder: Path, name: str, team: str, env: str | None, remote: str | None) -> str:
    environment = env or "NAME"
    lines = [f"{name}, a project of team {team}, is in {folder}."]
    if remote:
        lines.append(f"Its data sets go to {remote}.")
    lines += [
        "Next:",
        f"  cd {folder}",
        "  dvc repro                                  # makes the data",
        "  pytest                                     # the project's own tests",
    ]
    if not remote:
        lines.append("  ml data remote --env NAME                  # where `dvc push` puts data sets")
    lines.append(f"  ml train job.yaml --env {environment}")
    return "\n".join(lines)
