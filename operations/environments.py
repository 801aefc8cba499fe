"""The environments that are operated: where each keeps its state, and through which profile, account and region.

`groundwork.yaml` at the top of the checkout says it, `Pulumi.<environment>.yaml` holds the settings; what both say must
agree. Nothing here calls AWS.
"""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from local.environment import POLICY_PACK, local_environment, process_environment
from local.errors import LocalStackError
from local.paths import Paths, this_checkout
from local.pulumi_stack import STACK
from operations.environments_file import FILE, Entry, EnvironmentsError, entries, settings_of, stacks

__all__ = [
    "EnvironmentsError",
    "OperatedEnvironment",
    "account",
    "boto_session",
    "engine_variables",
    "environment",
    "names",
]

BACKEND_URL = "PULUMI_BACKEND_URL"
STATIC_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Variables that win over AWS_PROFILE in the engine's SDK
(https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html)."""


@dataclass(frozen=True)
class Project:
    """A Pulumi project of the checkout. section: its key in groundwork.yaml. folder: below the checkout."""

    name: str
    section: str
    folder: str = ""


ENVIRONMENTS = Project("groundwork", "environments")
ACCOUNTS = Project("groundwork-account", "accounts", "account")
"""What an AWS account has once is a project of its own, with a stack an account."""
SECTIONS = (ENVIRONMENTS.section, ACCOUNTS.section)


@dataclass(frozen=True, kw_only=True)
class OperatedEnvironment:
    """An environment by its files.

    name: the environment's, which is the stack's. profile: AWS profile. account_id: the only account that it may touch;
    empty where no file names one. region: AWS region. backend: URL of the state's backend, None for whatever
    `pulumi login` says. secrets_provider: what encrypts the state's secrets, None where no file says it.
    checkout: where the files are. project: the Pulumi project that it is a stack of.
    """

    name: str
    profile: str
    account_id: str
    region: str
    backend: str | None
    secrets_provider: str | None
    checkout: Path
    project: Project = ENVIRONMENTS

    @property
    def is_local(self) -> bool:
        """Whether it is the stack on this machine, whose services and state are the checkout's."""
        return self.name == STACK

    @property
    def settings_file(self) -> Path:
        """The stack's settings."""
        return self.folder / f"Pulumi.{self.name}.yaml"

    @property
    def folder(self) -> Path:
        """Where the engine runs: the project's folder."""
        return self.checkout / self.project.folder


def environment(name: str, checkout: Path | None = None) -> OperatedEnvironment:
    """The environment of this name.

    Raises EnvironmentsError: no settings file, a file that cannot be read, a wrong or unknown key, or two files that
    disagree.
    """
    return _read_stack(name, checkout or this_checkout().checkout, ENVIRONMENTS)


def account(name: str, checkout: Path | None = None) -> OperatedEnvironment:
    """An account's own stack (account/), read as `environment` reads an environment. Raises EnvironmentsError."""
    return _read_stack(name, checkout or this_checkout().checkout, ACCOUNTS)


def _read_stack(name: str, root: Path, project: Project) -> OperatedEnvironment:
    settings = settings_of(root / project.folder, name)
    entry = entries(root, project.section, SECTIONS).get(name, Entry())
    if name == STACK and (entry.backend or entry.secrets_provider):
        raise EnvironmentsError(
            f"{FILE}: {project.section}.{STACK} takes no backend and no secretsProvider: the local stack's state is in "
            "this checkout."
        )

    def agreed(key: str, here: str | None) -> str:
        there = settings.get(f"{project.name}:{key}")
        there = "" if there is None else str(there)
        if here and there and here != there:
            raise EnvironmentsError(
                f"{FILE} says {project.section}.{name}.{key} is {here!r}, Pulumi.{name}.yaml says {project.name}:{key} "
                f"is {there!r}.",
                hint=f"Take it out of {FILE}, or make the two agree.",
            )
        return here or there

    region = agreed("region", entry.region)
    if not region:
        raise EnvironmentsError(f"Pulumi.{name}.yaml has no {project.name}:region.")
    return OperatedEnvironment(
        name=name,
        profile=agreed("profile", entry.profile) or f"groundwork-{name}",
        account_id=agreed("accountId", entry.account_id),
        region=region,
        backend=local_backend(Paths(root)) if name == STACK else entry.backend,
        secrets_provider="passphrase" if name == STACK else entry.secrets_provider,
        checkout=root,
        project=project,
    )


