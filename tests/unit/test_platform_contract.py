"""The contract's layout in Parameter Store, and what a reader says of a broken one."""

import json

import pytest

from platform_contract import (
    STANDARD_PARAMETER_BYTES,
    ContractError,
    from_parameters,
    section_document,
    section_path,
    team_index_documents,
    team_path,
)

KEY = "arn:aws:kms:us-east-1:123456789012:key/1"
SECTIONS = {
    "platform": {
        "schema_version": 1,
        "environment": "dev",
        "account_id": "123456789012",
        "region": "us-east-1",
        "partition": "aws",
    },
    "network": {"vpc_id": "vpc-1", "private_subnet_ids": ["subnet-1"], "job_security_group_id": "sg-1"},
    "storage": {"data_bucket": "d", "artifact_bucket": "a", "log_bucket": "l", "kms_key_arn": KEY},
    "registry": {"repositories": {"serving": "r/serving"}, "serving_image": "r/serving:1"},
    "cluster": {
        "name": "c",
        "arn": "arn:aws:eks:us-east-1:123456789012:cluster/c",
        "node_pools": {"nvidia.com/gpu": {"t4": 4}},
    },
    "tracking": {"uri": "https://mlflow.example", "artifact_uri": "s3://artifacts/mlflow"},
    "training": {"max_runtime_seconds": 3600, "use_vpc": True},
}
TEAM = {
    "name": "vision",
    "namespace": "team-vision",
    "execution_role_arn": "arn:aws:iam::123456789012:role/e",
    "submit_role_arn": "arn:aws:iam::123456789012:role/s",
    "data_uri": "s3://data/teams/vision",
    "artifact_uri": "s3://artifacts/teams/vision",
}


def parameters() -> dict[str, str]:
    written = {section_path("dev", name): section_document(name, values) for name, values in SECTIONS.items()}
    return written | {team_path("dev", "vision"): section_document("team", TEAM)}


@pytest.mark.unit
def test_what_infra_writes_is_what_ml_reads():
    contract = from_parameters("dev", parameters())
    assert contract.storage.artifact_bucket == "a"
    assert contract.platform.alert_topic_arn is None  # as of a platform of an earlier release
    assert contract.teams["vision"].data_uri == "s3://data/teams/vision"


@pytest.mark.unit
def test_a_reader_ignores_fields_of_a_newer_platform():
    newer = parameters()
    name = section_path("dev", "storage")
    newer[name] = json.dumps(json.loads(newer[name]) | {"added_later": 1})
    assert from_parameters("dev", newer).storage.log_bucket == "l"


@pytest.mark.unit
def test_a_missing_section_is_named():
    incomplete = parameters()
    del incomplete[section_path("dev", "tracking")]
    with pytest.raises(ContractError, match="lacks tracking under /groundwork/dev/contract"):
        from_parameters("dev", incomplete)


@pytest.mark.unit
def test_another_schema_version_is_refused_with_both_versions():
    newer = parameters()
    name = section_path("dev", "platform")
    newer[name] = json.dumps(json.loads(newer[name]) | {"schema_version": 2})
    with pytest.raises(ContractError, match="schema version 2; this client reads 1"):
        from_parameters("dev", newer)


@pytest.mark.unit
def test_a_parameter_that_is_not_json_is_named():
    broken = parameters() | {section_path("dev", "cluster"): "{"}
    with pytest.raises(ContractError, match="/groundwork/dev/contract/cluster does not hold JSON"):
        from_parameters("dev", broken)


@pytest.mark.unit
def test_a_value_that_does_not_fit_the_model_is_refused_when_it_is_written():
    with pytest.raises(ContractError, match="kms_key_arn"):
        section_document("storage", SECTIONS["storage"] | {"kms_key_arn": "not-an-arn"})


@pytest.mark.unit
def test_a_section_that_outgrows_a_standard_parameter_is_refused():
    pools = {f"pool-{number:04}": 8 for number in range(400)}
    with pytest.raises(ContractError, match=str(STANDARD_PARAMETER_BYTES)):
        section_document("cluster", SECTIONS["cluster"] | {"node_pools": {"nvidia.com/gpu": pools}})


@pytest.mark.unit
def test_a_section_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(ContractError, match="it has platform, network"):
        section_path("dev", "queues")


@pytest.mark.unit
def test_the_index_of_500_teams_fits_in_a_few_standard_parameters():
    teams = [f"team-with-a-long-name-{number:03}" for number in range(500)]
    documents = team_index_documents(reversed(teams))
    assert [name for document in documents for name in json.loads(document)] == teams
    assert all(len(document.encode()) <= STANDARD_PARAMETER_BYTES for document in documents)
    assert len(documents) == 4


@pytest.mark.unit
def test_an_environment_always_has_an_index_of_its_teams():
    assert team_index_documents([]) == ["[]"]
