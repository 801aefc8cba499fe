"""The whole program under mocks, with the settings of each environment that ships."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.stack import deploy
from platform_contract import from_parameters
from tests.unit.recording import Recording, record

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ("local", "dev", "prod")


def settings_of(environment: str) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / f"Pulumi.{environment}.yaml").read_text())["config"]
    return {key.removeprefix("groundwork:"): value for key, value in config.items() if key.startswith("groundwork:")}


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def deployed(request: pytest.FixtureRequest) -> tuple[str, Recording]:
    return request.param, record(deploy, stack=request.param, config=settings_of(request.param))


@pytest.mark.unit
def test_what_is_published_is_a_contract_that_a_client_reads(deployed: tuple[str, Recording]):
    environment, recording = deployed
    written = recording.of("aws:ssm/parameter:Parameter").values()
    contract = from_parameters(environment, {item.inputs["name"]: item.inputs["insecureValue"] for item in written})
    assert contract.platform.environment == environment
    assert set(contract.teams) == {team["name"] for team in settings_of(environment)["teams"]}
    assert recording.outputs["contract"]["storage"]["data_bucket"] == contract.storage.data_bucket