def local_backend(paths: Paths) -> str:
    """The local stack's backend, as `make -s local-env` has it."""
    return f"file://{paths.pulumi_state}?metadata=skip"


def names(checkout: Path | None = None) -> list[str]:
    """The environments that have settings, sorted."""
    return stacks(checkout or this_checkout().checkout)


def boto_session(env: OperatedEnvironment) -> Any:
    """A boto3 session of the environment's profile and region, wherever this shell is led.

    Raises EnvironmentsError without the profile. Calls then raise what botocore raises.
    """
    import boto3
    import botocore.session
    from botocore.exceptions import ProfileNotFound

    variables = engine_variables(env, check_backend=False)
    inner = cast(Any, botocore.session.Session(profile=env.profile))
    for variable, key, default in (
        ("AWS_CONFIG_FILE", "config_file", "~/.aws/config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials_file", "~/.aws/credentials"),
    ):
        inner.set_config_variable(key, variables.get(variable) or default)
    try:
        inner.get_scoped_config()
    except ProfileNotFound:
        known = [one for one in inner.available_profiles if one.startswith("groundwork-")]
        raise EnvironmentsError(
            f"There is no AWS profile {env.profile!r} for the environment {env.name!r}"
            + (f"; there is {', '.join(sorted(known))}." if known else "."),
            hint=_profile_hint(env),
        ) from None
    return boto3.Session(botocore_session=inner, region_name=env.region)


def engine_variables(env: OperatedEnvironment, *, check_backend: bool = True) -> dict[str, str]:
    """The variables of a child process, such as the engine, that works on the environment.

    Profile and backend are the environment's own. What `make -s local-env` or `groundwork stack env` of another one has
    set in this shell is taken back. Raises EnvironmentsError where PULUMI_BACKEND_URL and groundwork.yaml name two
    backends (not without check_backend), LocalStackError for a local stack that has never been up.
    """
    paths = Paths(env.checkout)
    if env.is_local:
        return process_environment(paths)
    variables = away_from_local(paths)
    said = variables.pop(BACKEND_URL, "")
    if said in _backends(env.checkout):
        said = ""
    if check_backend and said and env.backend and said != env.backend:
        raise EnvironmentsError(
            f"{BACKEND_URL} is {said}, and {FILE} says that the state of {env.name!r} is in {env.backend}: with the "
            "wrong one everything would be made a second time.",
            hint=f"`unset {BACKEND_URL}`, or change {FILE}.",
        )
    if backend := env.backend or said:
        variables[BACKEND_URL] = backend
    for key in STATIC_KEYS:
        variables.pop(key, None)
    return variables | {"AWS_PROFILE": env.profile}


def shell_lines(env: OperatedEnvironment, folders: Sequence[Path] = ()) -> str:
    """Lines for `eval`: the shell goes where `engine_variables` leads a process, and has our policy pack.

    folders: put before the others of PATH.
    """
    wanted = engine_variables(env, check_backend=False) | {POLICY_PACK: str(Paths(env.checkout).policies)}
    path = [*(str(folder) for folder in folders), *wanted["PATH"].split(os.pathsep)]
    wanted["PATH"] = os.pathsep.join(dict.fromkeys(path))
    gone = [name for name in os.environ if name not in wanted]
    lines = [f"unset {' '.join(gone)}"] if gone else []
    lines += [f"export {name}={shlex.quote(value)}" for name, value in wanted.items() if os.environ.get(name) != value]
    return "\n".join(lines)


def _backends(root: Path) -> set[str]:
    """Every backend that groundwork.yaml names: one of them in this shell is what `shell_lines` has put there."""
    return {
        entry.backend for section in SECTIONS for entry in entries(root, section, SECTIONS).values() if entry.backend
    }


def away_from_local(paths: Paths) -> dict[str, str]:
    """The caller's environment without what `make -s local-env` may have set in this shell.

    Otherwise a command for an AWS account would use the local stack's plugins, backend and profile.
    """
    try:
        local = local_environment(paths)
    except LocalStackError:
        local = {}
    return {name: value for name, value in os.environ.items() if name == "PATH" or local.get(name) != value}


def _profile_hint(env: OperatedEnvironment) -> str:
    if env.is_local:
        return "Run `make local`."
    return f"Make it: `aws configure sso --profile {env.profile}`, or name another one in {FILE}."
