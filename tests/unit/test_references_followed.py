"""Commands that must know what somebody else looks after follow the references to it, and refuse where they cannot."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from local.errors import LocalStackError
from operations.leftovers.subject import scope_of
from operations.references import follow
from tests.unit.doctor_fakes import environment
from tests.unit.shipped import ACCOUNT
from tests.unit.test_references import STACK, TFSTATE, Places

pytestmark = pytest.mark.unit


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Places:
    places = Places()
    monkeypatch.setattr(follow, "environment_sources", lambda *_: places.sources)
    return places


def scope(folder: Path, **settings: Any) -> Any:
    given = {"region": "us-east-1", "teams": [{"name": "research"}], **settings}
    config = {f"groundwork:{key}": value for key, value in given.items()}
    (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    return scope_of(environment(folder), ACCOUNT)


@pytest.mark.parametrize(
    "existing",
    [
        {"vpcId": f"{TFSTATE}vpc_id", "privateSubnetIds": "cfn:shared:subnets"},
        {"vpcId": f"{STACK}vpcId", "privateSubnetIds": f"{TFSTATE}subnets"},
        f"{TFSTATE}network",
    ],
)
def test_a_network_whose_ids_stand_elsewhere_is_no_leftover(tmp_path: Path, places: Places, existing: Any):
    spared = scope(tmp_path, network={"existing": existing}).spared
    assert {"vpc-0a1b2c3d", "subnet-0a1b2c3d", "subnet-0a1b2c3e"} <= spared
    assert places.asked


def test_a_cluster_whose_name_stands_elsewhere_is_no_leftover(tmp_path: Path, places: Places):
    found = scope(tmp_path, cluster={"existing": {"name": "cfn:shared-vpc"}})
    assert found.existing_cluster == "vpc-0a1b2c3d"
    assert "vpc-0a1b2c3d" in found.spared


def test_nothing_is_scanned_where_it_is_not_known_what_is_somebody_elses(tmp_path: Path, places: Places):
    with pytest.raises(LocalStackError) as raised:
        scope(tmp_path, network={"existing": {"vpcId": "cfn:nobody", "privateSubnetIds": [f"{TFSTATE}zzz"]}})
    text = str(raised.value)
    assert 'groundwork:network.existing.vpcId: "cfn:nobody" leads nowhere' in text
    assert "groundwork:network.existing.privateSubnetIds[0]: " in text
    assert "write the values into Pulumi.dev.yaml (`groundwork references dev`)" in text


def test_what_is_not_about_somebody_elses_things_is_not_followed(tmp_path: Path, places: Places):
    scope(tmp_path, tags={"owner": "cfn:nobody"}, cluster={"version": "cfn:nobody"})
    assert places.asked == []
