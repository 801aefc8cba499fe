"""Cases of the types that CI and the account's own stack use."""

import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parent))
from aws_provider_cases import Case, World, unique

GITHUB = {"type": "GITHUB", "location": "https://github.com/somebody/platform.git"}


def _project(world: World, **more: Any) -> dict[str, Any]:
    return {
        "name": unique("runner"),
        "serviceRole": world.role("codebuild").state["arn"],
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
            "computeType": "BUILD_GENERAL1_SMALL",
        },
        "source": GITHUB,
        **more,
    }


def _vpc(world: World) -> dict[str, Any]:
    return {"vpcId": world.vpc, "subnets": world.subnets, "securityGroupIds": [world.group()]}


def _connection(world: World) -> str:
    """A connection that somebody has confirmed."""
    arn = world.make("aws:codeconnections/connection:Connection", providerType="GitHub").id
    page = f"{world.server.url}/_groundwork/codeconnections/confirm?arn={quote(arn, safe='')}"
    with urllib.request.urlopen(urllib.request.Request(page, method="POST"), timeout=10) as answer:
        assert answer.status == 200
    return arn


def _hooked(world: World) -> str:
    """A project whose forge CodeBuild has credentials for."""
    world.make(
        "aws:codebuild/sourceCredential:SourceCredential",
        authType="PERSONAL_ACCESS_TOKEN",
        serverType="GITHUB",
        token="t",
    )
    inputs = _project(world)
    world.make("aws:codebuild/project:Project", **inputs)
    return str(inputs["name"])


def _queued(*more: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"filters": [{"type": "EVENT", "pattern": "WORKFLOW_JOB_QUEUED"}, *more]}]


CASES: dict[str, Case] = {
    "aws:codebuild/project:Project": Case(
        lambda w: _project(
            w,
            description="runs jobs",
            concurrentBuildLimit=4,
            buildTimeout=30,
            queuedTimeout=60,
            vpcConfig=_vpc(w),
            cache={"type": "S3", "location": f"{w.bucket()}/cache"},
            logsConfig={"cloudwatchLogs": {"groupName": "/groundwork/runners"}},
            encryptionKey=w.key().state["arn"],
        ),
        {
            "name": lambda w: unique("renamed"),
            "serviceRole": lambda w: w.role("codebuild").state["arn"],
            "artifacts": lambda w: {"type": "S3", "location": w.bucket()},
            "environment": {
                "type": "LINUX_GPU_CONTAINER",
                "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
                "computeType": "BUILD_GENERAL1_LARGE",
                "privilegedMode": True,
                "environmentVariables": [{"name": "A", "value": "b"}],
            },
            "source": {"type": "GITLAB", "location": "https://gitlab.com/somebody/platform.git", "gitCloneDepth": 1},
            "logsConfig": {"cloudwatchLogs": {"groupName": "/groundwork/other"}},
            "autoRetryLimit": 2,
            "badgeEnabled": True,
            "buildTimeout": 45,
            "queuedTimeout": 90,
            "cache": {"type": "NO_CACHE"},
            "concurrentBuildLimit": 8,
            "description": "runs all jobs",
            "encryptionKey": lambda w: w.key().state["arn"],
            "sourceVersion": "main",
            "vpcConfig": lambda w: _vpc(w),
        },
    ),
    "aws:codebuild/webhook:Webhook": Case(
        lambda w: {"projectName": _hooked(w), "filterGroups": _queued()},
        {
            "projectName": _hooked,
            "branchFilter": "^main$",
            "buildType": "BUILD_BATCH",
            "filterGroups": _queued({"type": "ACTOR_ACCOUNT_ID", "pattern": "^(1|2)$"}),
        },
        with_change={"branchFilter": lambda w: {"filterGroups": None}},
    ),
    "aws:codebuild/sourceCredential:SourceCredential": Case(
        lambda w: {"authType": "CODECONNECTIONS", "serverType": "GITHUB", "token": _connection(w)},
        {
            "authType": "PERSONAL_ACCESS_TOKEN",
            "serverType": "GITLAB",
            "token": _connection,
            "userName": "somebody",
        },
    ),
    "aws:codeconnections/connection:Connection": Case(
        lambda w: {"name": unique("forge"), "providerType": "GitHub"},
        {"name": lambda w: unique("renamed"), "providerType": "GitLab"},
        unchanged={"hostArn": "there are no hosts here"},
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Case(
        lambda w: {"url": f"https://{unique('issuer')}.example", "clientIdLists": ["sts.amazonaws.com"]},
        {
            "url": lambda w: f"https://{unique('renamed')}.example",
            "clientIdLists": ["sts.amazonaws.com", "another"],
            "thumbprintLists": ["a" * 40],
        },
    ),
    "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration": Case(
        lambda w: {
            "scanType": "BASIC",
            "rules": [
                {
                    "scanFrequency": "SCAN_ON_PUSH",
                    "repositoryFilters": [{"filter": "groundwork/*", "filterType": "WILDCARD"}],
                }
            ],
        },
        {
            "scanType": "ENHANCED",
            "rules": [
                {
                    "scanFrequency": "CONTINUOUS_SCAN",
                    "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}],
                }
            ],
        },
        stays="a registry always has a scanning configuration",
    ),
}

CANNOT_BE_LEFT_OUT = {
    ("aws:codebuild/webhook:Webhook", "filterGroups"): "without filters it would build on every push",
}
