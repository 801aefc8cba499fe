"""An AWS server of a test's own with a platform's contract, and a model server that starts in a moment."""

import configparser
import io
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.team_policy import submit_policy
from platform_contract import team_index_documents, team_index_path, team_path
from tests.local.aws_server_process import AwsServerProcess
from tests.local.sagemaker_server import MODEL_SERVER
from tests.ml.conftest import ACCOUNT, REGION, TEAM, Platform, publish

BUCKET = "groundwork-test-artifacts"
MODELS = [f"s3://{BUCKET}/teams/research/models/{name}/model.tar.gz" for name in ("first", "second")]


class RecordsServer:
    """The server, the platform on it, and two trained models."""

    def __init__(self, folder: Path, teams: Sequence[str] = ()):
        self.process = AwsServerProcess(folder)
        state = folder / "state"
        state.mkdir(parents=True)
        (folder / "model_server.py").write_text(MODEL_SERVER)
        (state / "environments.yaml").write_text(
            "environments:\n"
            '  - images: ["*model-server:*"]\n'
            f'    serve: ["{{python}}", "{folder / "model_server.py"}"]\n'
            '  - images: ["*/serving@*"]\n'
            '    serve: ["{python}", "-m", "ml.serving"]\n'
            '  - images: ["*"]\n'
        )
        self.process.start()
        self.variables = {
            "AWS_CONFIG_FILE": str(folder / "config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
            "AWS_PROFILE": "groundwork-local",
            "GROUNDWORK_OWNER": "ada",
        }
        self.platform = Platform(self.process.url, folder, 0, self.variables)
        publish(self.platform)
        self.ssm: Any = self.platform.client("ssm")
        self._add(teams)
        self.s3: Any = self.platform.client("s3")
        self.sagemaker: Any = self.platform.client("sagemaker")
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for uri in MODELS:
            self.s3.put_object(Bucket=BUCKET, Key=uri.partition(f"{BUCKET}/")[2], Body=_archive(uri))

    def _add(self, teams: Sequence[str]) -> None:
        """More teams in the contract, which are like the first but for their names."""
        first = json.loads(self.ssm.get_parameter(Name=team_path("local", TEAM))["Parameter"]["Value"])
        for team in teams:
            document = json.loads(json.dumps(first).replace(f"teams/{TEAM}", f"teams/{team}")) | {"name": team}
            self.ssm.put_parameter(Name=team_path("local", team), Value=json.dumps(document), Type="String")
        name = f"{team_index_path('local')}/0"
        value = team_index_documents([TEAM, *teams])[0]
        self.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    def credentials(self) -> dict[str, str]:
        parser = configparser.ConfigParser()
        parser.read(self.variables["AWS_SHARED_CREDENTIALS_FILE"])
        return dict(parser["groundwork-local"])

    @property
    def environment(self) -> dict[str, str]:
        """Variables of a process that uses the platform."""
        return {**os.environ, **self.variables}

    def member(self, team: str) -> dict[str, str]:
        """Variables of a process that uses the platform as a member of a team, with the rights that members have."""
        iam, sts = self.platform.client("iam"), self.platform.client("sts")
        role = json.loads(self.parameter(team))["execution_role_arn"]
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
        name = f"{team}-submit"
        arn = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )["Role"]["Arn"]
        policy = submit_policy(
            partition="aws",
            region=REGION,
            account_id=ACCOUNT,
            team=team,
            contract_path="/groundwork/local/contract",
            execution_role_arn=role,
            cluster_arn=f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/groundwork-local",
            data_bucket_arn="arn:aws:s3:::groundwork-test-data",
            artifact_bucket_arn=f"arn:aws:s3:::{BUCKET}",
            kms_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000",
        )
        iam.put_role_policy(RoleName=name, PolicyName="submit", PolicyDocument=policy)
        session = sts.assume_role(RoleArn=arn, RoleSessionName="ada")["Credentials"]
        cleared = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "GROUNDWORK_"))}
        return cleared | {
            "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
            "AWS_SESSION_TOKEN": session["SessionToken"],
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.process.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "GROUNDWORK_PROFILE": "",
            "GROUNDWORK_OWNER": "ada",
        }

    def keys(self, folder: str, team: str = TEAM) -> list[str]:
        """Names of the objects in a folder of a team's prefix."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"teams/{team}/{folder}/")
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def parameter(self, team: str) -> str:
        """A team's part of the contract."""
        return self.ssm.get_parameter(Name=team_path("local", team))["Parameter"]["Value"]

    def remove(self, key: str) -> None:
        """An object and its versions, so that nothing tells of them, as an administrator may."""
        answer = self.s3.list_object_versions(Bucket=BUCKET, Prefix=key)
        for one in [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]:
            if one["Key"] == key:
                self.s3.delete_object(Bucket=BUCKET, Key=key, VersionId=one["VersionId"])

    def replace(self, key: str, body: bytes) -> None:
        """Other content in an object's place, and no trace of what was there."""
        self.remove(key)
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def stop(self) -> None:
        self.process.ensure_stopped()


def _archive(text: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        member = tarfile.TarInfo("weights.txt")
        member.size = len(text.encode())
        tar.addfile(member, io.BytesIO(text.encode()))
    return target.getvalue()
