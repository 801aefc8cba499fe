"""The account's stack: what its settings bring about, and what a bad file is answered with."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from account.program import deploy
from account.sections import (
    BoundarySettings,
    EnvironmentSettings,
    GithubSettings,
    GitlabSettings,
    JenkinsSettings,
    RunnerSettings,
    ScanningSettings,
    TeamSettings,
)
from account.settings import AccountSettings, parse
from infra.sections.policy import PolicySettings
from infra.settings import SettingsError
from tests.unit import recording as recording_module
from tests.unit.recording import ACCOUNT, Recording

pytestmark = pytest.mark.unit
ROOT = Path(__file__).parents[2]
PREFIX = "groundwork-account:"
GITHUB = {"repositories": [{"name": "octo-org/platform", "public": False}], "connection": "confirmed"}
GITLAB = {"projects": [{"path": "group/platform", "public": False}], "connection": "confirmed"}
JENKINS = {
    "url": "https://jenkins.example.com",
    "previewFolder": "groundwork",
    "deployFolder": "groundwork-deploy",
}
GOOD: dict[str, Any] = {"region": "us-east-1", "accountId": ACCOUNT}
RUNNER: dict[str, Any] = {"name": "cpu", "forge": "github", "repository": "octo-org/platform"}
CHURN = {"name": "octo-org/churn", "public": False}
TEAM: dict[str, Any] = {"team": "ads", "environment": "dev", "repositories": [CHURN]}
PUBLIC = {**GITHUB, "repositories": [{"name": "octo-org/platform", "public": True}]}


def shipped(stack: str) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / "account" / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key.removeprefix(PREFIX): value for key, value in config.items() if key.startswith(PREFIX)}


def record(settings: dict[str, Any], stack: str = "main") -> Recording:
    """Runs the account's program; its keys have a namespace of their own."""
    set_all_config = pulumi.runtime.set_all_config

    def renamed(config: dict[str, str]) -> None:
        set_all_config({key.replace("groundwork:", PREFIX): value for key, value in config.items()})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording_module.pulumi.runtime, "set_all_config", renamed)
        return recording_module.record(deploy, stack=stack, config=settings)


def everything(**more: Any) -> dict[str, Any]:
    runners = [RUNNER, {**RUNNER, "name": "gpu", "kind": "gpu"}]
    runners.append({"name": "lab", "forge": "gitlab", "repository": "group/platform"})
    return {
        **GOOD,
        "github": GITHUB,
        "gitlab": GITLAB,
        "environments": [{"name": "dev"}, {"name": "prod"}],
        "runners": runners,
        **more,
    }


BAD: list[tuple[dict[str, Any], list[str]]] = [
    ({"accountId": "ACCOUNT"}, ["groundwork-account:accountId", '"ACCOUNT"', "12 digits"]),
    ({"regoin": "x"}, ["groundwork-account:regoin", "did you mean groundwork-account:region?"]),
    ({"github": {"repositories": [{"name": "OWNER/REPOSITORY", "public": False}]}}, ["name", "your own"]),
    ({"github": {"repositories": [{"name": "a/b"}]}}, ["repositories[0].public", "is missing", "fork it"]),
    ({"github": {"repositories": [{"name": "a/b", "public": False, "ownerId": 1}]}}, ["repositoryId", "go together"]),
    ({"gitlab": {"projects": [{"path": "GROUP/x", "public": False}]}}, ["projects[0].path", "your own"]),
    ({"gitlab": {"projects": [{"path": "g/x", "public": False, "branch": "*"}]}}, ["branch", "without patterns"]),
    ({"environments": [{"name": "dev"}]}, ["environments", "somebody who takes them"]),
    ({"github": GITHUB, "environments": [{"name": "account"}]}, ["environments[0].name", "account's own"]),
    ({"github": GITHUB, "environments": [{"name": "dev"}, {"name": "dev-two"}]}, ["environments[1]", "ambiguous"]),
    (
        {"github": GITHUB, "environments": [{"name": "dev", "previewEnvironment": "dev"}]},
        ["previewEnvironment", "could deploy"],
    ),
    ({"github": GITHUB, "runners": [{**RUNNER, "repository": "octo-org/other"}]}, ["repository", "octo-org/platform"]),
    ({"github": PUBLIC, "runners": [RUNNER]}, ["runners[0].actorIds", "fork"]),
    ({"github": {**GITHUB, "connection": "none"}, "runners": [RUNNER]}, ["github.connection", "made and confirmed"]),
    ({"github": GITHUB, "runners": [{**RUNNER, "kind": "gpu", "size": "medium"}]}, ["size", "small, large"]),
    ({"github": GITHUB, "runners": [RUNNER, RUNNER]}, ["runners[1].name", "runners[0] has this name"]),
    ({"github": GITHUB, "runners": [{**RUNNER, "minutes": 1}]}, ["minutes", "5 or more"]),
    ({"teams": [{"team": "ads", "environment": "dev"}]}, ["teams[0].repositories", "needs a repository"]),
    ({"teams": [TEAM, TEAM]}, ["teams[1].team", "teams[0] is this team's already"]),
    ({"teams": [{**TEAM, "team": "t" * 45}]}, ["teams[0].team", "64 characters"]),
    ({"teams": [{**TEAM, "projects": GITLAB["projects"]}]}, ["teams[0].projects", "set `gitlab`"]),
    ({"jenkins": {**JENKINS, "url": "http://jenkins.example.com"}}, ["jenkins.url", "https://"]),
    (
        {"jenkins": {**JENKINS, "deployFolder": "groundwork/deploy"}},
        ["jenkins.deployFolder", "of all folders above it"],
    ),
    (
        {
            "jenkins": {
                **JENKINS,
                "previewIssuer": "https://keys.example.com",
                "deployIssuer": "https://keys.example.com",
            }
        },
        ["jenkins.deployIssuer", "previews could deploy"],
    ),
    ({"jenkins": {**JENKINS, "deployFolder": "cfn:folder"}}, ["deployFolder", "is decided here"]),
    ({"boundary": {"regions": ["eu-west-1"]}}, ["boundary.regions", "us-east-1"]),
    ({"keyDeletionDays": 3}, ["keyDeletionDays", "7 or more"]),
    ({"github": {"repositories": [{"name": "cfn:repository", "public": False}]}}, ["name", "is decided here"]),
    ({"teams": [{**TEAM, "repositories": "cfn:repositories"}]}, ["teams[0].repositories", "is decided here"]),
    ({"tags": {"owner": "cfn:owner"}}, ["groundwork-account:tags.owner", "stands elsewhere, and is not looked up"]),
    (
        {"github": GITHUB, "environments": [{"name": "dev", "elsewhere": {"states": ["s3://acme-terraform/*"]}}]},
        ["environments[0].elsewhere.states[0]", "one object without *"],
    ),
    (
        {"github": GITHUB, "environments": [{"name": "dev", "elsewhere": {"stacks": ["network/dev"]}}]},
        ["environments[0].stateBucket: is missing", "read from the environment's state bucket"],
    ),
]


