"""Approval by somebody other than the author: two people, the roles' own policies, and IAM as the server holds it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from components.approval_policy import approve_policy, approve_trust, models_policy
from components.team_policy import submit_policy, submit_trust, tracking_policy
from tests.ml.conftest import ACCOUNT, REGION, ROOT, TEAM, contract_parameters
from tests.ml.gate_models import CARD, applicants
from tests.ml.test_promotion import SCRIPT

pytestmark = [pytest.mark.ml, pytest.mark.usefixtures("tracking")]
Platform = Any
ENVIRONMENT = "guarded"
ARTIFACTS = "groundwork-guarded-artifacts"
WHERE = {"partition": "aws", "region": REGION, "account_id": ACCOUNT}
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Person:
    """Somebody with a profile `groundwork-guarded` that takes the team's submit role, as people have it on AWS."""

    name: str
    variables: Mapping[str, str]

    def ml(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ml", *map(str, arguments), "--env", ENVIRONMENT],
            env={**os.environ, **self.variables},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=180,
        )


@pytest.fixture(scope="module")
def people(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Person]:
    """Ada and Bob, who are members and approvers both, in an environment where approval is required."""
    iam, ssm = platform.client("iam"), platform.client("ssm")
    platform.client("s3").create_bucket(Bucket=ARTIFACTS)
    users = {name: iam.create_user(UserName=name)["User"]["Arn"] for name in ("ada", "bob")}
    execution = f"arn:aws:iam::{ACCOUNT}:role/{TEAM}-execution"
    common = {
        **WHERE,
        "team": TEAM,
        "contract_path": f"/groundwork/{ENVIRONMENT}/contract",
        "execution_role_arn": execution,
        "artifact_bucket_arn": f"arn:aws:s3:::{ARTIFACTS}",
        "kms_key_arn": KEY,
    }
    server = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:mlflow-tracking-server/groundwork-local"
    mine = {"partition": "aws", "account_id": ACCOUNT}
    submit = submit_policy(
        **common,
        cluster_arn=f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/groundwork-local",
        data_bucket_arn="arn:aws:s3:::groundwork-test-data",
        approval_required=True,
    )
    models = models_policy(
        **WHERE,
        team=TEAM,
        artifact_bucket_arn=f"arn:aws:s3:::{ARTIFACTS}",
        approval_required=True,
        shares_models=False,
        sources=[],
    )
    roles = {
        "submit": (
            submit_trust(**mine, members=list(users.values())),
            {"submit": submit, "models": models, "tracking": tracking_policy(server)},
        ),
        "approve": (
            approve_trust(**mine, approvers=list(users.values())),
            {"approve": approve_policy(**common, tracking_server_arn=server)},
        ),
    }
    for word, (trust, policies) in roles.items():
        iam.create_role(RoleName=f"{TEAM}-{word}", AssumeRolePolicyDocument=trust)
        for name, text in policies.items():
            iam.put_role_policy(RoleName=f"{TEAM}-{word}", PolicyName=name, PolicyDocument=text)
    for name, value in guarded_contract(execution).items():
        ssm.put_parameter(Name=name, Value=value, Type="String")
    return {name: person(platform, name, tmp_path_factory.mktemp(name)) for name in users}


def guarded_contract(execution: str) -> dict[str, str]:
    """The contract of another environment over the same data and images, whose models need approval."""
    parameters = contract_parameters(execution, ENVIRONMENT)
    for path, value in parameters.items():
        value = value.replace("groundwork-test-artifacts", ARTIFACTS)
        document = json.loads(value.replace(f"groundwork/{ENVIRONMENT}/", "groundwork/local/"))
        if path.endswith("/registry"):
            document["approval_required"] = True
        if path.endswith(f"/teams/{TEAM}"):
            document["approve_role_arn"] = f"arn:aws:iam::{ACCOUNT}:role/{TEAM}-approve"
        parameters[path] = json.dumps(document)
    return parameters


def person(platform: Platform, name: str, folder: Path) -> Person:
    """A user's access key, and a profile that takes the submit role from it."""
    key = platform.client("iam").create_access_key(UserName=name)["AccessKey"]
    place = f"region = {REGION}\nendpoint_url = {platform.url}\n"
    role = f"role_arn = arn:aws:iam::{ACCOUNT}:role/{TEAM}-submit\nsource_profile = {name}\n"
    (folder / "config").write_text(f"[profile groundwork-{ENVIRONMENT}]\n{place}{role}[profile {name}]\n{place}")
    (folder / "credentials").write_text(
        f"[{name}]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
    )
    mine = {
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_PROFILE": f"groundwork-{ENVIRONMENT}",
        "GROUNDWORK_OWNER": name,
    }
    return Person(name, {**platform.variables, **mine})


