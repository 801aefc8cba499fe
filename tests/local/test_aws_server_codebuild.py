"""CodeBuild and CodeConnections of the local AWS server: what they refuse, and that they forget nothing."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError

from tests.local.aws_server_process import AwsServerProcess

pytestmark = [pytest.mark.local, pytest.mark.timeout(120)]
TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"codebuild.amazonaws.com"},'
    '"Action":"sts:AssumeRole"}]}'
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsServerProcess]:
    running = AwsServerProcess(tmp_path_factory.mktemp("aws"))
    running.start()
    try:
        yield running
    finally:
        running.ensure_stopped()


@pytest.fixture(scope="module")
def role(server: AwsServerProcess) -> str:
    made = server.client("iam").create_role(RoleName="runner", AssumeRolePolicyDocument=TRUST)
    return made["Role"]["Arn"]


def project(role: str, name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "serviceRole": role,
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        "source": {"type": "GITLAB", "location": "https://gitlab.com/group/platform.git"},
        **more,
    }


def refusal(action: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        action()
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


def confirm(server: AwsServerProcess, arn: str) -> int:
    url = f"{server.url}/_groundwork/codeconnections/confirm?arn={quote(arn, safe='')}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"serviceRole": "arn:aws:iam::123456789012:role/nobody"}, "not authorized to perform sts:AssumeRole"),
        ({"cache": {"type": "S3", "location": "no-such-bucket/x"}}, "no-such-bucket"),
        ({"vpcConfig": {"vpcId": "vpc-1"}}, "required together"),
        ({"source": {"type": "GITHUB"}}, "source location is required"),
        (
            {"environment": {"type": "LINUX_GPU_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_MEDIUM"}},
            "not offered for LINUX_GPU_CONTAINER",
        ),
    ],
)
def test_a_project_that_could_not_run_is_refused(server: AwsServerProcess, role: str, more: dict[str, Any], said: str):
    code, message = refusal(lambda: server.client("codebuild").create_project(**project(role, "bad", **more)))
    assert code == "InvalidInputException"
    assert said in message


def test_a_build_of_a_forges_repository_is_refused(server: AwsServerProcess, role: str):
    codebuild = server.client("codebuild")
    codebuild.create_project(**project(role, "idle"))
    assert "runs builds of sources in S3 alone" in refusal(lambda: codebuild.start_build(projectName="idle"))[1]


def test_a_webhook_needs_a_credential_for_its_forge_and_a_credential_a_confirmed_connection(
    server: AwsServerProcess, role: str
):
    codebuild, connections = server.client("codebuild"), server.client("codeconnections")
    codebuild.create_project(**project(role, "runner"))
    queued = [[{"type": "EVENT", "pattern": "WORKFLOW_JOB_QUEUED"}]]
    assert refusal(lambda: codebuild.create_webhook(projectName="runner", filterGroups=queued))[0] == (
        "OAuthProviderException"
    )
    arn = connections.create_connection(ConnectionName="gitlab", ProviderType="GitLab")["ConnectionArn"]
    wanted = {"authType": "CODECONNECTIONS", "serverType": "GITLAB", "token": arn}
    assert "is PENDING and not AVAILABLE" in refusal(lambda: codebuild.import_source_credentials(**wanted))[1]
    assert confirm(server, "arn:nobody") == 404
    assert confirm(server, arn) == 200
    codebuild.import_source_credentials(**wanted)
    assert refusal(
        lambda: codebuild.create_webhook(projectName="runner", filterGroups=[[{"type": "HEAD_REF", "pattern": "x"}]])
    )[0] == ("InvalidInputException")
    codebuild.create_webhook(projectName="runner", filterGroups=queued)
    assert refusal(lambda: codebuild.create_webhook(projectName="runner", filterGroups=queued))[0] == (
        "ResourceAlreadyExistsException"
    )


def test_a_crash_loses_nothing_and_no_token_is_kept(server: AwsServerProcess):
    codebuild = server.client("codebuild")
    codebuild.import_source_credentials(authType="PERSONAL_ACCESS_TOKEN", serverType="GITHUB", token="ghp_very_secret")
    before = codebuild.batch_get_projects(names=["runner"])["projects"]
    server.kill()
    state = b"".join(file.read_bytes() for file in Path(server.folder).rglob("*") if file.is_file())
    assert b"ghp_very_secret" not in state
    server.start()
    assert codebuild.batch_get_projects(names=["runner"])["projects"] == before
    [connection] = server.client("codeconnections").list_connections()["Connections"]
    assert connection["ConnectionStatus"] == "AVAILABLE"
