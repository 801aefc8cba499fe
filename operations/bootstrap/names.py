"""What the state's bucket and key of an environment are called, and the addresses that the engine takes."""

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from operations.bootstrap.step import BootstrapError
from operations.environments import OperatedEnvironment

TAG = "groundwork:state-of"
"""Tag of the state's bucket and key. Not `groundwork:environment`: they stay when the environment is destroyed."""
BUCKET_PREFIX = "groundwork-state-"
"""No environment's own buckets begin like this, so a deploy role's rights on them by name leave the state out."""


@dataclass(frozen=True, kw_only=True)
class StateNames:
    """Names of one environment's state.

    bucket: S3 bucket. folder: in the bucket, empty or ending in a slash. key_id: how KMS is asked for the key: by an
    alias, an id or an ARN. ours: whether the key is bootstrap's own to make. backend, secrets_provider: as the engine
    takes them.
    """

    bucket: str
    folder: str
    key_id: str
    ours: bool
    backend: str
    secrets_provider: str


def state_names(env: OperatedEnvironment, account_id: str) -> StateNames:
    """The names that groundwork.yaml says, or else our own. Raises BootstrapError for a state that is kept elsewhere.

    The addresses carry the region and no profile: the state records the second, and others read it with theirs.
    Sources: https://pkg.go.dev/gocloud.dev/blob/s3blob#URLOpener, https://pkg.go.dev/gocloud.dev/secrets/awskms#URLOpener
    """
    own_key = f"alias/{BUCKET_PREFIX}{env.name}"
    backend = env.backend or f"s3://{BUCKET_PREFIX}{env.name}-{account_id}?region={env.region}"
    provider = env.secrets_provider or f"awskms://{own_key}?region={env.region}"
    place, key = urlsplit(backend), urlsplit(provider)
    if place.scheme != "s3":
        raise BootstrapError(f"The state of {env.name!r} is kept in {backend}, and bootstrap makes S3 buckets.")
    if key.scheme != "awskms":
        raise BootstrapError(
            f"The secrets provider of {env.name!r} is {provider!r}, and bootstrap makes a KMS key.",
            hint="Take `secretsProvider` out of groundwork.yaml to have one made.",
        )
    for address in (place, key):
        said = parse_qs(address.query).get("region", [env.region])[0]
        if said != env.region:
            raise BootstrapError(f"{address.geturl()} is in {said}, and the environment in {env.region}.")
    folder = place.path.strip("/")
    key_id = f"{key.netloc}{key.path}".lstrip("/")
    return StateNames(
        bucket=place.netloc,
        folder=f"{folder}/" if folder else "",
        key_id=key_id,
        ours=key_id == own_key,
        backend=backend,
        secrets_provider=provider,
    )
