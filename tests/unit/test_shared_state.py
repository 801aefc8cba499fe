"""A state that is shared holds no secret and no account number, and a preview against it says what it could not see."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.errors import LocalStackError
from local.providers.aws.clients import Aws, AwsError, Settings
from local.providers.recorded import RECORDED
from operations.differences import SECRET_SIGNATURE, SIGNATURE_KEY
from operations.environments import OperatedEnvironment
from operations.review.stream import Preview, Step
from operations.sharing.defaults import without_defaults
from operations.sharing.exporting import cleaned
from operations.sharing.model import OWN_ACCOUNT, WITHHELD, SharedState, read, write
from operations.sharing.settings import written
from operations.sharing.withheld import notes, settle

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
OWN, OTHER, PUBLIC = "111122223333", "444455556666", "602401143452"
PLANTED = "gh" + "p_" + "a1B2" * 10


def secret(value: str) -> dict[str, str]:
    return {SIGNATURE_KEY: SECRET_SIGNATURE, "ciphertext": f"v1:{value}"}


def environment(folder: Path = ROOT, text: str = "", account: str = OWN) -> OperatedEnvironment:
    if text:
        (folder / "Pulumi.dev.yaml").write_text(text)
    return OperatedEnvironment(
        name="dev",
        profile="groundwork-dev",
        account_id=account,
        region="us-east-1",
        backend=None,
        secrets_provider=None,
        checkout=folder,
    )


def resource(type_: str, name: str, inputs: Any, outputs: Any = None) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::groundwork::{type_}::{name}"
    return {"urn": urn, "type": type_, "custom": True, "inputs": inputs, "outputs": outputs or inputs}


def shared(*resources: dict[str, Any], account: str = OWN) -> SharedState:
    deployment = {
        "manifest": {"time": "2026-11-22T00:00:00Z"},
        "secrets_providers": {"type": "cloud", "state": {"url": "awskms://alias/x", "encryptedkey": "AAAA"}},
        "resources": list(resources),
        "pending_operations": [{"type": "creating", "resource": {"inputs": {"password": PLANTED}}}],
    }
    return cleaned(deployment, environment(account=account), "c0ffee")


def inputs_of(state: SharedState) -> Any:
    return state.deployment["resources"][0]["inputs"]


def test_what_the_engine_knows_as_a_secret_is_withheld_and_so_is_what_opens_the_others():
    state = shared(resource("aws:x:X", "one", {"name": "a", "list": [secret("1")], "value": secret("2")}))
    assert inputs_of(state) == {"name": "a", "list": [WITHHELD], "value": WITHHELD}
    assert state.withheld.count("aws:x:X one value") == 2  # the outputs' copy as well
    assert "secrets_providers" not in state.deployment
    assert "pending_operations" not in state.deployment


@pytest.mark.parametrize(
    ("type_", "inputs"),
    [
        ("aws:rds/instance:Instance", {"password": "correct horse"}),
        ("aws:ssm/parameter:Parameter", {"type": "SecureString", "value": "correct horse"}),
        ("kubernetes:core/v1:Secret", {"stringData": {"key": "correct horse"}}),
        ("kubernetes:apps/v1:Deployment", {"spec": {"env": [{"name": "DB_PASSWORD", "value": "correct horse"}]}}),
        ("kubernetes:core/v1:ConfigMap", {"data": {"apiKey": "correct horse"}}),
        ("aws:x:X", {"description": "the password=correct horse"}),
    ],
)
def test_what_is_a_secret_by_its_type_its_name_or_its_words_is_withheld(type_: str, inputs: dict[str, Any]):
    assert "correct" not in shared(resource(type_, "one", inputs)).model_dump_json()


@pytest.mark.parametrize(
    "inputs",
    [
        {"metadataOptions": {"httpTokens": "required"}},
        {"spec": {"volumes": [{"secret": {"secretName": "tls", "items": [{"key": "a"}]}}]}},
        {"credentials": "arn:aws:secretsmanager:us-east-1:602401143452:secret:x"},
    ],
)
def test_what_only_sounds_like_a_secret_stays(inputs: dict[str, Any]):
    assert inputs_of(shared(resource("aws:x:X", "one", inputs))) == inputs


def test_source_code_in_an_archive_is_withheld_only_where_it_holds_a_secrets_shape():
    archive = {SIGNATURE_KEY: "0def7320c3a5731c473e5ecbe6d01bc7", "assets": {"a.py": {"text": "token = next(words)"}}}
    state = shared(resource("aws:lambda/function:Function", "one", {"code": archive}))
    assert inputs_of(state) == {"code": archive}
    archive["assets"] = {"a.py": {"text": f"KEY = '{PLANTED}'"}}
    assert PLANTED not in shared(resource("aws:lambda/function:Function", "one", {"code": archive})).model_dump_json()


def test_the_environments_own_account_is_zeros_others_are_numbered_and_published_ones_stay():
    arns = [f"arn:aws:iam::{each}:role/r" for each in (OWN, OTHER, PUBLIC, OTHER)]
    found = inputs_of(shared(resource("aws:x:X", "one", {"arns": arns})))["arns"]
    assert [each.split(":")[4] for each in found] == [OWN_ACCOUNT, "000000000001", PUBLIC, "000000000001"]


def test_without_a_set_account_it_is_the_one_that_the_state_is_full_of_and_none_is_an_error():
    state = resource("aws:x:X", "one", {"arns": [f"arn:aws:iam::{OWN}:role/{n}" for n in range(3)]})
    assert OWN not in shared(state, account="").model_dump_json()
    with pytest.raises(LocalStackError, match="cannot be told"):
        shared(resource("aws:x:X", "one", {"name": "a"}), account="")


def test_the_preview_runs_as_an_administrator_of_the_cluster():
    entry = {"principalArn": f"arn:aws:iam::{OWN}:role/deployer"}
    state = shared(resource("aws:eks/accessEntry:AccessEntry", "cluster-admin-deployer", entry))
    assert state.caller == f"arn:aws:iam::{OWN_ACCOUNT}:role/deployer"


LEAVES = st.sampled_from([PLANTED, f"x {PLANTED}", f"arn:aws:iam::{OWN}:role/r", f"{OWN}", "plain", secret(PLANTED)])
TREES = st.recursive(
    LEAVES | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=30,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcd"), TREES, max_size=4))
def test_no_planted_secret_and_no_account_number_is_ever_shared(inputs: dict[str, Any]):
    text = shared(resource("aws:x:X", "one", inputs)).model_dump_json()
    assert PLANTED not in text
    assert OWN not in text


def test_a_shared_state_is_read_as_it_was_written_and_what_is_none_is_refused(tmp_path: Path):
    state = shared(resource("aws:x:X", "one", {"a": 1}))
    write(state, tmp_path / "deep" / "state.json")
    assert read(tmp_path / "deep" / "state.json") == state
    (tmp_path / "other.json").write_text('{"version": 3, "deployment": {}}')
    with pytest.raises(LocalStackError, match="is no shared state"):
        read(tmp_path / "other.json")
    with pytest.raises(LocalStackError, match="cannot be read"):
        read(tmp_path / "none.json")


def test_settings_for_it_have_the_same_account_and_none_of_the_keys(tmp_path: Path):
    text = f"""
