"""Credentials, the clock, the account, and whether the caller is let into the cluster."""

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError

from infra.principals import same_principal
from local.errors import LocalStackError
from operations.calls import code_of
from operations.doctor.finding import Finding, failure, ok, warning
from operations.doctor.subject import Identity, Subject, client_of
from operations.environments import OperatedEnvironment, boto_session

MOST_SKEW_S = 300
"""A request must reach AWS within five minutes of the time that it is signed with
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-signing.html)."""
WORRYING_SKEW_S = 60
TOO_LATE = ("RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException")


def open_session(env: OperatedEnvironment) -> tuple[Any | None, list[Finding]]:
    """A session of the environment's profile, or what is wrong with the profile."""
    try:
        return boto_session(env), []
    except LocalStackError as error:
        return None, [failure("credentials", f"profile {env.profile}", error.message, error.hint)]


def identify(env: OperatedEnvironment, session: Any) -> tuple[Identity | None, list[Finding]]:
    """Who calls; and how far this machine's clock is from AWS's."""
    where = f"profile {env.profile}"
    try:
        answer = client_of(session, "sts").get_caller_identity()
    except ClientError as error:
        response = cast(Any, error.response)
        late = code_of(error) in TOO_LATE
        clock = list(check_clock(response))
        mend = clock[0].mend if late and clock and clock[0].mend else _sign_in(env)
        return None, [*clock, failure("credentials", where, _said(error), mend)]
    except BotoCoreError as error:
        return None, [failure("credentials", where, str(error), _sign_in(env))]
    identity = Identity(account=answer["Account"], arn=answer["Arn"])
    return identity, [ok("credentials", where, identity.arn), *check_clock(answer)]


def check_clock(response: Any, now: datetime | None = None) -> Iterator[Finding]:
    """This machine's clock beside the time that AWS's answer carries."""
    headers: dict[str, str] = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    told = headers.get("date")
    if not told:
        return
    skew = ((now or datetime.now(UTC)) - parsedate_to_datetime(told)).total_seconds()
    text = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} AWS's"
    mend = "set the clock: sudo timedatectl set-ntp true"
    if abs(skew) >= MOST_SKEW_S:
        yield failure("clock", "this machine", f"{text}: AWS refuses what is signed {MOST_SKEW_S} s off", mend)
    elif abs(skew) >= WORRYING_SKEW_S:
        yield warning("clock", "this machine", f"{text}; from {MOST_SKEW_S} s on AWS refuses every call", mend)
    else:
        yield ok("clock", "this machine", "as AWS's" if abs(skew) < 2 else text)


def check_account(subject: Subject) -> Iterator[Finding]:
    """That the credentials are of the account that the files name."""
    wanted, have = subject.env.account_id, subject.identity.account
    where = f"profile {subject.env.profile}"
    if not wanted:
        yield warning(
            "account",
            subject.env.settings_file.name,
            f"no account is named: {have}, or any other whose credentials are at hand, would be changed",
            f'pulumi config set --stack {subject.env.name} accountId "{have}"',
        )
    elif wanted != have:
        text = f"these are credentials of {have}, and the environment may touch {wanted} alone"
        yield failure("account", where, text, f"give {where} credentials of {wanted}")
    else:
        yield ok("account", where, have)


def check_admin(subject: Subject) -> Iterator[Finding]:
    """That the caller is let into the cluster that it makes."""
    identity, admins = subject.identity, subject.settings.cluster.admins
    if (existing := subject.settings.cluster.existing) is not None:
        text = f"whether {existing.name} lets {identity.arn} in is for whoever looks after that cluster"
        mend = f"look: {subject.aws(f'eks list-access-entries --cluster-name {existing.name}')}"
        yield warning("administrator", subject.env.settings_file.name, text, mend)
        return
    arns = [
        admin if admin.startswith("arn:") else f"arn:{identity.partition}:iam::{identity.account}:{admin}"
        for admin in admins
    ]
    where = subject.env.settings_file.name
    if any(same_principal(identity.arn, arn) for arn in arns):
        yield ok("administrator", where, f"{identity.arn} is one of cluster.admins")
    else:
        yield failure(
            "administrator",
            where,
            f"{identity.arn} is none of cluster.admins ({', '.join(admins)}): EKS would not let it into the cluster",
            f"take one of these roles in the profile {subject.env.profile}, or add the caller's role to cluster.admins",
        )


def _said(error: ClientError) -> str:
    return f"{code_of(error)}: {cast(Any, error.response).get('Error', {}).get('Message', '')}"


def _sign_in(env: OperatedEnvironment) -> str:
    return "make local" if env.is_local else f"aws sso login --profile {env.profile}"
