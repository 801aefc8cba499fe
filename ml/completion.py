"""What shell completion proposes. A Tab must neither fail nor wait long: anything wrong proposes nothing."""

from contextlib import suppress

from botocore.config import Config

from ml.aws import Clients
from ml.environment import PROFILE_PREFIX, open_environment


def environments(incomplete: str) -> list[str]:
    """Environments that have an AWS profile."""
    names = [name.removeprefix(PROFILE_PREFIX) for name in _profiles() if name.startswith(PROFILE_PREFIX)]
    return [name for name in names if name.startswith(incomplete)]


def job_names(env: str | None, incomplete: str) -> list[str]:
    """Recent jobs, newest first."""
    return _names(env, "list_training_jobs", "TrainingJobSummaries", "TrainingJobName", incomplete)


def endpoint_names(env: str | None, incomplete: str) -> list[str]:
    """Endpoints, newest first."""
    return _names(env, "list_endpoints", "Endpoints", "EndpointName", incomplete)


def _profiles() -> list[str]:
    with suppress(Exception):
        return Clients(None).profiles()
    return []


def _names(env: str | None, operation: str, member: str, field: str, incomplete: str) -> list[str]:
    with suppress(Exception):
        clients = open_environment(env).clients
        impatient = Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 1})
        client = clients.session.create_client("sagemaker", region_name=clients.region, config=impatient)
        answer = getattr(client, operation)(SortBy="CreationTime", SortOrder="Descending", MaxResults=50)
        return [entry[field] for entry in answer[member] if entry[field].startswith(incomplete)]
    return []