@pytest.fixture(scope="module")
def spec(people: dict[str, Person], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec whose run, by Ada, has registered version 1 of credits."""
    folder = tmp_path_factory.mktemp("credits")
    (folder / "train.py").write_text(SCRIPT)
    for name, seed in (("train", 1), ("test", 2)):
        (folder / name).mkdir()
        applicants(seed).to_csv(folder / name / "rows.csv", index=False)
    document = {
        "name": "credits",
        "team": TEAM,
        "entry_point": "train.py",
        "image": "training:0.1.0",
        "hyperparameters": {"good": True},
        "inputs": {"train": "./train", "test": "./test"},
        "register": "credits",
        "deploy": {"endpoint": "credits"},
        "gates": {
            "data": "test",
            "target": "paid",
            "metrics": {"roc_auc": {"min": 0.7}},
            "resamples": 100,
            "validation": False,
            "explanation": {"repeats": 1},
            "card": CARD,
        },
    }
    (folder / "job.yaml").write_text(json.dumps(document))
    trained = people["ada"].ml("train", folder / "job.yaml", "-y")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    return folder / "job.yaml"


def package(platform: Platform) -> dict[str, Any]:
    """The newest package of credits, as SageMaker describes it."""
    sagemaker = platform.client("sagemaker")
    listed = sagemaker.list_model_packages(
        ModelPackageGroupName=f"{TEAM}-credits", SortBy="CreationTime", SortOrder="Descending"
    )["ModelPackageSummaryList"]
    return sagemaker.describe_model_package(ModelPackageName=listed[0]["ModelPackageArn"])


def test_a_model_that_was_exchanged_after_its_gates_is_not_approved(
    platform: Platform, people: dict[str, Person], spec: Path
) -> None:
    early = people["ada"].ml("deploy", spec, "--model", "credits/1")
    assert "nobody has promoted credits/1: ml promote credits/1 --env guarded" in early.stderr
    promoted = people["ada"].ml("promote", "credits/1")
    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    uri = package(platform)["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    s3 = platform.client("s3")
    honest = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=honest + b"\0")
    refused = people["bob"].ml("approve", "credits/1")
    assert refused.returncode == 1
    assert "is not what the gates measured" in refused.stderr
    rejected = people["bob"].ml("reject", "credits/1", "--reason", "somebody replaced it")
    assert rejected.returncode == 0, rejected.stderr
    assert package(platform)["ModelApprovalStatus"] == "Rejected"
    again = people["bob"].ml("approve", "credits/1")
    assert "was rejected (somebody replaced it)" in again.stderr
    s3.put_object(Bucket=bucket, Key=key, Body=honest)


def test_a_model_is_served_once_somebody_other_than_its_author_has_approved_it(
    platform: Platform, people: dict[str, Person], spec: Path
) -> None:
    ada, bob = people["ada"], people["bob"]
    by_job = ada.ml("deploy", spec, "--job", "research-credits")
    assert "serves approved models alone" in by_job.stderr

    promoted = ada.ml("promote", "credits/1")
    assert promoted.returncode == 0, promoted.stdout + promoted.stderr
    assert "is the challenger and waits for approval by somebody else" in promoted.stdout
    waits = package(platform)
    assert waits["ModelApprovalStatus"] == "PendingManualApproval"
    assert waits["CustomerMetadataProperties"]["groundwork-author"] == "ada"
    assert waits["CreatedBy"]["IamIdentity"]["SourceIdentity"] == "ada"
    refused = ada.ml("deploy", spec, "--model", "credits/1")
    assert "waits for approval by somebody other than ada" in refused.stderr

    own = ada.ml("approve", "credits/1", "--reason", "it is mine")
    assert own.returncode != 0
    assert "IAM does not let you approve research-credits version 1, whose author is ada" in own.stderr
    assert package(platform)["ModelApprovalStatus"] == "PendingManualApproval"

    approved = bob.ml("approve", "credits/1", "--reason", "read the card")
    assert approved.returncode == 0, approved.stdout + approved.stderr
    found = package(platform)
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["ApprovalDescription"] == "read the card"
    assert found["LastModifiedBy"]["IamIdentity"]["SourceIdentity"] == "bob"
    kept = found["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    assert kept.startswith(f"s3://{ARTIFACTS}/teams/{TEAM}/approved/credits/")
    (version,) = [one for one in json.loads(ada.ml("models", "credits", "-o", "json").stdout) if one["version"] == "1"]
    assert version["aliases"] == ["champion"]

    deployed = ada.ml("deploy", spec)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    served = platform.client("sagemaker").list_models(NameContains=version["job"])["Models"]
    (model,) = [
        platform.client("sagemaker").describe_model(ModelName=one["ModelName"])["PrimaryContainer"] for one in served
    ]
    assert model["ModelPackageName"] == found["ModelPackageArn"]
    ada.ml("stop", "--endpoint", f"{TEAM}-credits")

    card = bob.ml("card", "credits/1", "--file", spec.parent / "card.html")
    assert card.returncode == 0, card.stderr
    page = (spec.parent / "card.html").read_text()
    assert (
        "<dt>Asked for by</dt><dd>ada</dd><dt>Decided by</dt><dd>bob</dd><dt>Reason</dt><dd>read the card</dd>" in page
    )


def test_the_audit_log_says_who_promoted_who_approved_and_who_was_refused(
    people: dict[str, Person], spec: Path
) -> None:
    told = people["ada"].ml("audit", "log", "--team", TEAM, "-o", "json")
    assert told.returncode == 0, told.stderr
    lines = json.loads(told.stdout)
    lines = lines["lines"] if isinstance(lines, dict) else lines
    found = {(one["action"], one["subject"], one["phase"]) for one in lines}
    assert ("promote", "credits/1", "done") in found
    assert ("approve", "credits/1", "refused") in found
    assert ("approve", "credits/1", "done") in found
    assert ("reject", "credits/1", "done") in found
    who = people["ada"].ml("audit", "who", "credits/1")
    assert who.returncode == 0, who.stderr
    (approved,) = [line for line in who.stdout.splitlines() if "approved by" in line]
    assert "bob" in approved
    verified = people["ada"].ml("audit", "verify", "--team", TEAM)
    assert verified.returncode == 0, verified.stdout + verified.stderr
