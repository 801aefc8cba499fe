"""Who may do what on the AWS server: sessions, the model registry's approvals, records that are written once."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from components.artifact_store import artifact_bucket_policy
from components.record_policy import APPROVED_FOLDER, RECORD_FOLDERS
from local.aws_server.access.objects import KEPT
from tests.local.sagemaker_server import SageMakerServer

pytestmark = pytest.mark.local

ACCOUNT = "123456789012"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
REGISTRY = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
BUCKET = "artifacts"
AUTHOR = "groundwork-author"
SPECIFICATION = {
    "Containers": [{"Image": "serving:1"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}

Statement = dict[str, Any]


def allow(actions: list[str], resources: list[str] | None = None, condition: Any = None, effect: str = "Allow") -> Any:
    statement: Statement = {"Effect": effect, "Action": actions, "Resource": resources or ["*"]}
    return {**statement, "Condition": condition} if condition else statement


def trusting(principal: str, condition: Any = None) -> Statement:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}}
    actions = {"Action": ["sts:AssumeRole", "sts:SetSourceIdentity", "sts:TagSession"]}
    return {**statement, **actions, **({"Condition": condition} if condition else {})}


def document(*statements: Statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Account(SageMakerServer):
    """The server, with people and roles."""

    def role(self, name: str, trust: Statement, *statements: Statement) -> str:
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
        return arn

    def person(self, name: str, *statements: Statement) -> Mapping[str, str]:
        """Credentials of a user."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        if statements:
            iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}

    def as_(self, credentials: Mapping[str, str], service: str) -> Any:
        """A client with these credentials."""
        options = Config(retries={"max_attempts": 0})
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", config=options, **credentials)

    def assumed(self, arn: str, by: Mapping[str, str] | None = None, **members: Any) -> dict[str, str]:
        """Credentials of a role's session."""
        sts = self.as_(by, "sts") if by else self.client("sts")
        found = sts.assume_role(RoleArn=arn, RoleSessionName="session", **members)["Credentials"]
        return {
            "aws_access_key_id": found["AccessKeyId"],
            "aws_secret_access_key": found["SecretAccessKey"],
            "aws_session_token": found["SessionToken"],
        }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    server = Account(tmp_path_factory.mktemp("access"))
    server.start()
    yield server
    server.stop()


def test_a_role_is_assumed_by_whom_it_trusts_alone(server: Account) -> None:
    trusted = server.person("trusted")
    stranger = server.person("stranger")
    lent = server.person("lent", allow(["sts:AssumeRole"]))
    by_name = server.role("by-name", trusting(f"arn:aws:iam::{ACCOUNT}:user/trusted"))
    by_account = server.role("by-account", trusting(ROOT))
    service = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    by_service = server.role("by-service", service)
    server.assumed(by_name, trusted)
    server.assumed(by_account, lent)
    for arn, who in ((by_name, stranger), (by_account, stranger), (by_name, lent), (by_service, lent)):
        with pytest.raises(ClientError, match=r"AccessDenied.*not authorized to perform: sts:AssumeRole"):
            server.assumed(arn, who)
    with pytest.raises(ClientError, match="AccessDenied"):
        server.assumed(f"arn:aws:iam::{ACCOUNT}:role/nobody")


