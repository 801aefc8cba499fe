"""`groundwork adopt`: the import file, what is left out and why, and the command's own refusals."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from local.errors import LocalStackError
from operations.adopt_command import as_document, as_text
from operations.adoption.kinds import KINDS, ROWS
from operations.adoption.survey import Adoptable, Planned, Survey, import_file, survey
from operations.cli import app
from policies.values import UNKNOWN_TEXT

pytestmark = pytest.mark.unit
BY_TYPE = {row.type: row for row in ROWS}
BUCKET, REPOSITORY = "aws:s3/bucket:Bucket", "aws:ecr/repository:Repository"
STORE = "urn:pulumi:dev::groundwork::groundwork:storage:ArtifactStore::store"


def planned(type_: str, logical: str, /, **inputs: Any) -> Planned:
    return Planned(row=BY_TYPE[type_], name=logical, inputs=inputs)


def spec(type_: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": type_, "name": name, "id": "<PLACEHOLDER>", "parent": "store", "provider": "aws", **more}


DOCUMENT: dict[str, Any] = {
    "nameTable": {"store": STORE, "other": "urn:pulumi:dev::groundwork::a:b:C::other"},
    "resources": [
        {"type": "pulumi:providers:aws", "name": "aws", "inputs": {"region": "us-east-1"}},
        {"type": "groundwork:registry:ImageRegistry", "name": "registry", "component": True},
        {"type": "groundwork:ml:Training", "name": "training", "component": True},
        spec(BUCKET, "store-data"),
        spec(BUCKET, "store-logs"),
        spec(REPOSITORY, "registry-trainingRepository", logicalName="registry-training", parent="registry"),
    ],
}


def test_the_import_file_holds_what_is_there_with_its_parents_and_provider_and_nothing_else():
    wanted = [planned(BUCKET, "store-data", bucket="b"), planned(REPOSITORY, "registry-training", name="g/training")]
    found = import_file(DOCUMENT, wanted)
    assert found["nameTable"] == {"store": STORE}
    assert [each["name"] for each in found["resources"]] == [
        *("aws", "registry", "store-data"),
        "registry-trainingRepository",
    ]
    assert [each["id"] for each in found["resources"] if "id" in each] == ["b", "g/training"]
    assert import_file(DOCUMENT, []) == {}


@pytest.mark.parametrize(
    ("type_", "inputs", "id_"),
    [
        ("aws:iam/rolePolicy:RolePolicy", {"role": "r", "name": "p"}, "r:p"),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", {"role": "r", "policyArn": "arn:x"}, "r/arn:x"),
        ("aws:s3/bucketPolicy:BucketPolicy", {"bucket": "b", "policy": UNKNOWN_TEXT}, "b"),
        ("aws:ecr/lifecyclePolicy:LifecyclePolicy", {"repository": "g/serving"}, "g/serving"),
    ],
)
def test_a_resource_is_imported_by_the_id_that_its_registry_page_gives(type_: str, inputs: dict[str, Any], id_: str):
    assert planned(type_, "x", **inputs).is_known
    assert planned(type_, "x", **inputs).id == id_
    assert not planned(type_, "x", **{**inputs, BY_TYPE[type_].thing: UNKNOWN_TEXT}).is_known


class Engine:
    """Previews a bucket and its policy."""

    def events(self, *arguments: str) -> Any:
        Path(arguments[-1]).write_text('{"resources": []}')
        for type_, name in ((BUCKET, "data"), ("aws:s3/bucketPolicy:BucketPolicy", "data-policy")):
            new = {"custom": True, "inputs": {"bucket": "theirs"}}
            yield {"resourcePreEvent": {"metadata": {"op": "create", "type": type_, "urn": f"a::{name}", "new": new}}}


class Refuses:
    """A client that answers every call with an error of this code."""

    def __init__(self, code: str):
        self._code = code

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, name)

        return call


def look(code: str) -> Survey:
    engine: Any = Engine()
    return survey(engine, lambda _: Refuses(code), "dev", KINDS, lambda _: None)


def test_nothing_is_taken_for_absent_because_aws_refused_to_say():
    with pytest.raises(LocalStackError, match="does not say whether there is a bucket theirs"):
        look("SlowDown")


def test_a_bucket_of_another_account_is_left_out_with_its_settings():
    found = look("403")
    assert [(each.planned.name, each.why_not) for each in found.left_out] == [
        ("data", "it is another account's, or the caller may not see it")
    ]
    assert found.document == {}


def test_a_person_sees_each_thing_with_what_belongs_to_it_and_why_others_are_left_out():
    adopted = [
        Adoptable(planned=planned(BUCKET, "store-data", bucket="b"), note="CloudFormation's stack old has made it"),
        Adoptable(planned=planned("aws:s3/bucketPolicy:BucketPolicy", "store-data-policy", bucket="b")),
    ]
    left = [Adoptable(planned=planned(REPOSITORY, "registry-serving", name="g/serving"), why_not="it is AES256")]
    found = Survey(makes=9, adopted=adopted, left_out=left, document={"resources": []})
    told = as_text("dev", found, Path("adopt.json"))
    assert "dev: 2 of the 9 resources" in told
    assert "bucket      b: with Policy" in told
    assert "CloudFormation's stack old has made it: take it out of there" in told
    assert "! repository  g/serving: it is AES256" in told
    document = as_document("dev", found, Path("adopt.json"), imported=False)
    assert document["leftOut"] == [
        {
            "kind": "repository",
            "type": REPOSITORY,
            "name": "registry-serving",
            "id": "g/serving",
            "whyNot": "it is AES256",
        }
    ]
    assert as_text("dev", Survey(makes=9), Path("x")).startswith("dev: none of the 9 resources")


def test_a_mistyped_kind_and_a_missing_terminal_are_usage_errors():
    mistyped = CliRunner().invoke(app, ["adopt", "dev", "bukket"])
    assert mistyped.exit_code == 2
    assert "allowed are bucket, repository, role, log-group" in mistyped.output
    assert CliRunner().invoke(app, ["adopt", "dev", "--import"]).exit_code == 2
