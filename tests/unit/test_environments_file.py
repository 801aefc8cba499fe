"""groundwork.yaml: where each environment lives, read by every command."""

from pathlib import Path
from typing import Any

import pytest

from local.paths import Paths
from operations.engine import hand_over
from operations.environments import (
    EnvironmentsError,
    account,
    boto_session,
    engine_variables,
    environment,
    local_backend,
    names,
    shell_lines,
)

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
BACKEND = "s3://groundwork-state-dev-123456789012?region=eu-central-1"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("PULUMI_BACKEND_URL", "AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(variable, raising=False)
    settings(tmp_path, "dev", region="eu-central-1")
    return tmp_path


def settings(checkout: Path, name: str, **values: str) -> None:
    lines = [f'  groundwork:{key}: "{value}"' for key, value in values.items()]
    (checkout / f"Pulumi.{name}.yaml").write_text("\n".join(["config:", *lines, ""]))


def write(checkout: Path, text: str) -> None:
    (checkout / "groundwork.yaml").write_text(text)


def test_what_ships_says_where_every_environment_lives():
    assert [environment(name).name for name in names()] == names() == ["dev", "local", "prod"]
    assert environment("dev").profile == "groundwork-dev"
    assert account("main").account_id == "ACCOUNT"


def test_the_file_and_the_settings_make_one_environment(checkout: Path):
    write(
        checkout, f"environments: {{dev: {{backend: '{BACKEND}', secretsProvider: 'awskms://alias/x', profile: ours}}}}"
    )
    settings(checkout, "dev", region="eu-central-1", accountId="123456789012")
    found = environment("dev", checkout)
    assert (found.backend, found.secrets_provider, found.profile) == (BACKEND, "awskms://alias/x", "ours")
    assert (found.region, found.account_id) == ("eu-central-1", "123456789012")


def test_without_the_file_the_settings_are_enough(checkout: Path):
    found = environment("dev", checkout)
    assert (found.profile, found.region, found.account_id, found.backend) == (
        "groundwork-dev",
        "eu-central-1",
        "",
        None,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("environments: {dev: {region: us-east-1}}", "environments.dev.region is 'us-east-1', Pulumi.dev.yaml says"),
        ("environments: {dev: {backened: s3://b}}", "there is no environments.dev.backened; did you mean backend?"),
        ("environments: {dev: {backend: ftp://b}}", "allowed is s3://BUCKET"),
        ("environments: {dev: {backend: 's3://'}}", "allowed is s3://BUCKET"),
        ("environments: {dev: {backend: 'https://me:secret@host'}}", "without a name or password"),
        ("environments: {dev: {accountId: 12}}", "environments.dev.accountId"),
        ("environment: {}", "there is no such key as 'environment'"),
        ("environments: [dev]", "takes one key a stack"),
        ("environments: {", "cannot be read"),
    ],
)
def test_a_wrong_file_is_answered_with_the_key_and_what_is_allowed(checkout: Path, text: str, message: str):
    write(checkout, text)
    with pytest.raises(EnvironmentsError) as caught:
        environment("dev", checkout)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["stage", "../dev", ""])
def test_an_environment_without_settings_is_answered_with_those_that_have_some(checkout: Path, name: str):
    with pytest.raises(EnvironmentsError, match="There is one for dev"):
        environment(name, checkout)


def test_the_local_stacks_backend_cannot_be_set(checkout: Path):
    settings(checkout, "local", region="us-east-1")
    assert environment("local", checkout).backend == local_backend(Paths(checkout))
    write(checkout, "environments: {local: {backend: 's3://b'}}")
    with pytest.raises(EnvironmentsError, match="takes no backend"):
        environment("local", checkout)


def test_the_engine_gets_the_environments_own_profile_and_backend(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_PROFILE", "another")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAANOTHER")
    write(checkout, f"environments: {{dev: {{backend: '{BACKEND}'}}}}")
    variables = engine_variables(environment("dev", checkout))
    assert (variables["AWS_PROFILE"], variables["PULUMI_BACKEND_URL"]) == ("groundwork-dev", BACKEND)
    assert "AWS_ACCESS_KEY_ID" not in variables


def test_two_backends_for_one_environment_are_refused(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://another")
    assert engine_variables(environment("dev", checkout))["PULUMI_BACKEND_URL"] == "s3://another"
    write(checkout, f"environments: {{dev: {{backend: '{BACKEND}'}}}}")
    with pytest.raises(EnvironmentsError, match="made a second time"):
        engine_variables(environment("dev", checkout))


def test_a_shell_that_another_environment_was_led_to_is_led_on(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    settings(checkout, "prod", region="eu-central-1")
    write(checkout, f"environments: {{dev: {{backend: '{BACKEND}'}}}}")
    monkeypatch.setenv("PULUMI_BACKEND_URL", BACKEND)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "k")
    assert "PULUMI_BACKEND_URL" not in engine_variables(environment("prod", checkout))
    lines = shell_lines(environment("prod", checkout), [Path("/engine")]).splitlines()
    assert lines[0].split()[0] == "unset"
    assert {"PULUMI_BACKEND_URL", "AWS_SECRET_ACCESS_KEY"} <= set(lines[0].split())
    assert "export AWS_PROFILE=groundwork-prod" in lines
    assert any(line.startswith("export PATH=/engine:") for line in lines)


def test_a_missing_profile_is_named_with_those_there_are(checkout: Path, monkeypatch: pytest.MonkeyPatch):
    config = checkout / "config"
    config.write_text("[profile groundwork-prod]\nregion = us-east-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(EnvironmentsError, match=r"no AWS profile 'groundwork-dev'.*; there is groundwork-prod"):
        boto_session(environment("dev", checkout))


def test_the_engine_takes_over_in_the_environments_folder_with_its_backend(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
):
    taken: dict[str, Any] = {}

    def take(program: Path, arguments: list[str], variables: dict[str, str]) -> None:
        taken.update(program=program, arguments=arguments, backend=variables["PULUMI_BACKEND_URL"], folder=Path.cwd())

    monkeypatch.setattr("operations.engine.find_engine", lambda _: Path("/engine/pulumi"))
    monkeypatch.setattr("os.execve", take)
    monkeypatch.chdir(checkout)
    (checkout / "account").mkdir()
    (checkout / "account" / "Pulumi.main.yaml").write_text("config: {'groundwork-account:region': us-east-1}")
    write(checkout, f"environments: {{dev: {{backend: '{BACKEND}'}}}}\naccounts: {{main: {{backend: 's3://main'}}}}\n")
    hand_over(environment("dev", checkout), "up", ["--diff"])
    assert taken["arguments"] == ["pulumi", "up", "--stack", "dev", "--diff"]
    assert (taken["backend"], taken["folder"]) == (BACKEND, checkout)
    hand_over(account("main", checkout), "preview", [])
    assert (taken["backend"], taken["folder"]) == ("s3://main", checkout / "account")
