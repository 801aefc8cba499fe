"""A model goes from one account's registry to another's, by what policies open: two AWS servers, one an account."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.approval_policy import models_policy
from components.artifact_store import artifact_bucket_policy
from components.keys import data_key_policy
from components.promotion_policy import PromotionSource
from components.team_policy import submit_policy, submit_trust
from tests.local.two_accounts import DEV, PROD, TwoAccounts
from tests.ml.conftest import REGION, ROOT, TEAM, contract_parameters
from tests.ml.gate_models import CARD, applicants
from tests.ml.registry_images import push
from tests.ml.test_promotion import SCRIPT

pytestmark = pytest.mark.ml
ACCOUNTS = {"dev": DEV, "prod": PROD}


class Between:
    """Both accounts, each with a contract, and the profiles of one person in both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.accounts = TwoAccounts(folder)
        self.accounts.start()
        self.servers = {"dev": self.accounts.dev, "prod": self.accounts.prod}
        profiles: list[str] = []
        keys: list[str] = []
        for name, server in self.servers.items():
            self._publish(name)
            user = server.client("iam").create_access_key(UserName="ada")["AccessKey"]
            place = f"region = {REGION}\nendpoint_url = {server.url}\n"
            role = f"arn:aws:iam::{ACCOUNTS[name]}:role/groundwork-{name}-{TEAM}-submit"
            profiles.append(f"[profile groundwork-{name}]\n{place}role_arn = {role}\nsource_profile = ada-{name}\n")
            profiles.append(f"[profile ada-{name}]\n{place}")
            keys.append(f"[ada-{name}]\naws_access_key_id = {user['AccessKeyId']}\n")
            keys.append(f"aws_secret_access_key = {user['SecretAccessKey']}\n")
        (folder / "config").write_text("".join(profiles))
        (folder / "credentials").write_text("".join(keys))

    def ml(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        mine = {
            "AWS_CONFIG_FILE": str(self.folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "credentials"),
            "GROUNDWORK_OWNER": "ada",
        }
        return subprocess.run(
            [sys.executable, "-m", "ml", *map(str, arguments)],
            env={**os.environ, **mine},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=240,
        )

    def _publish(self, name: str) -> None:
        """What the program would make of it in this account, by the same documents."""
        server, account = self.servers[name], ACCOUNTS[name]
        iam, s3, ssm, kms = (server.client(word) for word in ("iam", "s3", "ssm", "kms"))
        user = iam.create_user(UserName="ada")["User"]["Arn"]
        readers = [PROD] if name == "dev" else []
        key = kms.create_key(Policy=data_key_policy("aws", REGION, account, readers))["KeyMetadata"]
        kms.create_alias(AliasName=f"alias/groundwork-{name}-data", TargetKeyId=key["KeyId"])
        buckets = {word: f"groundwork-{name}-{word}-{account}" for word in ("data", "artifacts", "logs")}
        for bucket in buckets.values():
            s3.create_bucket(Bucket=bucket)
            rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key["Arn"]}}
            s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        arn = f"arn:aws:s3:::{buckets['artifacts']}"
        s3.put_bucket_policy(Bucket=buckets["artifacts"], Policy=artifact_bucket_policy(arn, account, "aws", readers))
        service = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
        execution = iam.create_role(
            RoleName=f"{TEAM}-execution",
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [service]}),
        )["Role"]["Arn"]
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_role_policy(RoleName=f"{TEAM}-execution", PolicyName="all", PolicyDocument=json.dumps(everything))
        where = {"partition": "aws", "region": REGION, "account_id": account, "team": TEAM, "artifact_bucket_arn": arn}
        required = name == "prod"
        sources = [PromotionSource(environment="dev", account_id=DEV)] if required else []
        submit = submit_policy(
            **where,
            contract_path=f"/groundwork/{name}/contract",
            execution_role_arn=execution,
            cluster_arn=f"arn:aws:eks:{REGION}:{account}:cluster/groundwork-{name}",
            data_bucket_arn=f"arn:aws:s3:::{buckets['data']}",
            kms_key_arn=key["Arn"],
            approval_required=required,
        )
        models = models_policy(**where, approval_required=required, shares_models=bool(readers), sources=sources)
        role = f"groundwork-{name}-{TEAM}-submit"
        trust = submit_trust(partition="aws", account_id=account, members=[user])
        iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust)
        for word, text in (("submit", submit), ("models", models)):
            iam.put_role_policy(RoleName=role, PolicyName=word, PolicyDocument=text)
        for repository in ("training", "serving"):
            push(server.client("ecr"), f"groundwork/{name}/{repository}", "0.1.0")
        for path, value in self._contract(name, execution, key["Arn"], buckets, readers).items():
            ssm.put_parameter(Name=path, Value=value, Type="String")

    def _contract(
        self, name: str, execution: str, key: str, buckets: dict[str, str], readers: list[str]
    ) -> dict[str, str]:
        """An MLflow of each account's own: a file is one, without a server."""
        parameters = contract_parameters(execution, name, ACCOUNTS[name])
        for path, value in parameters.items():
            for word, bucket in buckets.items():
                value = value.replace(f"groundwork-test-{word}", bucket)
            document = json.loads(value)
            if path.endswith("/storage"):
                document["kms_key_arn"] = key
            if path.endswith("/registry"):
                document |= {"approval_required": name == "prod", "readers": readers}
            if path.endswith("/tracking"):
                document["uri"] = f"sqlite:///{self.folder}/{name}.db"
            if path.endswith(f"/teams/{TEAM}"):
                document["submit_role_arn"] = f"arn:aws:iam::{ACCOUNTS[name]}:role/groundwork-{name}-{TEAM}-submit"
            parameters[path] = json.dumps(document)
        return parameters


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    """Two accounts; in dev a version of deals has been trained."""
    made = Between(tmp_path_factory.mktemp("between"))
    try:
        trained = made.ml("train", spec(made.folder / "deals"), "--env", "dev", "-y")
        assert trained.returncode == 0, trained.stdout + trained.stderr
        yield made
    finally:
        made.accounts.stop()