def test_a_session_keeps_its_source_identity_through_a_chain(server: Account) -> None:
    named = {"StringLike": {"sts:SourceIdentity": "*"}}
    first = server.role("first", trusting(ROOT, named), allow(["sts:AssumeRole", "sts:SetSourceIdentity"]))
    second = server.role("second", trusting(ROOT, named), allow(["sagemaker:*"]))
    with pytest.raises(ClientError, match="AccessDenied"):
        server.assumed(first)
    session = server.assumed(first, SourceIdentity="ada")
    sts = server.as_(session, "sts")
    answer = sts.assume_role(RoleArn=second, RoleSessionName="next")
    assert answer["SourceIdentity"] == "ada"
    plain = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}
    with pytest.raises(ClientError, match="not authorized to perform: sts:SetSourceIdentity"):
        server.assumed(server.role("takes-no-identity", plain), session)
    with pytest.raises(ClientError, match="source identity of this session is ada"):
        server.assumed(second, session, SourceIdentity="bob")
    found = answer["Credentials"]
    keys = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    sagemaker = server.as_({name: found[key] for name, key in zip(names, keys, strict=True)}, "sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="chained")
    shown = sagemaker.describe_model_package_group(ModelPackageGroupName="chained")["CreatedBy"]["IamIdentity"]
    assert shown["SourceIdentity"] == "ada"
    assert shown["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/second/next"


def test_a_source_identity_and_tags_need_permissions_of_their_own(server: Account) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}
    arn = server.role("plain", trust)
    server.assumed(arn)
    with pytest.raises(ClientError, match="not authorized to perform: sts:SetSourceIdentity"):
        server.assumed(arn, SourceIdentity="ada")
    with pytest.raises(ClientError, match="not authorized to perform: sts:TagSession"):
        server.assumed(arn, Tags=[{"Key": "team", "Value": "a"}])


def test_nobody_approves_what_is_their_own(server: Account) -> None:
    packages = [f"{REGISTRY}:model-package/fraud/*"]
    own_and_pending = {
        f"sagemaker:CustomerMetadataProperties/{AUTHOR}": "${aws:SourceIdentity}",
        "sagemaker:ModelApprovalStatus": "PendingManualApproval",
    }
    submit = server.role(
        "fraud-submit",
        trusting(ROOT),
        allow(
            ["sagemaker:CreateModelPackage"],
            packages,
            {"StringEquals": own_and_pending},
        ),
    )
    theirs = {"StringEquals": {f"sagemaker:CurrentCustomerMetadataProperties/{AUTHOR}": "${aws:SourceIdentity}"}}
    forging = {"Null": {f"sagemaker:CustomerMetadataProperties/{AUTHOR}": "false"}}
    approve = server.role(
        "fraud-approve",
        trusting(ROOT),
        allow(["sagemaker:UpdateModelPackage"], packages),
        allow(["sagemaker:UpdateModelPackage"], ["*"], theirs, "Deny"),
        allow(["sagemaker:UpdateModelPackage"], ["*"], forging, "Deny"),
        allow(["sagemaker:UpdateModelPackage"], ["*"], {"Null": {"aws:SourceIdentity": "true"}}, "Deny"),
    )
    server.sagemaker.create_model_package_group(ModelPackageGroupName="fraud")
    ada = server.as_(server.assumed(submit, SourceIdentity="ada"), "sagemaker")

    def create(author: str, status: str = "PendingManualApproval") -> str:
        return ada.create_model_package(
            ModelPackageGroupName="fraud",
            InferenceSpecification=SPECIFICATION,
            ModelApprovalStatus=status,
            CustomerMetadataProperties={AUTHOR: author},
        )["ModelPackageArn"]

    def approver(**members: Any) -> Any:
        return server.as_(server.assumed(approve, **members), "sagemaker")

    arn = create("ada")
    for author, status in (("bob", "PendingManualApproval"), ("ada", "Approved")):
        with pytest.raises(ClientError, match=r"AccessDeniedException.*perform: sagemaker:CreateModelPackage"):
            create(author, status)
    change = {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}
    with pytest.raises(ClientError, match="no identity-based policy allows the sagemaker:UpdateModelPackage"):
        ada.update_model_package(**change)
    denied = "explicit deny in an identity-based policy"
    with pytest.raises(ClientError, match=denied):
        approver(SourceIdentity="ada").update_model_package(**change)
    with pytest.raises(ClientError, match=denied):
        approver().update_model_package(**change)
    with pytest.raises(ClientError, match=denied):
        approver(SourceIdentity="bob").update_model_package(
            ModelPackageArn=arn, CustomerMetadataProperties={AUTHOR: "bob"}
        )
    assert server.sagemaker.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"] == (
        "PendingManualApproval"
    )
    approver(SourceIdentity="bob").update_model_package(**change)
    found = server.sagemaker.describe_model_package(ModelPackageName=arn)
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["CreatedBy"]["IamIdentity"]["SourceIdentity"] == "ada"
    assert found["LastModifiedBy"]["IamIdentity"]["SourceIdentity"] == "bob"


