"""`groundwork bootstrap`: the state's bucket and key on an AWS server, made once, repaired, and resumed."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from operations import bootstrap_command
from operations.bootstrap.plan import KEPT, MADE, MENDED, Bootstrap, bootstrap_of
from operations.bootstrap.state_stack import StateStack
from operations.bootstrap.step import BootstrapError
from operations.cli import app
from operations.environments import account, boto_session, environment
from operations.yaml_lines import with_keys
from tests.conftest import Said
from tests.local.aws_server_process import AwsServerProcess
from tests.local.bootstrap_checkout import ACCOUNT, add_environment, entry, make_checkout, write_profile

pytestmark = pytest.mark.local
READS = ("Get", "List", "Describe", "Head")
INTERRUPTED = [f"run{number}" for number in range(1, 20)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServerProcess]:
    process = AwsServerProcess(tmp_path_factory.mktemp("aws"))
    process.start()
    yield process
    process.ensure_stopped()


@pytest.fixture
def checkout(server: AwsServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose stacks are made without the engine: the state and what it writes into the settings."""

    def stack(step: Any, command: str, *arguments: str) -> None:
        names, env = step._names, step._env
        key = f".pulumi/stacks/{env.project.name}/{env.name}.json"
        step._s3.put_object(Bucket=names.bucket, Key=key, Body=b'{"checkpoint": {}}')
        said = {"secretsprovider": names.secrets_provider, "encryptedkey": "AQID"}
        env.settings_file.write_text(with_keys(env.settings_file.read_text(), (), said))

    monkeypatch.setattr(StateStack, "_engine", stack)
    for variable in ("PULUMI_BACKEND_URL", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    write_profile(tmp_path / "config", server, "dev", "other", "bare", "named", "stolen", "twice", "main", *INTERRUPTED)
    return make_checkout(tmp_path / "checkout")


def opened(checkout: Path, name: str) -> Bootstrap:
    env = environment(name, checkout)
    return bootstrap_of(env, boto_session(env))


def done(found: Bootstrap) -> dict[str, str]:
    return {step.what: step.done for step in found.carry_out(found.look(), lambda _: None)}


def keys_of(server: AwsServerProcess, name: str) -> list[str]:
    kms = server.client("kms", region_name="eu-central-1")
    keys = [key["KeyId"] for key in kms.list_keys(Limit=1000)["Keys"]]
    tag = {"TagKey": "groundwork:state-of", "TagValue": name}
    return [key for key in keys if tag in kms.list_resource_tags(KeyId=key)["Tags"]]


def test_the_state_gets_a_closed_versioned_encrypted_bucket_and_a_rotating_key(
    checkout: Path, server: AwsServerProcess
):
    add_environment(checkout, "dev")
    found = opened(checkout, "dev")
    assert {step.was for step in found.look()} == {"missing"}
    assert MADE in done(found).values()
    bucket, s3 = f"groundwork-state-dev-{ACCOUNT}", server.client("s3", region_name="eu-central-1")
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] == "eu-central-1"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": found.key.arn}
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    (lifecycle,) = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert lifecycle["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    kms = server.client("kms", region_name="eu-central-1")
    assert kms.get_key_rotation_status(KeyId=found.key.arn)["KeyRotationEnabled"]
    assert kms.describe_key(KeyId="alias/groundwork-state-dev")["KeyMetadata"]["Arn"] == found.key.arn
    assert entry(checkout, "dev") == {
        "backend": f"s3://{bucket}?region=eu-central-1",
        "secretsProvider": "awskms://alias/groundwork-state-dev?region=eu-central-1",
    }
    assert (checkout / "groundwork.yaml").read_text().startswith("# ours\n")
    again = opened(checkout, "dev")
    assert {step.done for step in again.look()} == {KEPT}
    assert set(done(again).values()) == {KEPT}


def test_what_differs_is_repaired_and_what_others_added_stays(checkout: Path, server: AwsServerProcess):
    add_environment(checkout, "other")
    done(opened(checkout, "other"))
    bucket, s3 = f"groundwork-state-other-{ACCOUNT}", server.client("s3", region_name="eu-central-1")
    reader = {
        "Sid": "Auditors",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [reader]}))
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "cost-centre", "Value": "7"}]})
    server.client("kms", region_name="eu-central-1").disable_key_rotation(KeyId=keys_of(server, "other")[0])
    what = done(opened(checkout, "other"))
    mended = {step.split(", ")[-1] for step, outcome in what.items() if outcome == MENDED}
    assert mended == {"rotation", "public access", "policy", "versions", "tags"}
    statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert [statement["Sid"] for statement in statements] == ["Auditors", "TlsOnly"]
    assert {tag["Key"] for tag in s3.get_bucket_tagging(Bucket=bucket)["TagSet"]} == {
        "cost-centre",
        "groundwork:state-of",
    }
    assert set(done(opened(checkout, "other")).values()) == {KEPT}