def spec(folder: Path) -> Path:
    """A spec and its script, which uploads the held-out rows with the job."""
    folder.mkdir()
    (folder / "train.py").write_text(SCRIPT)
    for name, seed in (("train", 1), ("test", 2)):
        (folder / name).mkdir()
        applicants(seed).to_csv(folder / name / "rows.csv", index=False)
    gates = {
        "data": "test",
        "target": "paid",
        "metrics": {"roc_auc": {"min": 0.7}},
        "resamples": 100,
        "validation": False,
        "explanation": {"repeats": 1},
        "card": CARD,
    }
    document = {
        "name": "deals",
        "team": TEAM,
        "entry_point": "train.py",
        "image": "training:0.1.0",
        "hyperparameters": {"good": True},
        "inputs": {"train": "./train", "test": "./test"},
        "register": "deals",
        "gates": gates,
    }
    (folder / "job.yaml").write_text(json.dumps(document))
    return folder / "job.yaml"


def test_a_model_goes_from_dev_to_prod_with_its_package_and_lineage_and_waits_there(between: Between) -> None:
    early = between.ml("promote", "deals/1", "--from", "dev", "--env", "prod")
    assert early.returncode == 3
    assert "prod may not read the packages of dev" in early.stderr
    there = between.ml("promote", "deals/1", "--env", "dev")
    assert there.returncode == 0, there.stdout + there.stderr
    result = between.ml("promote", "deals/1", "--from", "dev", "--env", "prod", "-o", "json")
    assert result.returncode == 0, result.stdout + result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    assert document["status"] == "PendingManualApproval"
    assert document["package"].split(":")[4] == PROD
    sagemaker = between.servers["prod"].client("sagemaker")
    package = sagemaker.describe_model_package(ModelPackageName=document["package"])
    metadata = package["CustomerMetadataProperties"]
    assert metadata["groundwork-source"].split(":")[4] == DEV
    assert metadata["groundwork-author"] == "ada"
    assert package["MetadataProperties"]["GeneratedBy"].startswith(f"arn:aws:sagemaker:{REGION}:{DEV}:training-job/")
    model = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    assert model.startswith(f"s3://groundwork-prod-artifacts-{PROD}/teams/{TEAM}/jobs/")
    bodies = []
    for name in ("dev", "prod"):
        bucket, key = f"groundwork-{name}-artifacts-{ACCOUNTS[name]}", model.partition(f"{PROD}/")[2]
        bodies.append(between.servers[name].s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert bodies[0] == bodies[1]
    (version,) = json.loads(between.ml("models", "deals", "--env", "prod", "-o", "json").stdout)
    assert version["source"] == metadata["groundwork-source"]
    assert version["aliases"] == ["challenger"]
    gates = sagemaker.describe_processing_job(ProcessingJobName=document["job"])
    inputs = {one["InputName"]: one["S3Input"]["S3Uri"] for one in gates["ProcessingInputs"]}
    assert inputs["data"].startswith(f"s3://groundwork-prod-artifacts-{PROD}/teams/{TEAM}/inputs/")

    copied = between.servers["prod"].s3.list_objects_v2(
        Bucket=f"groundwork-prod-artifacts-{PROD}", Prefix=f"teams/{TEAM}/inputs/"
    )
    assert copied["KeyCount"] == 1, "the held-out rows, and not what it was trained on"

    again = between.ml("promote", "deals/1", "--from", "dev", "--env", "prod")
    assert again.returncode == 0, again.stderr
    assert len(json.loads(between.ml("models", "deals", "--env", "prod", "-o", "json").stdout)) == 1


def test_a_record_that_was_changed_does_not_go_along(between: Between) -> None:
    dev = between.servers["dev"].s3
    bucket = f"groundwork-dev-artifacts-{DEV}"
    (key,) = [
        entry["Key"]
        for entry in dev.list_objects_v2(Bucket=bucket, Prefix=f"teams/{TEAM}/jobs/")["Contents"]
        if entry["Key"].endswith("/record.json")
    ]
    body = dev.get_object(Bucket=bucket, Key=key)["Body"].read()
    between.ml("promote", "deals/1", "--env", "dev")
    dev.put_object(Bucket=bucket, Key=key, Body=body.replace(b'"ada"', b'"eve"'))
    sagemaker = between.servers["dev"].client("sagemaker")
    package = sagemaker.list_model_packages(ModelPackageGroupName=f"{TEAM}-deals")["ModelPackageSummaryList"][0]
    found = sagemaker.describe_model_package(ModelPackageName=package["ModelPackageArn"])
    sagemaker.create_model_package(
        ModelPackageGroupName=f"{TEAM}-deals",
        InferenceSpecification=found["InferenceSpecification"],
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties=found["CustomerMetadataProperties"],
    )
    result = between.ml("promote", "deals/1", "--from", "dev", "--env", "prod")
    assert result.returncode == 1
    assert "is not the record that was promoted" in result.stderr


def test_without_the_policies_of_the_account_that_it_comes_from_nothing_is_read(between: Between) -> None:
    dev = between.servers["dev"]
    dev.client("sagemaker").delete_model_package_group_policy(ModelPackageGroupName=f"{TEAM}-deals")
    result = between.ml("promote", "deals/1", "--from", "dev", "--env", "prod")
    assert result.returncode == 3
    assert f"promotion.to of dev names the account {PROD}" in result.stderr
