"""What bootstrap would do to an environment's state, and doing it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.config import Config

from operations.bootstrap.names import StateNames, state_names
from operations.bootstrap.state_bucket import StateBucket
from operations.bootstrap.state_key import StateKey
from operations.bootstrap.state_stack import Lines, StateStack
from operations.bootstrap.step import MISSING, BootstrapError, Step, in_words
from operations.environments import OperatedEnvironment, engine_variables

KEPT, MADE, MENDED, TO_DO = "kept", "made", "mended", "to do"
RETRIES: Any = Config(retries={"mode": "standard", "total_max_attempts": 5})


@dataclass(frozen=True)
class Finding:
    """A step by its words. was: what was wrong with it, None for nothing. done: kept, made, mended or to do."""

    what: str
    was: str | None
    done: str


@dataclass(frozen=True, kw_only=True)
class Bootstrap:
    """An environment whose account was checked.

    account_id: the caller's, which is the environment's. caller: ARN of who is asking.
    """

    env: OperatedEnvironment
    account_id: str
    caller: str
    names: StateNames
    key: StateKey
    lines: Lines
    steps: tuple[Step, ...]

    def look(self) -> list[Finding]:
        """How everything is, with nothing changed. Raises BootstrapError."""
        with in_words(self.env.profile):
            return [Finding(step.what, was, TO_DO if was else KEPT) for step in self.steps for was in (step.look(),)]

    def carry_out(self, found: Sequence[Finding], tell: Callable[[Finding], None]) -> list[Finding]:
        """Puts right what is not, in order, looking again before each change. Raises BootstrapError.

        found: what `look` said. tell: hears of each step once it is done.
        """
        done: list[Finding] = []
        for step, before in zip(self.steps, found, strict=True):
            with in_words(self.env.profile):
                if wrong := step.look():
                    step.mend()
            outcome = KEPT if wrong is None else MADE if before.was == MISSING else MENDED
            done.append(Finding(step.what, before.was if wrong else None, outcome))
            tell(done[-1])
        return done


def bootstrap_of(env: OperatedEnvironment, session: Any, *, write_lines: bool = True) -> Bootstrap:
    """The bootstrap of an environment through a boto3 session of its profile.

    write_lines: whether groundwork.yaml is written. Raises BootstrapError for an account other than the settings' and
    for a state that is kept elsewhere, EnvironmentsError for a shell that names another backend.
    """
    with in_words(env.profile):
        identity = session.client("sts", config=RETRIES).get_caller_identity()
    account_id = identity["Account"]
    if env.account_id and env.account_id != account_id:
        raise BootstrapError(
            f"The settings of {env.name!r} are for the account {env.account_id}, and the AWS profile {env.profile!r} "
            f"belongs to {account_id}. Nothing has been changed.",
            hint=f"Use a profile of that account: `profile` of {env.name!r} in groundwork.yaml.",
        )
    engine_variables(env)
    names = state_names(env, account_id)
    s3 = session.client("s3", config=RETRIES)
    key = StateKey(session.client("kms", config=RETRIES), names, env.name)
    bucket = StateBucket(s3, names, key, environment=env.name, account_id=account_id, region=env.region)
    lines = Lines(env, names)
    steps = [*key.steps(), *bucket.steps(), *([lines] if write_lines else []), StateStack(s3, env, names)]
    return Bootstrap(
        env=env,
        account_id=account_id,
        caller=identity["Arn"],
        names=names,
        key=key,
        lines=lines,
        steps=tuple(steps),
    )