def test_a_run_that_ends_after_any_change_is_finished_by_the_next(checkout: Path, server: AwsServerProcess, said: Said):
    class Ended(BaseException):
        """The process is gone."""

    survived = 0
    for count, name in enumerate(INTERRUPTED, start=1):
        add_environment(checkout, name)
        session, left = boto_session(environment(name, checkout)), [count]

        def end(model: Any, left: list[int] = left, **_: Any) -> None:
            left[0] -= 0 if model.name.startswith(READS) else 1
            if not left[0] and not model.name.startswith(READS):
                raise Ended

        session.events.register("after-call.*.*", end)
        try:
            done(bootstrap_of(environment(name, checkout), session))
        except Ended:
            survived += 1
        session.events.unregister("after-call.*.*", end)
        done(bootstrap_of(environment(name, checkout), session))
        finished = bootstrap_of(environment(name, checkout), session)
        assert {step.done for step in finished.look()} == {KEPT}
        assert len(keys_of(server, name)) == 1
        if left[0] > 0:
            break
    said(f"{survived} changes, and a run that ended after each was finished by the next")
    assert survived >= 11


def test_another_account_is_refused_before_anything_is_made(checkout: Path, server: AwsServerProcess):
    add_environment(checkout, "stolen", account_id="210987654321")
    with pytest.raises(BootstrapError, match=r"for the account 210987654321, .* belongs to 123456789012"):
        opened(checkout, "stolen")
    assert keys_of(server, "stolen") == []


def test_the_bucket_that_the_file_names_is_the_one_that_is_made(checkout: Path, server: AwsServerProcess):
    add_environment(checkout, "named")
    (checkout / "groundwork.yaml").write_text(
        "environments: {named: {backend: 's3://our-states/team?region=eu-central-1'}}"
    )
    done(opened(checkout, "named"))
    assert server.client("s3").get_bucket_versioning(Bucket="our-states")["Status"] == "Enabled"
    assert entry(checkout, "named")["backend"] == "s3://our-states/team?region=eu-central-1"


def test_a_key_that_will_be_deleted_is_not_replaced(checkout: Path, server: AwsServerProcess):
    add_environment(checkout, "stolen")
    found = opened(checkout, "stolen")
    found.steps[0].mend()
    kms = server.client("kms", region_name="eu-central-1")
    kms.schedule_key_deletion(KeyId=keys_of(server, "stolen")[0], PendingWindowInDays=7)
    with pytest.raises(BootstrapError, match="aws kms cancel-key-deletion --key-id"):
        opened(checkout, "stolen").look()


def test_the_slower_of_two_bootstraps_takes_the_key_of_the_quicker(checkout: Path, server: AwsServerProcess):
    add_environment(checkout, "twice")
    quick, slow = opened(checkout, "twice"), opened(checkout, "twice")
    assert [step.was for step in slow.look()[:1]] == ["missing"]
    quick.steps[0].mend()
    slow.steps[0].mend()
    assert slow.key.arn == quick.key.arn
    kms = server.client("kms", region_name="eu-central-1")
    states = sorted(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in keys_of(server, "twice"))
    assert states == ["Enabled", "PendingDeletion"]


def test_an_accounts_own_stack_has_its_state_made_in_the_same_way(
    checkout: Path, server: AwsServerProcess, monkeypatch: pytest.MonkeyPatch
):
    (checkout / "account").mkdir()
    settings = checkout / "account" / "Pulumi.main.yaml"
    settings.write_text(
        f"config:\n  groundwork-account:region: us-east-1\n  groundwork-account:accountId: '{ACCOUNT}'\n"
    )
    monkeypatch.setattr(bootstrap_command, "account", partial(account, checkout=checkout))
    made = CliRunner().invoke(app, ["account", "bootstrap", "main", "--yes"])
    assert made.exit_code == 0, made.output
    assert "made    stack main of groundwork-account" in made.output
    assert "make account-up ACCOUNT=main" in made.output
    bucket = f"groundwork-state-main-{ACCOUNT}"
    assert account("main", checkout).backend == f"s3://{bucket}?region=us-east-1"
    state = server.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert [each["Key"] for each in state] == [".pulumi/stacks/groundwork-account/main.json"]
    assert "secretsprovider" in settings.read_text()


def test_the_command_looks_asks_and_answers_in_json(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    add_environment(checkout, "bare", account_id="")
    monkeypatch.setattr(bootstrap_command, "environment", partial(environment, checkout=checkout))
    run = partial(CliRunner().invoke, app)
    assert run(["bootstrap", "bare", "--check"]).exit_code == 2
    asked = run(["bootstrap", "bare"])
    assert asked.exit_code == 2
    assert "add --yes" in asked.output
    careless = run(["bootstrap", "bare", "--yes"])
    assert careless.exit_code == 2
    assert f'groundwork:accountId: "{ACCOUNT}"' in careless.output
    add_environment(checkout, "bare")
    made = run(["bootstrap", "bare", "--yes", "--by-hand", "-o", "json"])
    assert made.exit_code == 0, made.output
    answer = json.loads(made.stdout)
    assert answer["bucket"] == f"groundwork-state-bare-{ACCOUNT}"
    assert {step["done"] for step in answer["steps"]} <= {MADE, KEPT}
    assert "bare" not in (checkout / "groundwork.yaml").read_text()
    told = run(["bootstrap", "bare", "--yes"])
    assert told.exit_code == 0
    assert "made    groundwork.yaml, environments.bare" in told.output
    assert "make up ENV=bare" in told.output
    assert run(["bootstrap", "bare", "--check"]).exit_code == 0
