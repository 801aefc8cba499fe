"""Settings whose values stand elsewhere: how they are spelled, followed and checked, and what is said otherwise."""

import json
from typing import Any

import pytest

from infra.references.resolve import Sources, has_references, resolve
from infra.references.spelling import MisspeltError, read
from infra.references.terraform_state import outputs_of
from infra.references.values import CommaSeparated, Output, Outputs, UnreachableError
from infra.settings import Settings, SettingsError, parse
from tests.unit.test_settings import GOOD

pytestmark = pytest.mark.unit

STATE = {
    "vpc_id": "vpc-0a1b2c3d",
    "subnets": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"],
    "network": {"vpcId": "vpc-0a1b2c3d", "privateSubnetIds": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"]},
    "by_zone": {"a": ["subnet-0a1b2c3d"], "b": ["subnet-0a1b2c3e"]},
    "log_days": 14,
    "version": 1.35,
    "nothing": None,
}
EXPORTS = {
    "shared-vpc": "vpc-0a1b2c3d",
    "shared:subnets": "subnet-0a1b2c3d, subnet-0a1b2c3e",
    "log-days": "30",
    "flag": "true",
}
TFSTATE = "tfstate:s3://acme-terraform/network/terraform.tfstate#"
STACK = "stack:organization/network/dev#"


class Places:
    """Sources that count what is asked of them."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def exports(self) -> Outputs:
        self.asked.append("exports")
        values = {name: Output(value=CommaSeparated(value)) for name, value in EXPORTS.items()}
        return Outputs(where="CloudFormation in us-east-1", values=values, kind="export")

    def state(self, bucket: str, key: str) -> Outputs:
        self.asked.append(f"{bucket}/{key}")
        if bucket != "acme-terraform":
            raise UnreachableError(f"there is no bucket {bucket}")
        return Outputs(where="the state", values={name: Output(value=value) for name, value in STATE.items()})

    def stack(self, name: str) -> Outputs:
        self.asked.append(name)
        values = {"vpcId": Output(value="vpc-0a1b2c3d"), "password": Output(value="hunter2", sensitive=True)}
        return Outputs(where=f"the stack {name}", values=values, hint="secret ones are left out")

    @property
    def sources(self) -> Sources:
        return Sources(exports=self.exports, state=self.state, stack=self.stack)


def settings(changes: dict[str, Any], places: Places | None = None) -> Settings:
    resolved = resolve({**GOOD, **changes}, (places or Places()).sources)
    return parse("dev", resolved.values, resolved.origins)


def problems(changes: dict[str, Any]) -> list[str]:
    with pytest.raises(SettingsError) as raised:
        settings(changes)
    return list(raised.value.lines)


@pytest.mark.parametrize(
    ("text", "place", "path"),
    [
        ("cfn:shared-vpc", (), ("shared-vpc",)),
        ("cfn:net:Vpc", (), ("net:Vpc",)),
        ("tfstate:s3://acme/a/b.tfstate#vpc_id", ("acme", "a/b.tfstate"), ("vpc_id",)),
        ("tfstate:s3://acme/env:/staging/a#b#ids[0]", ("acme", "env:/staging/a#b"), ("ids", 0)),
        ("tfstate:s3://acme/a#net.by-zone.1a[12].id", ("acme", "a"), ("net", "by-zone", "1a", 12, "id")),
        ("stack:acme/net/dev.eu#ids[1]", ("acme/net/dev.eu",), ("ids", 1)),
    ],
)
def test_a_reference_says_where_a_value_stands(text: str, place: tuple[str, ...], path: tuple[str | int, ...]):
    found = read(text)
    assert found is not None
    assert (found.place, found.path) == (place, path)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("cfn:", "cfn:EXPORT"),
        ("cfn:a b", "cfn:EXPORT"),
        ("tfstate:acme/a#b", "tfstate:s3://BUCKET/KEY#OUTPUT"),
        ("tfstate:s3://acme/a", "tfstate:s3://BUCKET/KEY#OUTPUT"),
        ("tfstate:s3://Acme/a#b", "tfstate:s3://BUCKET/KEY#OUTPUT"),
        ("tfstate:s3://acme/a#b[x]", "tfstate:s3://BUCKET/KEY#OUTPUT"),
        ("stack:network/dev#vpcId", "stack:ORGANIZATION/PROJECT/STACK#OUTPUT"),
        ("stack:organization/network/dev", "stack:ORGANIZATION/PROJECT/STACK#OUTPUT"),
    ],
)
def test_a_misspelt_reference_is_shown_the_right_spelling(text: str, allowed: str):
    with pytest.raises(MisspeltError, match=f"allowed is {allowed}"):
        read(text)
    [line] = problems({"cluster": {"version": text}})
    assert line.startswith(f'groundwork:cluster.version: "{text}" is no reference; allowed is {allowed}')


@pytest.mark.parametrize(
    "text", ["vpc-0a1b2c3d", "https://cfn:8080", " cfn:x", "arn:aws:cloudformation:x", "stacked", ""]
)
def test_any_other_text_is_itself(text: str):
    assert read(text) is None
    assert not has_references({"network": {"a": [text, 1, None, True]}})


def test_nothing_is_read_where_no_setting_asks():
    places = Places()
    resolved = resolve(GOOD, places.sources)
    assert (resolved.values, resolved.origins, places.asked) == (GOOD, {}, [])


@pytest.mark.parametrize(
    "existing",
    [
        {"vpcId": "cfn:shared-vpc", "privateSubnetIds": "cfn:shared:subnets"},
        {"vpcId": f"{TFSTATE}vpc_id", "privateSubnetIds": f"{TFSTATE}subnets"},
        {"vpcId": f"{STACK}vpcId", "privateSubnetIds": [f"{TFSTATE}by_zone.a[0]", f"{TFSTATE}by_zone.b[0]"]},
        f"{TFSTATE}network",
    ],
)
def test_a_value_from_elsewhere_is_typed_as_one_that_is_written_down(existing: Any):
    found = settings({"network": {"existing": existing}}).network.existing
    assert found is not None
    assert found.vpc_id == "vpc-0a1b2c3d"
    assert found.private_subnet_ids == ("subnet-0a1b2c3d", "subnet-0a1b2c3e")


def test_numbers_and_flags_come_from_typed_outputs_and_from_texts():
    network = {"zones": ["us-east-1a", "us-east-1b"], "flowLogDays": f"{TFSTATE}log_days"}
    found = settings(
        {"network": network, "keys": {"deletionWindowDays": "cfn:log-days"}, "queues": {"enabled": "cfn:flag"}}
    )
    assert (found.network.flow_log_days, found.keys.deletion_window_days, found.queues.enabled) == (14, 30, True)


def test_each_place_is_read_once():
    places = Places()
    existing = {"vpcId": f"{TFSTATE}vpc_id", "privateSubnetIds": [f"{TFSTATE}subnets[0]", f"{TFSTATE}subnets[1]"]}
    resolved = resolve({**GOOD, "network": {"existing": existing}, "tags": {"vpc": "cfn:shared-vpc"}}, places.sources)
    assert places.asked == ["acme-terraform/network/terraform.tfstate", "exports"]
    assert resolved.origins["network.existing.privateSubnetIds[1]"] == f"{TFSTATE}subnets[1]"


def test_a_value_that_does_not_fit_names_its_setting_and_where_it_came_from():
    [line] = problems(
        {"network": {"existing": {"vpcId": f"{TFSTATE}log_days", "privateSubnetIds": f"{TFSTATE}subnets"}}}
    )
    assert line == (
        f"groundwork:network.existing.vpcId: 14 (from {TFSTATE}log_days) is not allowed; allowed is a text, in quotes"
    )
    [line] = problems({"network": {"existing": {"vpcId": "vpc-0a1b2c3d", "privateSubnetIds": "cfn:shared-vpc"}}})
    assert (
        '.privateSubnetIds[0]: "vpc-0a1b2c3d" (from cfn:shared-vpc) is not allowed; allowed is the id of a sub' in line
    )


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (
            "cfn:shared-vcp",
            "leads nowhere: CloudFormation in us-east-1 has no export 'shared-vcp'; did you mean shared-vpc?",
        ),
        (f"{TFSTATE}zzz", "the state has no output 'zzz'; there is by_zone, log_days, network"),
        (f"{TFSTATE}network.vpc", "'network' of the state has no key 'vpc'; did you mean vpcId?"),
        (f"{TFSTATE}subnets[2]", "'subnets' of the state has 2 entries, and [2] counts from 0"),
        (f"{TFSTATE}vpc_id[0]", "'vpc_id' of the state is no list"),
        (f"{TFSTATE}subnets.first", "'subnets' of the state is no object, so it has no 'first'"),
        (f"{TFSTATE}nothing", "'nothing' of the state is null"),
        (f"{STACK}vpc", "has no output 'vpc'; did you mean vpcId? secret ones are left out"),
        ("tfstate:s3://nobody/a#b", "cannot be read: there is no bucket nobody"),
    ],
)
def test_a_reference_that_leads_nowhere_says_what_is_there(reference: str, said: str):
    [line] = problems({"cluster": {"version": reference}})
    assert line.startswith(f'groundwork:cluster.version: "{reference}" ')
    assert said in line


def test_a_secret_is_refused_and_never_shown():
    [line] = problems({"cluster": {"version": f"{STACK}password"}})
    assert "is a secret: the stack organization/network/dev marks 'password' as one" in line
    assert "pulumi config set --secret --path" in line
    assert "hunter2" not in line


def test_every_problem_is_shown_at_once():
    lines = problems(
        {
            "network": {"existing": {"vpcId": "cfn:nobody", "privateSubnetIds": ["subnet-0a1b2c3d", f"{TFSTATE}zzz"]}},
            "tags": {"owner": "cfn:me", "cost": "cfn:me too"},
            "keys": {"deletionWindowDays": 1},
        }
    )
    keys = [line.split(": ")[0] for line in lines]
    assert keys == [
        f"groundwork:{key}"
        for key in (
            *("tags.owner", "tags.cost", "network.existing.vpcId", "network.existing.privateSubnetIds[1]"),
            "keys.deletionWindowDays",
        )
    ]


@pytest.mark.parametrize(
    ("changes", "key", "reason"),
    [
        ({"region": "cfn:region"}, "region", "it says where to look"),
        ({"accountId": "cfn:account"}, "accountId", "it says where to look"),
        ({"profile": "cfn:profile"}, "profile", "it says where to look"),
        ({"policy": {"instanceFamilies": ["cfn:f"]}}, "policy.instanceFamilies[0]", "the policy pack reads it"),
        ({"protection": {"protect": "cfn:flag"}}, "protection.protect", "teardowns read it"),
        ({"teams": [{"name": "cfn:shared-vpc"}]}, "teams[0].name", "resources are known by it"),
        ({"teams": [f"{TFSTATE}network"]}, "teams[0]", "resources are known by it"),
    ],
)
def test_what_others_read_from_the_file_stands_in_the_file(changes: dict[str, Any], key: str, reason: str):
    lines = problems(changes)
    assert len(lines) == 1
    assert lines[0].startswith(f"groundwork:{key}: ")
    assert "cannot stand elsewhere" in lines[0]
    assert reason in lines[0]


def test_without_sources_a_reference_is_a_problem_and_no_value():
    with pytest.raises(
        SettingsError, match=r'groundwork:tags.vpc: "cfn:shared-vpc" stands elsewhere, and is not looked up'
    ):
        parse("dev", {**GOOD, "tags": {"vpc": "cfn:shared-vpc"}})


def state_file(**changes: Any) -> bytes:
    outputs = {"vpc_id": {"value": "vpc-0a1b2c3d", "type": "string"}, "key": {"value": "k", "sensitive": True}}
    return json.dumps({"version": 4, "terraform_version": "1.5.7", "outputs": outputs, **changes}).encode()


def test_a_state_file_publishes_the_outputs_of_its_root_module():
    found = outputs_of(state_file())
    assert found == {"vpc_id": Output(value="vpc-0a1b2c3d"), "key": Output(value="k", sensitive=True)}
    assert outputs_of(state_file(outputs={})) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not json", "no Terraform state file"),
        (b"\xff\xfe", "no Terraform state file"),
        (b"[]", "no Terraform state file"),
        (state_file(version=3), "format 3, and read is format 4"),
        (b"{}", "format null"),
        (b'{"meta": {}, "encrypted_data": "eA==", "encryption_version": "v0"}', "OpenTofu has encrypted it"),
        (state_file(outputs=[1]), "its `outputs` are no JSON object"),
        (state_file(outputs={"a": {"type": "string"}}), "its output 'a' has no value"),
    ],
)
def test_what_is_no_readable_state_is_refused_with_words(content: bytes, said: str):
    with pytest.raises(UnreachableError, match=said):
        outputs_of(content)
