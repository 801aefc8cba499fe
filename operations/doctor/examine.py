"""Every check, in the order in which one needs the other."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operations.calls import code_of, is_denied
from operations.doctor import account, cluster, machine, offers, quotas, service_roles, sign_in, state, versions
from operations.doctor.finding import Finding, Level, warning
from operations.doctor.subject import Subject, read_settings
from operations.environments import OperatedEnvironment

ABOUT_THE_ACCOUNT: tuple[tuple[str, Callable[[Subject], Iterable[Finding]]], ...] = (
    ("account", account.check_account),
    ("administrator", account.check_admin),
    ("state", state.check_state),
    ("secrets", state.check_secrets),
    ("api server", cluster.check_api_server),
    ("versions", versions.check_versions),
    ("sign-in", sign_in.check_sign_in),
    ("service role", service_roles.check_service_roles),
    ("offer", offers.check_offers),
    ("quota", quotas.check_network),
    ("quota", quotas.check_vcpus),
    ("quota", quotas.check_sagemaker),
)
"""What a check looks at, and the check: what needs settings and credentials, in the order of what is mended first."""


def examine(env: OperatedEnvironment, session: Any | None = None) -> Iterator[Finding]:
    """Looks at everything that `up` of an environment needs. Nothing is changed.

    session: a boto3 session to ask with, instead of one of the environment's profile.
    """
    yield from machine.check_python()
    yield from machine.check_engine()
    yield from machine.check_plugins(env)
    yield from machine.check_aws_cli()
    yield from machine.check_disk(env)
    settings, found = read_settings(env, session)
    yield from found
    problems: list[Finding] = []
    if session is None:
        session, problems = account.open_session(env)
        yield from problems
    if session is None:
        return
    identity, found = account.identify(env, session)
    yield from found
    if settings is None or identity is None:
        return
    subject = Subject(env=env, settings=settings, session=session, identity=identity)
    for check, look in ABOUT_THE_ACCOUNT:
        other_account = env.account_id and env.account_id != identity.account
        if other_account and look is not account.check_account:
            # What another account has says nothing about this environment.
            return
        yield from _guarded(check, look, subject)


def would_succeed(findings: Iterable[Finding]) -> bool:
    """Whether nothing that was found stands in `up`'s way."""
    return all(finding.level is not Level.FAILURE for finding in findings)


def _guarded(check: str, look: Callable[[Subject], Iterable[Finding]], subject: Subject) -> Iterator[Finding]:
    """What a check finds; where it could not look, that."""
    try:
        yield from look(subject)
    except ClientError as error:
        asked = error.operation_name
        if is_denied(error):
            text = f"not looked at: the caller may not ask ({asked})"
            yield warning(check, "AWS", text, f"give {subject.identity.arn} the right to call {asked}")
        else:
            yield warning(check, "AWS", f"not looked at: {asked} answered {code_of(error)}", "look again")
    except (BotoCoreError, OSError) as error:
        yield warning(check, "AWS", f"not looked at: {error}", "look again")