def test_conditions_see_the_tags_of_principal_session_request_and_resource(server: Account) -> None:
    team = {"StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"}}
    owned = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    arn = server.role(
        "tagged",
        trusting(ROOT),
        allow(["sagemaker:CreateModelPackageGroup"], ["*"], team),
        allow(["sagemaker:DeleteModelPackageGroup", "sagemaker:CreateModelPackage"], ["*"], owned),
    )
    server.client("iam").tag_role(RoleName="tagged", Tags=[{"Key": "team", "Value": "role"}])
    server.sagemaker.create_model_package_group(ModelPackageGroupName="others")
    own = server.as_(server.assumed(arn), "sagemaker")
    session = server.as_(server.assumed(arn, Tags=[{"Key": "team", "Value": "session"}]), "sagemaker")
    own.create_model_package_group(ModelPackageGroupName="of-role", Tags=[{"Key": "team", "Value": "role"}])
    with pytest.raises(ClientError, match="AccessDenied"):
        session.create_model_package_group(ModelPackageGroupName="of-x", Tags=[{"Key": "team", "Value": "role"}])
    # A version has its group's tags.
    made = {"ModelPackageGroupName": "of-role", "InferenceSpecification": SPECIFICATION}
    with pytest.raises(ClientError, match="AccessDenied"):
        session.create_model_package(**made)
    session.create_model_package_group(ModelPackageGroupName="of-session", Tags=[{"Key": "team", "Value": "session"}])
    for name in ("of-role", "others"):
        with pytest.raises(ClientError, match="AccessDenied"):
            session.delete_model_package_group(ModelPackageGroupName=name)
    session.delete_model_package_group(ModelPackageGroupName="of-session")


def test_jobs_models_and_endpoints_need_leave_and_a_role_that_may_be_passed(server: Account) -> None:
    service = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    execution = server.role("fraud-execution", service)
    kinds = ("training-job", "processing-job", "model", "endpoint-config", "endpoint")
    own = [f"{REGISTRY}:{kind}/fraud-*" for kind in kinds]
    passed = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    small = {"NumericLessThanEquals": {"sagemaker:MaxRuntimeInSeconds": "60"}}
    actions = ["CreateProcessingJob", "CreateEndpointConfig", "CreateEndpoint", "AddTags"]
    arn = server.role(
        "fraud-member",
        trusting(ROOT),
        allow([f"sagemaker:{action}" for action in actions], own),
        allow(["sagemaker:CreateTrainingJob"], own, small),
        allow(["iam:PassRole"], [execution], passed),
    )
    sagemaker = server.as_(server.assumed(arn), "sagemaker")

    def train(name: str = "fraud-1", role: str = execution, seconds: int = 60) -> None:
        sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=role,
            AlgorithmSpecification={
                "TrainingImage": "project:1",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["true"],
            },
            OutputDataConfig={"S3OutputPath": "s3://nowhere/x"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": seconds},
        )

    train()
    for refused in ({"name": "ranking-1"}, {"seconds": 61}):
        with pytest.raises(ClientError, match="perform: sagemaker:CreateTrainingJob on resource"):
            train(**{"name": "fraud-2", **refused})
    with pytest.raises(ClientError, match="perform: iam:PassRole on resource"):
        train("fraud-2", role=arn)
    for call, members in (
        (sagemaker.create_model, {"ModelName": "fraud-1", "PrimaryContainer": {"Image": "serving:1"}}),
        (sagemaker.stop_training_job, {"TrainingJobName": "fraud-1"}),
        (sagemaker.delete_endpoint, {"EndpointName": "fraud-1"}),
        (sagemaker.create_endpoint, {"EndpointName": "fraud-1", "EndpointConfigName": "ranking-1"}),
    ):
        with pytest.raises(ClientError, match="AccessDeniedException"):
            call(**members)


