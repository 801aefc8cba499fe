"""A platform contract for tests."""

from typing import Any

from platform_contract import (
    SCHEMA_VERSION,
    PlatformContract,
    from_parameters,
    section_document,
    section_path,
    team_path,
)

ACCOUNT = "123456789012"
REGION = "eu-west-1"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/groundwork/dev"


def parameters(environment: str = "dev", **changes: dict[str, Any]) -> dict[str, str]:
    """The contract's parameters; keyword arguments change members of a section."""
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:mlflow-tracking-server/groundwork-dev"
    sections: dict[str, dict[str, Any]] = {
        "platform": {
            "schema_version": SCHEMA_VERSION,
            "environment": environment,
            "account_id": ACCOUNT,
            "region": REGION,
            "partition": "aws",
        },
        "network": {"vpc_id": "vpc-1", "private_subnet_ids": ["subnet-1", "subnet-2"], "job_security_group_id": "sg-1"},
        "storage": {"data_bucket": "data", "artifact_bucket": "artifacts", "log_bucket": "logs", "kms_key_arn": KEY},
        "registry": {
            "repositories": {"training": f"{REGISTRY}/training", "serving": f"{REGISTRY}/serving"},
            "serving_image": f"{REGISTRY}/serving:0.1.0",
        },
        "cluster": {"name": "dev", "arn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/dev", "node_pools": {}},
        "tracking": {"uri": arn, "artifact_uri": "s3://artifacts/mlflow"},
        "training": {"max_runtime_seconds": 7200, "use_vpc": True},
    }
    team = {
        "name": "research",
        "namespace": "research",
        "execution_role_arn": f"arn:aws:iam::{ACCOUNT}:role/research-execution",
        "submit_role_arn": f"arn:aws:iam::{ACCOUNT}:role/research-submit",
        "data_uri": "s3://data/teams/research",
        "artifact_uri": "s3://artifacts/teams/research",
    }
    for name, values in changes.items():
        sections[name] |= values
    documents = {section_path(environment, name): section_document(name, values) for name, values in sections.items()}
    return {**documents, team_path(environment, "research"): section_document("team", team)}


def contract(**changes: dict[str, Any]) -> PlatformContract:
    """The contract itself."""
    return from_parameters("dev", parameters(**changes))


class Parameters:
    """Parameter Store, as it answers about the contract and its teams."""

    def get_parameters(self, *, Names: list[str]) -> Any:  # noqa: N803
        arn = "arn:aws:ssm:eu-west-1:123456789012:parameter"
        found = {name: value for name, value in parameters().items() if name in Names}
        return {"Parameters": [{"Name": name, "Value": value, "ARN": arn + name} for name, value in found.items()]}

    def get_paginator(self, _: str) -> Any:
        return self

    def paginate(self, **_: Any) -> Any:
        return [{"Parameters": [{"Value": '["research"]'}]}]
