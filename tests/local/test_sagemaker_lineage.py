"""Lineage on the AWS server, asked for with boto3."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_server import SageMakerServer

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("lineage"))
    server.start()
    yield server
    server.stop()


def artifact(server: SageMakerServer, uri: str, kind: str, **members: Any) -> str:
    request = {"Source": {"SourceUri": uri}, "ArtifactType": kind, **members}
    return server.sagemaker.create_artifact(**request)["ArtifactArn"]


def lead(server: SageMakerServer, source: str, destination: str, kind: str) -> None:
    server.sagemaker.add_association(SourceArn=source, DestinationArn=destination, AssociationType=kind)


@pytest.fixture(scope="module")
def chain(server: SageMakerServer) -> dict[str, str]:
    """Two data sets, of which one trained a model by an action; the model is in a context."""
    arns = {name: artifact(server, f"s3://b/{name}", "DataSet") for name in ("rows", "others")}
    arns["model"] = artifact(server, "s3://b/model.tar.gz", "Model", ArtifactName="model", Properties={"job": "a"})
    source = {"SourceUri": "arn:aws:sagemaker:us-east-1:123456789012:training-job/a"}
    arns["train"] = server.sagemaker.create_action(ActionName="train", Source=source, ActionType="Training")[
        "ActionArn"
    ]
    arns["team"] = server.sagemaker.create_context(
        ContextName="fraud", Source={"SourceUri": "team"}, ContextType="Team"
    )["ContextArn"]
    lead(server, arns["rows"], arns["train"], "ContributedTo")
    lead(server, arns["others"], arns["team"], "AssociatedWith")
    lead(server, arns["train"], arns["model"], "Produced")
    lead(server, arns["model"], arns["team"], "AssociatedWith")
    return arns


def test_a_query_walks_to_what_a_model_was_made_from(server: SageMakerServer, chain: dict[str, str]) -> None:
    found = server.sagemaker.query_lineage(StartArns=[chain["model"]], Direction="Ascendants", IncludeEdges=True)
    assert {each["Arn"] for each in found["Vertices"]} == {chain["train"], chain["rows"]}
    assert {(each["SourceArn"], each["AssociationType"]) for each in found["Edges"]} == {
        (chain["rows"], "ContributedTo"),
        (chain["train"], "Produced"),
    }
    both = server.sagemaker.query_lineage(StartArns=[chain["model"]], IncludeEdges=False)
    # What else leads to the model's context is no relative of the model.
    assert {each["Arn"] for each in both["Vertices"]} == {chain["train"], chain["rows"], chain["team"]}
    assert "Edges" not in both
    near = server.sagemaker.query_lineage(StartArns=[chain["model"]], Direction="Ascendants", MaxDepth=1)
    assert [each["Arn"] for each in near["Vertices"]] == [chain["train"]]
    data = server.sagemaker.query_lineage(
        StartArns=[chain["model"]], Direction="Ascendants", Filters={"LineageTypes": ["Artifact"]}
    )
    assert [(each["Arn"], each["Type"]) for each in data["Vertices"]] == [(chain["rows"], "DataSet")]


def test_associations_are_listed_by_their_ends(server: SageMakerServer, chain: dict[str, str]) -> None:
    found = server.sagemaker.list_associations(DestinationArn=chain["team"])["AssociationSummaries"]
    assert {(each["SourceArn"], each["SourceType"]) for each in found} == {
        (chain["model"], "Model"),
        (chain["others"], "DataSet"),
    }
    assert found[0]["DestinationName"] == "fraud"
    (one,) = server.sagemaker.list_associations(DestinationArn=chain["team"], SourceType="Model")[
        "AssociationSummaries"
    ]
    assert one["AssociationType"] == "AssociatedWith"


def test_entities_are_described_listed_changed_and_deleted(server: SageMakerServer, chain: dict[str, str]) -> None:
    sagemaker = server.sagemaker
    found = sagemaker.describe_artifact(ArtifactArn=chain["model"])
    assert (found["ArtifactName"], found["Properties"]) == ("model", {"job": "a"})
    sagemaker.update_artifact(ArtifactArn=chain["model"], Properties={"auc": "0.9"}, PropertiesToRemove=["job"])
    assert sagemaker.describe_artifact(ArtifactArn=chain["model"])["Properties"] == {"auc": "0.9"}
    (listed,) = sagemaker.list_artifacts(SourceUri="s3://b/rows")["ArtifactSummaries"]
    assert listed["ArtifactArn"] == chain["rows"]
    assert len(sagemaker.list_artifacts(ArtifactType="DataSet")["ArtifactSummaries"]) == 2
    assert sagemaker.describe_context(ContextName="fraud")["ContextArn"] == chain["team"]
    assert sagemaker.describe_action(ActionName="train")["ActionType"] == "Training"
    with pytest.raises(ClientError, match="still has associations"):
        sagemaker.delete_artifact(ArtifactArn=chain["rows"])
    alone = artifact(server, "s3://b/alone", "DataSet", Tags=[{"Key": "team", "Value": "a"}])
    assert sagemaker.list_tags(ResourceArn=alone)["Tags"] == [{"Key": "team", "Value": "a"}]
    with pytest.raises(ClientError, match="already exists"):
        artifact(server, "s3://b/alone", "DataSet")
    sagemaker.delete_artifact(Source={"SourceUri": "s3://b/alone"})
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_artifact(ArtifactArn=alone)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        lead(server, alone, chain["model"], "Produced")
