"""Model packages and their groups on the AWS server, asked for with boto3."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer

pytestmark = pytest.mark.local

CONTAINER = {"Image": "model-server:1", "ModelDataUrl": f"s3://{BUCKET}/models/model.tar.gz"}
SPECIFICATION = {
    "Containers": [CONTAINER],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["application/json"],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    server = SageMakerServer(tmp_path_factory.mktemp("packages"))
    server.start()
    server.prepare()
    yield server
    server.stop()


def group(server: SageMakerServer, name: str, **members: Any) -> str:
    return server.sagemaker.create_model_package_group(ModelPackageGroupName=name, **members)["ModelPackageGroupArn"]


def version(server: SageMakerServer, name: str, **members: Any) -> str:
    """ARN of a new version of a group."""
    request = {"ModelPackageGroupName": name, "InferenceSpecification": SPECIFICATION, **members}
    return server.sagemaker.create_model_package(**request)["ModelPackageArn"]


def described(server: SageMakerServer, arn: str, **members: Any) -> dict[str, Any]:
    return server.sagemaker.describe_model_package(ModelPackageName=arn, **members)


def test_versions_of_a_group_are_numbered_and_wait_for_approval(server: SageMakerServer) -> None:
    group(server, "Fraud", ModelPackageGroupDescription="cards")
    first, second = version(server, "Fraud"), version(server, "Fraud", CustomerMetadataProperties={"job": "a-1"})
    assert first == "arn:aws:sagemaker:us-east-1:123456789012:model-package/fraud/1"
    found = described(server, second)
    assert (found["ModelPackageVersion"], found["ModelPackageGroupName"]) == (2, "Fraud")
    assert (found["ModelPackageStatus"], found["ModelApprovalStatus"]) == ("Completed", "PendingManualApproval")
    assert found["CustomerMetadataProperties"] == {"job": "a-1"}
    assert found["CreatedBy"]["IamIdentity"]["Arn"] == "arn:aws:iam::123456789012:user/platform-admin"
    assert described(server, "Fraud/1")["ModelPackageArn"] == first


def test_a_number_is_never_given_twice(server: SageMakerServer) -> None:
    group(server, "numbers")
    version(server, "numbers")
    server.sagemaker.delete_model_package(ModelPackageName=version(server, "numbers"))
    assert version(server, "numbers").endswith("/3")
    listed = server.sagemaker.list_model_packages(ModelPackageGroupName="numbers")["ModelPackageSummaryList"]
    assert [each["ModelPackageVersion"] for each in listed] == [1, 3]


def test_one_request_that_is_sent_twice_makes_one_version(server: SageMakerServer) -> None:
    group(server, "tokens")
    token = "one-request-sent-twice-0123456789"
    assert version(server, "tokens", ClientToken=token) == version(server, "tokens", ClientToken=token)


def test_an_update_changes_approval_and_metadata_and_says_who(server: SageMakerServer) -> None:
    group(server, "updated")
    arn = version(server, "updated", CustomerMetadataProperties={"a": "1", "b": "2"})
    server.sagemaker.update_model_package(
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="better by 2 %",
        CustomerMetadataProperties={"b": "3"},
        CustomerMetadataPropertiesToRemove=["a"],
    )
    found = described(server, arn)
    assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == ("Approved", "better by 2 %")
    assert found["CustomerMetadataProperties"] == {"b": "3"}
    assert found["LastModifiedBy"]["IamIdentity"]["Arn"].endswith("user/platform-admin")
    assert found["LastModifiedTime"] >= found["CreationTime"]


def test_a_model_is_made_from_an_approved_version_alone_and_serves(server: SageMakerServer) -> None:
    group(server, "served")
    specification = {**SPECIFICATION, "Containers": [{**CONTAINER, "Environment": {"TAG": "packaged"}}]}
    arn = version(server, "served", InferenceSpecification=specification)
    model = {"ModelName": "served", "PrimaryContainer": {"ModelPackageName": arn}, "ExecutionRoleArn": ROLE}
    with pytest.raises(ClientError, match="is PendingManualApproval: only an Approved version can be deployed"):
        server.sagemaker.create_model(**model)
    server.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    with pytest.raises(ClientError, match="is Rejected"):
        server.sagemaker.create_model(**model)
    server.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
    server.sagemaker.create_model(**model)
    shown = server.sagemaker.describe_model(ModelName="served")["PrimaryContainer"]
    assert shown == {"ModelPackageName": arn}
    server.sagemaker.delete_model_package(ModelPackageName=arn)
    server.config("served", {"VariantName": "All", "ModelName": "served"})
    server.sagemaker.create_endpoint(EndpointName="served", EndpointConfigName="served")
    assert server.settled("served")["EndpointStatus"] == "InService"
    answer = server.invoke("served")
    assert (answer["model"], answer["tag"]) == ("w1", "packaged")
    server.sagemaker.delete_endpoint(EndpointName="served")


def test_packages_are_listed_by_group_approval_and_type(server: SageMakerServer) -> None:
    group(server, "listed-a")
    group(server, "listed-b")
    approved = version(server, "listed-a", ModelApprovalStatus="Approved")
    pending = version(server, "listed-a")
    version(server, "listed-b")
    server.sagemaker.create_model_package(ModelPackageName="alone", InferenceSpecification=SPECIFICATION)

    def arns(**filters: Any) -> list[str]:
        found = server.sagemaker.list_model_packages(**filters)["ModelPackageSummaryList"]
        return [each["ModelPackageArn"] for each in found]

    assert arns(ModelPackageGroupName="listed-a") == [approved, pending]
    assert arns(ModelPackageGroupName="listed-a", SortOrder="Descending") == [pending, approved]
    assert arns(ModelPackageGroupName="listed-a", ModelApprovalStatus="Approved") == [approved]
    assert [arn.rpartition("/")[2] for arn in arns()] == ["alone"]
    versioned = arns(ModelPackageType="Versioned", NameContains="listed", MaxResults=100)
    assert len(versioned) == 3
    pages = server.sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName="listed-a", PaginationConfig={"PageSize": 1}
    )
    assert [len(page["ModelPackageSummaryList"]) for page in pages] == [1, 1]
    names = server.sagemaker.list_model_package_groups(NameContains="listed", SortBy="Name")
    assert [each["ModelPackageGroupName"] for each in names["ModelPackageGroupSummaryList"]] == ["listed-a", "listed-b"]
    both = server.sagemaker.batch_describe_model_package(ModelPackageArnList=[approved, approved[:-1] + "9"])
    assert list(both["ModelPackageSummaries"]) == [approved]
    assert list(both["BatchDescribeModelPackageErrorMap"]) == [approved[:-1] + "9"]


def test_a_search_finds_versions_by_their_metadata(server: SageMakerServer) -> None:
    group(server, "sought", Tags=[{"Key": "team", "Value": "a"}])
    version(server, "sought", CustomerMetadataProperties={"job": "x"})
    arn = version(server, "sought", CustomerMetadataProperties={"job": "y"})
    conditions = [{"Name": "CustomerMetadataProperties.job", "Operator": "Equals", "Value": "y"}]
    found = server.sagemaker.search(Resource="ModelPackage", SearchExpression={"Filters": conditions})["Results"]
    assert [each["ModelPackage"]["ModelPackageArn"] for each in found] == [arn]
    # A version has its group's tags.
    conditions = [{"Name": "Tags.team", "Operator": "Equals", "Value": "a"}]
    found = server.sagemaker.search(Resource="ModelPackage", SearchExpression={"Filters": conditions})["Results"]
    assert len(found) == 2


def test_a_version_has_the_tags_of_its_group_and_none_of_its_own(server: SageMakerServer) -> None:
    arn = group(server, "tagged", Tags=[{"Key": "team", "Value": "a"}])
    with pytest.raises(ClientError, match="it uses the group's tags"):
        version(server, "tagged", Tags=[{"Key": "x", "Value": "y"}])
    one = version(server, "tagged")
    with pytest.raises(ClientError, match="has the tags of its model package group"):
        server.sagemaker.add_tags(ResourceArn=one, Tags=[{"Key": "x", "Value": "y"}])
    server.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "b"}])
    assert {tag["Key"] for tag in server.sagemaker.list_tags(ResourceArn=one)["Tags"]} == {"team", "owner"}


def test_a_model_card_goes_with_its_version(server: SageMakerServer) -> None:
    group(server, "carded")
    card = {"ModelCardContent": json.dumps({"model_overview": {}}), "ModelCardStatus": "Draft"}
    arn = version(server, "carded", ModelCard=card)
    assert described(server, arn)["ModelCard"] == card
    assert described(server, arn, IncludedData="MetadataOnly")["ModelCard"] == {"ModelCardStatus": "Draft"}
    server.sagemaker.update_model_package(ModelPackageArn=arn, ModelCard={"ModelCardStatus": "Archived"})
    with pytest.raises(ClientError, match="Model Card is in Archived state"):
        server.sagemaker.update_model_package(ModelPackageArn=arn, ModelCard=card)


def test_a_group_with_versions_is_not_deleted(server: SageMakerServer) -> None:
    group(server, "deleted")
    arn = version(server, "deleted")
    with pytest.raises(ClientError, match=r"ConflictException.*still has model packages"):
        server.sagemaker.delete_model_package_group(ModelPackageGroupName="deleted")
    server.sagemaker.delete_model_package(ModelPackageName=arn)
    server.sagemaker.delete_model_package_group(ModelPackageGroupName="deleted")
    with pytest.raises(ClientError, match="ModelPackageGroup deleted does not exist"):
        server.sagemaker.describe_model_package_group(ModelPackageGroupName="deleted")


def test_a_groups_policy_is_kept(server: SageMakerServer) -> None:
    group(server, "shared")
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    server.sagemaker.put_model_package_group_policy(ModelPackageGroupName="shared", ResourcePolicy=policy)
    found = server.sagemaker.get_model_package_group_policy(ModelPackageGroupName="shared")
    assert found["ResourcePolicy"] == policy
    server.sagemaker.delete_model_package_group_policy(ModelPackageGroupName="shared")
    with pytest.raises(ClientError, match="Cannot find resource policy"):
        server.sagemaker.get_model_package_group_policy(ModelPackageGroupName="shared")


def test_requests_are_refused_as_the_service_refuses_them(server: SageMakerServer) -> None:
    group(server, "refused")
    with pytest.raises(ClientError, match="Model Package Group already exists"):
        group(server, "Refused")
    with pytest.raises(ClientError, match="ModelPackageGroup nobody does not exist"):
        version(server, "nobody")
    with pytest.raises(ClientError, match="Cannot determine which one to use"):
        version(server, "refused", ModelPackageName="x")
    with pytest.raises(ClientError, match="does not apply to a model package without a group"):
        server.sagemaker.create_model_package(ModelPackageName="x", ModelApprovalStatus="Approved")
    with pytest.raises(ClientError, match="Member must satisfy enum value set"):
        version(server, "refused", ModelApprovalStatus="Perhaps")


def test_packages_survive_a_killed_server(server: SageMakerServer) -> None:
    group(server, "durable")
    arn = version(server, "durable", ModelApprovalStatus="Approved")
    server.stop(signal.SIGKILL)
    server.start()
    assert described(server, arn)["ModelApprovalStatus"] == "Approved"
    assert version(server, "durable").endswith("/2")