@pytest.mark.parametrize(("change", "said"), BAD, ids=[str(change)[:60] for change, _ in BAD])
def test_a_bad_value_is_named_with_its_key_and_what_is_allowed(change: dict[str, Any], said: list[str]):
    with pytest.raises(SettingsError) as error:
        parse({**GOOD, **change})
    for words in said:
        assert words in str(error.value)


def test_an_account_without_its_number_is_refused():
    with pytest.raises(SettingsError, match="groundwork-account:accountId: is missing"):
        parse({"region": "us-east-1"})


def test_the_example_is_refused_until_it_is_somebodys_own():
    with pytest.raises(SettingsError) as error:
        parse(shipped("main"))
    for words in ("accountId", "repositories[0].name"):
        assert words in str(error.value)


def test_bad_settings_end_the_program_without_a_traceback():
    with pytest.raises(pulumi.RunError, match=r"account/Pulumi\.main\.yaml: 1 setting is not valid"):
        record({**GOOD, "region": "mars"})


def test_the_project_file_declares_exactly_the_settings_that_the_program_reads():
    declared = yaml.safe_load((ROOT / "account" / "Pulumi.yaml").read_text())["config"]
    assert set(declared) == {field.alias for field in AccountSettings.model_fields.values()}
    sections = {
        "github": GithubSettings,
        "gitlab": GitlabSettings,
        "jenkins": JenkinsSettings,
        "environments": EnvironmentSettings,
        "runners": RunnerSettings,
        "teams": TeamSettings,
        "registry": ScanningSettings,
        "boundary": BoundarySettings,
        "policy": PolicySettings,
    }
    for key, section in sections.items():
        for name in section.spelling():
            assert name in declared[key]["description"], f"{key}: {name}"


