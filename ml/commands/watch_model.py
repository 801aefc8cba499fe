"""The model that `ml watch` asks what its answers depend on."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml.audit import AuditLog
from ml.audit.lineage import server_of
from ml.captures import CapturedRequest
from ml.environment import Environment
from ml.errors import NotFoundError, SpecError
from ml.spec.rollout import MAIN
from ml.spec.watch import Watch
from ml.watch.attributing import Attributing, background_of
from ml.watch.model import LoadedModel, UnattributedError, load
from ml.watch.place import Place
from platform_contract import PlatformContract

SETTING = "deploy.watch.attributions"
MODEL = "model.tar.gz"
"""Document with a model that was given as a file of this machine: later runs may be on another."""


def asked_model(
    environment: Environment, contract: PlatformContract, place: Place, watch: Watch, folder: Path
) -> LoadedModel:
    """The model that the settings name, or else that of the version that serves.

    place: the endpoint's. folder: where a path begins. Raises NotFoundError and SpecError.
    """
    assert watch.attributions is not None, "attributions are not watched"
    s3: Any = environment.clients.client("s3")
    given = watch.attributions.model
    try:
        if given is None:
            return load(s3, _served(environment, contract, place.team, place.endpoint))
        if given.startswith("s3://"):
            return load(s3, given)
        loaded = load(s3, str(folder / given), place.uri(MODEL))
        with (folder / given).open("rb") as file:
            place.write_file(MODEL, file)
        return loaded
    except NotFoundError as error:
        raise NotFoundError(f"{SETTING}: {error}") from error
    except UnattributedError as error:
        raise SpecError(f"{SETTING}: {error}") from error


def asking(watch: Watch, loaded: LoadedModel, frames: Iterable[Any]) -> Attributing:
    """What asks the model about the rows of a table. Raises SpecError where it cannot be."""
    assert watch.attributions is not None, "attributions are not watched"
    try:
        return Attributing(loaded, background_of(frames, loaded.columns), watch.attributions.rows)
    except UnattributedError as error:
        raise SpecError(f"{SETTING}: {error}") from error


def _served(environment: Environment, contract: PlatformContract, team: str, endpoint: str) -> str:
    """Place of the model.tar.gz of the version that serves, as the audit log tells. Raises SpecError."""
    now = CapturedRequest(event_id="", inference_id="", time=datetime.now(UTC), variant=MAIN, input=None, output=None)
    server = server_of(AuditLog(environment, contract, team).lines(), endpoint, now)
    found = server.deployed.details.get("model_data") if server and server.deployed else None
    if not found:
        raise SpecError(
            f"{SETTING}: no audit line tells what {endpoint} serves. Deploy it first (ml deploy), or name the model: "
            f"attributions: {{model: s3://…/model.tar.gz}}."
        )
    if not str(found).endswith(".tar.gz"):
        raise SpecError(
            f"{SETTING}: {endpoint} serves the models below {found}, and captures do not tell which of them answered. "
            "Leave it out, or watch an endpoint of one model."
        )
    return str(found)