secretsprovider: awskms://alias/x
encryptedkey: AAAA
config:
  groundwork:accountId: "{OWN}"
  groundwork:promotion: {{to: ["{OTHER}"]}}
  groundwork:nested: {{deep: [{{secure: AAAA}}]}}
"""
    assert written(environment(tmp_path, text), tmp_path / "copy.yaml")
    copy = (tmp_path / "copy.yaml").read_text()
    assert OWN not in copy
    assert OWN_ACCOUNT in copy
    assert OTHER in copy
    assert "AAAA" not in copy
    assert "secretsprovider" not in copy
    assert WITHHELD in copy


def step(old: Any, new: Any, *paths: str, operation: Any = "update") -> Step:
    detailed = {path: {"diffKind": "update", "inputDiff": True} for path in paths}
    return Step("urn::aws:x:X::one", "aws:x:X", operation, {"inputs": old}, {"inputs": new}, detailed=detailed)


def preview(one: Step) -> Preview:
    return Preview(steps={one.urn: one}, ended=True)


def test_a_difference_from_a_withheld_value_is_no_change_but_told():
    one = step({"a": WITHHELD}, {"a": "[secret]"}, "a", operation="replace")
    assert settle(preview(one)) == ["aws:x:X one a"]
    assert one.operation == "same"
    told = notes(shared(), ["aws:x:X one a"], secret_settings=True)
    assert "aws:x:X one a" in told[1]
    assert "stand-in" in told[2]


def test_a_true_change_beside_a_withheld_value_stays_one():
    one = step({"a": WITHHELD, "b": 1}, {"a": "x", "b": 2}, "a", "b")
    settle(preview(one))
    assert (one.operation, list(one.detailed)) == ("update", ["b"])
    whole = step({"list": [{"v": WITHHELD, "n": 1}]}, {"list": [{"v": "x", "n": 2}]}, "list")
    assert settle(preview(whole)) == []
    assert whole.operation == "update"
    only = step({"list": [{"v": WITHHELD, "n": 1}]}, {"list": [{"v": "x", "n": 1}]}, "list")
    settle(preview(only))
    assert only.operation == "same"


def test_defaults_that_the_genuine_provider_adds_are_no_words_of_the_program():
    inputs = {
        "bucket": "store-1234567",
        "forceDestroy": False,
        "rules": [{"id": "a", "status": "Enabled", "__defaults": ["status"]}],
        "__defaults": ["bucket", "forceDestroy"],
    }
    deployment = {"resources": [resource("aws:s3/bucket:Bucket", "store", inputs)]}
    (found,) = without_defaults(deployment)["resources"]
    assert found["inputs"] == {"bucket": "store-1234567", "rules": [{"id": "a"}], "__defaults": ["bucket"]}
    foreign = {"resources": [resource("kubernetes:core/v1:ConfigMap", "one", {"__defaults": ["a"], "a": 1})]}
    assert without_defaults(foreign) == json.loads(json.dumps(foreign))


def test_without_an_account_the_plugin_knows_who_calls_and_asks_nobody(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(RECORDED, f"arn:aws:iam::{OWN_ACCOUNT}:role/deployer")
    aws = Aws(Settings(region="us-east-1", allowed_account_ids=(OWN_ACCOUNT,)))
    aws.check_account()
    assert aws.identity()["Arn"].endswith("role/deployer")
    with pytest.raises(AwsError, match="no account that could be asked"):
        aws.call("ec2", "DescribeVpcs", {})