def test_an_account_that_trusts_nobody_still_has_the_ceiling_of_all_roles():
    recording = record(GOOD)
    assert recording.one("aws:iam/policy:Policy").inputs["name"] == "groundwork-boundary"
    assert not recording.of("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    assert not recording.of("aws:iam/role:Role")


def test_the_monitor_of_all_services_is_made_unless_the_account_has_one():
    kind = "aws:costexplorer/anomalyMonitor:AnomalyMonitor"
    assert record(GOOD).one(kind).inputs["monitorDimension"] == "SERVICE"
    assert not record({**GOOD, "anomalyMonitor": False}).of(kind)


def test_the_logs_of_jobs_get_a_key_and_an_end_where_the_settings_say_so():
    assert not record({**GOOD}).of("aws:cloudwatch/logGroup:LogGroup")
    groups = record({**GOOD, "jobLogs": {"days": 90}}).of("aws:cloudwatch/logGroup:LogGroup").values()
    assert {group.inputs["name"] for group in groups} == {
        f"/aws/sagemaker/{word}" for word in ("TrainingJobs", "ProcessingJobs", "TransformJobs")
    }
    assert {group.inputs["retentionInDays"] for group in groups} == {90}
    assert all(group.inputs["kmsKeyId"] for group in groups)


def test_jenkins_previews_and_deploys_by_the_folder_that_a_job_is_in():
    recording = record({**GOOD, "jenkins": JENKINS, "environments": [{"name": "dev"}]})
    providers = recording.of("aws:iam/openIdConnectProvider:OpenIdConnectProvider").values()
    assert {one.inputs["url"]: one.inputs["clientIdLists"] for one in providers} == {
        "https://jenkins.example.com/oidc/job/groundwork": ["sts.amazonaws.com"],
        "https://jenkins.example.com/oidc/job/groundwork-deploy": ["sts.amazonaws.com"],
    }
    roles = recording.of("aws:iam/role:Role").values()
    trust = {one.inputs["name"]: json.loads(one.inputs["assumeRolePolicy"])["Statement"] for one in roles}
    (deploy,) = trust["ci-groundwork-dev-deploy"]
    assert deploy["Condition"] == {
        "StringEquals": {
            "jenkins.example.com/oidc/job/groundwork-deploy:aud": "sts.amazonaws.com",
            "jenkins.example.com/oidc/job/groundwork-deploy:sub": [
                "https://jenkins.example.com/job/groundwork-deploy/job/dev/"
            ],
        }
    }
    (preview,) = trust["ci-groundwork-dev-preview"]
    assert preview["Principal"]["Federated"].endswith(":oidc-provider/jenkins.example.com/oidc/job/groundwork")


def test_a_whole_account_has_each_thing_once():
    recording = record(everything())
    assert len(recording.of("aws:iam/openIdConnectProvider:OpenIdConnectProvider")) == 2
    assert len(recording.of("aws:codebuild/sourceCredential:SourceCredential")) == 2
    assert len(recording.of("aws:codebuild/project:Project")) == 3
    assert len(recording.of("aws:s3/bucket:Bucket")) == 1
    assert len(recording.of("aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration")) == 1


def test_an_environments_roles_read_the_state_that_its_settings_stand_in():
    state = "acme-terraform/network/terraform.tfstate"
    dev = {"name": "dev", "elsewhere": {"exports": True, "states": [f"s3://{state}"]}}
    recording = record({**GOOD, "github": GITHUB, "environments": [dev]})
    for name in ("ci-dev-preview-read", "ci-dev-deploy-identities"):
        statements = {each["Sid"]: each for each in recording.policy("aws:iam/policy:Policy", name)}
        assert statements["ReadElsewhere"]["Resource"] == [f"arn:aws:s3:::{state}"]
        assert statements["ReadExportsUnscoped"]["Action"] == ["cloudformation:ListExports"]


def test_nothing_is_built_on_a_connection_that_nobody_has_confirmed():
    made = {**GITHUB, "connection": "made"}
    recording = record({**GOOD, "github": made, "runners": [RUNNER]})
    assert recording.one("aws:codeconnections/connection:Connection")
    for kind in ("codebuild/project:Project", "codebuild/sourceCredential:SourceCredential", "s3/bucket:Bucket"):
        assert not recording.of(f"aws:{kind}")


def test_everything_has_the_accounts_provider_which_refuses_every_other_account():
    recording = record(everything())
    provider = recording.one("pulumi:providers:aws").inputs
    assert provider["allowedAccountIds"] == f'["{ACCOUNT}"]'
    assert "groundwork:environment" in provider["defaultTags"]
    for item in recording.registrations:
        if item.custom and not item.type.startswith("pulumi:providers:"):
            assert item.provider, item.name


def test_names_of_roles_and_projects_fit_what_aws_takes():
    longest = {**RUNNER, "name": "r" * 30}
    recording = record(everything(environments=[{"name": "e" * 20}], runners=[longest]))
    for role in recording.of("aws:iam/role:Role").values():
        assert len(role.inputs["name"]) <= 64
    for connection in recording.of("aws:codeconnections/connection:Connection").values():
        assert len(connection.inputs["name"]) <= 32


def test_outputs_name_what_pipelines_need_and_no_secret():
    outputs = record(everything()).outputs
    assert outputs["roles"]["prod"]["deploy"] == f"arn:aws:iam::{ACCOUNT}:role/ci-groundwork-prod-deploy"
    assert outputs["runners"]["gpu"].startswith("codebuild-groundwork-gpu-")
    assert outputs["permissionsBoundary"]


def test_what_ships_for_the_local_stack_is_valid_and_builds():
    recording = record(shipped("local"), stack="local")
    assert {"ci-groundwork-dev-deploy", "ci-groundwork-prod-preview"} <= {
        role.inputs["name"] for role in recording.of("aws:iam/role:Role").values()
    }


def test_logical_names_carry_no_account():
    names = [item.name for item in record(everything()).registrations]
    assert not [name for name in names if ACCOUNT in name]
    assert len(set(names)) > 20
