"""`deploy.async`: what it asks of SageMaker, and what it does not go with."""

from typing import Any

import pytest
from pydantic import ValidationError

from ml.spec.model import Deployment
from ml.targets.sagemaker.deployment import Target, config_name
from ml.targets.sagemaker.queueing import async_config
from tests.unit.ml_contract import contract

pytestmark = pytest.mark.unit


def target(**fields: Any) -> Target:
    wanted = Deployment.model_validate({"endpoint": "trial", **fields})
    return Target(
        team="research",
        job="research-trial-20261121-093000-4f1c",
        model_data="s3://b/model.tar.gz",
        endpoint="research-trial",
        instance=wanted.instance,
        image=None,
        environment={},
        asynchronous=wanted.asynchronous,
    )


def test_answers_and_failures_go_below_the_teams_prefix() -> None:
    made = contract()
    root = f"{made.teams['research'].artifact_uri}/async/research-trial"
    config = async_config(made, target(**{"async": {"concurrent": 3}}))["AsyncInferenceConfig"]
    assert config["OutputConfig"]["S3OutputPath"] == f"{root}/answers"
    assert config["OutputConfig"]["S3FailurePath"] == f"{root}/failures"
    assert config["ClientConfig"] == {"MaxConcurrentInvocationsPerInstance": 3}
    assert async_config(made, target()) == {}


def test_an_asynchronous_configuration_is_another_one() -> None:
    assert config_name(target(), "m") != config_name(target(**{"async": {}}), "m")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"async": {}, "capture": {}}, "takes no `capture`"),
        ({"async": {}, "variant": "shadow"}, "no shadow"),
        ({"async": {"output": "../elsewhere"}}, "output"),
    ],
)
def test_what_does_not_go_together_is_said(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Deployment.model_validate({"endpoint": "trial", **fields})