def test_a_sessions_own_policy_and_a_boundary_limit_it(server: Account) -> None:
    arn = server.role("limited", trusting(ROOT), allow(["sagemaker:*"]))
    narrow = document(allow(["sagemaker:CreateModelPackageGroup"], [f"{REGISTRY}:model-package-group/mine-*"]))
    sagemaker = server.as_(server.assumed(arn, Policy=narrow), "sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="mine-1")
    with pytest.raises(ClientError, match="AccessDenied"):
        sagemaker.create_model_package_group(ModelPackageGroupName="yours-1")


def put(s3: Any, key: str, body: bytes = b"x", **members: Any) -> Any:
    return s3.put_object(Bucket=BUCKET, Key=key, Body=body, **members)


def test_a_record_is_written_once_and_stays_even_from_an_administrator(server: Account) -> None:
    policy = artifact_bucket_policy(f"arn:aws:s3:::{BUCKET}", ACCOUNT)
    s3 = server.s3
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
    key = "teams/fraud/audit/1.json"
    written = put(s3, key, IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        put(s3, key, b"y", IfNoneMatch="*")
    denied = r"AccessDenied.*explicit deny in a resource-based policy"
    with pytest.raises(ClientError, match=denied):
        put(s3, key, b"y")
    with pytest.raises(ClientError, match=denied):
        put(s3, key, b"y", IfMatch=written["ETag"])
    with pytest.raises(ClientError, match=denied):
        s3.delete_object(Bucket=BUCKET, Key=key)
    with pytest.raises(ClientError, match=r"perform: s3:DeleteObjectVersion"):
        s3.delete_object(Bucket=BUCKET, Key=key, VersionId=written["VersionId"])
    with pytest.raises(ClientError, match=denied):
        s3.create_multipart_upload(Bucket=BUCKET, Key=key)
    put(s3, "teams/fraud/models/1")
    with pytest.raises(ClientError, match=denied):
        s3.copy_object(Bucket=BUCKET, Key=key, CopySource=f"{BUCKET}/teams/fraud/models/1")
    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key}, {"Key": "teams/fraud/models/1"}]})
    assert [each["Key"] for each in answer["Deleted"]] == ["teams/fraud/models/1"]
    assert [(each["Key"], each["Code"]) for each in answer["Errors"]] == [(key, "AccessDenied")]
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"x"
    s3.delete_bucket_policy(Bucket=BUCKET)
    s3.delete_object(Bucket=BUCKET, Key=key)


def test_the_records_that_the_server_keeps_are_the_platforms() -> None:
    for folder in (*RECORD_FOLDERS, APPROVED_FOLDER):
        assert KEPT.fullmatch(f"teams/fraud/{folder}/1.json")


def test_a_role_needs_leave_to_write_records_and_its_denials_hold_everywhere(server: Account) -> None:
    server.s3.create_bucket(Bucket=f"{BUCKET}-2")
    objects = f"arn:aws:s3:::{BUCKET}-2"
    none = server.as_(server.assumed(server.role("writes-nothing", trusting(ROOT))), "s3")
    some = server.role(
        "writes-some",
        trusting(ROOT),
        allow(["s3:PutObject"], [f"{objects}/teams/fraud/*"]),
        allow(["s3:PutObject"], [f"{objects}/teams/fraud/frozen/*"], effect="Deny"),
    )
    writer = server.as_(server.assumed(some), "s3")
    record = {"Bucket": f"{BUCKET}-2", "Key": "teams/fraud/ledger/1", "Body": b"x"}
    with pytest.raises(ClientError, match="no identity-based policy allows the s3:PutObject action"):
        none.put_object(**record)
    writer.put_object(**record)
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object(**{**record, "Key": "teams/ranking/ledger/1"})
    with pytest.raises(ClientError, match="explicit deny in an identity-based policy"):
        writer.put_object(**{**record, "Key": "teams/fraud/frozen/1"})
    # What is no record takes every key that was issued here: docs/fidelity.md.
    none.put_object(**{**record, "Key": "teams/ranking/models/1"})
