"""Going on after a kill: what goes into the state, what is struck off, what is another's, which copy comes back."""

import gzip
import io
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.errors import LocalStackError
from operations.engine_run import StackEngine
from operations.resuming import settle as settling
from operations.resuming.copies import newest_copy
from operations.resuming.finder import Place, Wanted
from operations.resuming.finding import Found, ids_by_type
from operations.resuming.plugins import orphans
from operations.resuming.repair import copy_of, damage, planned, restore
from operations.resuming.resume import state_of
from operations.resuming.settle import adopt, changed, creations, foreign, made_since, settle, unread
from operations.state_store import Bucket, Folder, checkpoint
from policies.values import UNKNOWN_TEXT
from tests.unit.doctor_fakes import environment

pytestmark = pytest.mark.unit
PLACE = Place("dev", "111122223333", "eu-west-1")
VPC, ROLE = "aws:ec2/vpc:Vpc", "aws:iam/role:Role"


def urn(name: str, kind: str = ROLE) -> str:
    return f"urn:pulumi:dev::groundwork::{kind}::{name}"


def resource(name: str, kind: str = ROLE, **members: Any) -> dict[str, Any]:
    return {"urn": urn(name, kind), "type": kind, "custom": True, "inputs": {"name": f"groundwork-{name}"}, **members}


def cut_off(name: str, what: str = "creating", **members: Any) -> dict[str, Any]:
    return {"type": what, "resource": resource(name, **members)}


def wanted(name: str) -> Wanted:
    return creations([cut_off(name)], PLACE)[0]


def test_only_creations_of_what_aws_or_kubernetes_makes_are_looked_for():
    provider = {"urn": urn("aws", "pulumi:providers:aws"), "type": "pulumi:providers:aws", "custom": True}
    pending = [cut_off("a"), cut_off("b", "updating"), {"type": "creating", "resource": provider}]
    pending.append(cut_off("c", custom=False))
    assert [each.name for each in creations(pending, PLACE)] == ["a"]


def test_what_was_made_goes_into_the_state_without_outputs_so_that_it_is_read_as_an_import():
    resources = [resource("other", id="other")]
    assert adopt(resources, [cut_off("a", outputs={"x": 1})], [Found(wanted("a"), "groundwork-a")]) == [urn("a")]
    assert resources[1] == resource("a", id="groundwork-a")


def test_what_was_not_made_stays_out():
    resources: list[dict[str, Any]] = []
    assert adopt(resources, [cut_off("a")], [Found(wanted("a"))]) == []
    assert resources == []


def test_a_replacement_that_was_made_marks_the_old_one_for_deletion():
    resources = [resource("a", id="old", outputs={})]
    adopt(resources, [cut_off("a")], [Found(wanted("a"), "new")])
    assert [(each["id"], each.get("delete")) for each in resources] == [("old", True), ("new", None)]


def test_what_the_state_has_under_the_same_id_is_left_as_it_is():
    resources = [resource("a", id="groundwork-a", outputs={})]
    assert adopt(resources, [cut_off("a")], [Found(wanted("a"), "groundwork-a")]) == []
    assert resources == [resource("a", id="groundwork-a", outputs={})]


def test_what_aws_could_not_finish_is_replaced():
    resources: list[dict[str, Any]] = []
    adopt(resources, [cut_off("a")], [Found(wanted("a"), "groundwork-a", "CREATE_FAILED")])
    assert resources[0]["taint"] is True


def test_a_creation_that_is_only_remembered_is_known_by_its_inputs():
    assert made_since([resource("a", id="x")], wanted("a"))
    assert not made_since([resource("a", id="x", inputs={"name": "before"})], wanted("a"))


def test_what_an_earlier_settlement_left_unread_is_read_now():
    resources = [resource("a", id="x"), resource("b", id="y", outputs={})]
    assert unread(resources, [cut_off("a"), cut_off("b")]) == [urn("a")]


def test_how_far_an_update_or_a_deletion_came_a_refresh_tells():
    pending = [cut_off("a", "updating"), cut_off("b", "deleting"), cut_off("gone", "deleting"), cut_off("c")]
    assert changed([resource("a"), resource("b"), resource("c")], pending) == [urn("a"), urn("b")]


@pytest.mark.parametrize(
    ("tags", "strange"),
    [
        ({"groundwork:environment": "dev"}, False),
        ({"groundwork:environment": "prod"}, True),
        ({"team": "somebody"}, True),
        ({}, False),
    ],
)
def test_what_bears_the_name_and_another_ones_tags_is_not_adopted(tags: Mapping[str, str], strange: bool):
    resources = [resource("a", id="groundwork-a", outputs={"tagsAll": tags})]
    assert bool(foreign(resources, [urn("a")], PLACE)) is strange


ENGINE = """\
import json, os, sys
state = {state!r}
words = [word for word in sys.argv[1:] if not word.startswith("-")]
with open({log!r}, "a") as log:
    log.write(" ".join(words[:2]) + chr(10))
if words[:2] == ["stack", "export"]:
    print(open(state).read())
elif words[:2] == ["stack", "import"]:
    open(state, "w").write(sys.stdin.read())
elif words[0] == "refresh":
    if os.path.exists({stop!r}):
        sys.exit(1)
    document = json.load(open(state))
    document["deployment"]["resources"] = [
        {{**each, "outputs": {{"read": True}}}}
        for each in document["deployment"]["resources"]
        if each["urn"] not in {absent!r}
    ]
    json.dump(document, open(state, "w"))
"""


class Bed:
    """An engine that keeps a document, and reads in a refresh what is not `absent`."""

    def __init__(self, folder: Path, pending: list[dict[str, Any]], *resources: dict[str, Any], absent: Any = ()):
        self.state, self.log, self.stop = folder / "state.json", folder / "log", folder / "stop"
        deployment = {"resources": list(resources), "pending_operations": pending}
        self.state.write_text(json.dumps({"version": 3, "deployment": deployment}))
        program = folder / "pulumi"
        told = {"state": str(self.state), "log": str(self.log), "stop": str(self.stop), "absent": list(absent)}
        program.write_text(f"#!{sys.executable}\n" + ENGINE.format(**told))
        program.chmod(0o755)
        self.engine = StackEngine(program=program, folder=folder, stack="dev", variables={})

    def settle(self) -> settling.Settlement:
        return settle(self.engine, PLACE, lambda *_: None, lambda _: None, visible_s=0.0)

    def deployment(self) -> dict[str, Any]:
        return json.loads(self.state.read_text())["deployment"]


def test_a_settlement_adopts_what_was_made_strikes_off_the_rest_and_says_so(tmp_path: Path):
    bed = Bed(tmp_path, [cut_off("a"), cut_off("b")], absent=[urn("b")])
    done = bed.settle()
    assert str(done) == "2 operations were cut off; 1 had made something, which is adopted"
    assert bed.deployment() == {"resources": [resource("a", id="groundwork-a", outputs={"read": True})]}


def test_a_settlement_that_is_cut_off_itself_is_done_again_to_the_same_end(tmp_path: Path):
    bed = Bed(tmp_path, [cut_off("a")])
    bed.stop.touch()
    with pytest.raises(LocalStackError):
        bed.settle()
    assert len(bed.deployment()["pending_operations"]) == 1
    bed.stop.unlink()
    bed.settle()
    assert bed.deployment() == {"resources": [resource("a", id="groundwork-a", outputs={"read": True})]}


def test_a_state_that_somebody_else_changes_meanwhile_is_not_overwritten(tmp_path: Path):
    bed = Bed(tmp_path, [cut_off("a")])

    def change(_: str) -> None:
        document = {"version": 3, "deployment": {"resources": [resource("theirs", id="1")]}}
        bed.state.write_text(json.dumps(document))

    with pytest.raises(LocalStackError, match="Somebody else has changed the state"):
        settle(bed.engine, PLACE, lambda *_: None, change, visible_s=0.0)
    assert bed.deployment() == {"resources": [resource("theirs", id="1")]}


def test_a_stack_that_nothing_was_cut_off_of_is_only_read(tmp_path: Path):
    bed = Bed(tmp_path, [], resource("a", id="x"))
    assert bed.settle().operations == 0
    assert bed.log.read_text() == "stack export\n"


def state(count: int, at: str) -> bytes:
    latest = {"manifest": {"time": at}, "resources": [{}] * count}
    return json.dumps({"version": 3, "checkpoint": {"stack": "dev", "latest": latest}}).encode()


def put(root: Path, path: str, content: bytes) -> None:
    file = root / ".pulumi" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


STACK = "stacks/groundwork/dev.json"


def test_the_newest_whole_copy_is_taken_wherever_it_lies(tmp_path: Path):
    put(tmp_path, f"{STACK}.bak", state(3, "2026-11-21T10:00:03Z")[:40])
    put(tmp_path, "backups/groundwork/dev/dev.1763700001.json", state(1, "2026-11-21T10:00:01Z"))
    put(tmp_path, "backups/groundwork/dev/dev.1763700009.json", b"")
    two = gzip.compress(state(2, "2026-11-21T11:00:02.123456789+01:00"))
    put(tmp_path, "history/groundwork/dev/dev-1763700002.checkpoint.json.gz", two)
    put(tmp_path, "history/groundwork/dev/dev-1763700003.history.json", b"{}")
    copy = newest_copy(Folder(tmp_path), "dev", "groundwork")
    assert copy is not None
    assert (copy.resources, Path(copy.where).name) == (2, "dev-1763700002.checkpoint.json.gz")


class Versions:
    """A bucket of S3 whose newest version of the state is cut short."""

    def __init__(self, *contents: bytes):
        self.contents = contents

    def list_object_versions(self, **_: Any) -> Any:
        key = f"team/.pulumi/{STACK}"
        start = datetime(2026, 11, 21, tzinfo=UTC)
        told = [
            {"Key": key, "VersionId": str(number), "LastModified": start + timedelta(seconds=number)}
            for number in range(len(self.contents))
        ]
        return {"Versions": [*told, {**told[-1], "Key": f"{key}.bak"}]}

    def get_object(self, *, Bucket: str, Key: str, VersionId: str = "") -> Any:  # noqa: N803
        if not VersionId:
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        return {"Body": io.BytesIO(self.contents[int(VersionId)])}

    def get_paginator(self, _: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: [{}])


def test_a_bucket_with_versions_has_the_newest_whole_one():
    whole = [state(1, "2026-11-21T10:00:01Z"), state(2, "2026-11-21T10:00:02Z")]
    client = Versions(*whole, state(3, "2026-11-21T10:00:03Z")[:30])
    copy = newest_copy(Bucket(client, "states", "team/"), "dev", "groundwork")
    assert copy is not None
    assert copy.resources == 2
    assert copy.where == f"version 1 of team/.pulumi/{STACK}"


def test_a_state_that_is_cut_short_names_the_command_that_mends_it(tmp_path: Path):
    put(tmp_path, STACK, state(3, "2026-11-21T10:00:03Z")[:40])
    env = environment(backend=f"file://{tmp_path}")
    engine = StackEngine(program=tmp_path, folder=tmp_path, stack="dev", variables={})
    with pytest.raises(LocalStackError, match="groundwork stack repair dev"):
        state_of(env, engine)


def test_a_copy_that_is_brought_back_is_read_again_and_the_damaged_file_is_kept(tmp_path: Path):
    put(tmp_path, f"{STACK}.gz", b"\x1f\x8bdamaged")
    put(tmp_path, f"{STACK}.bak", state(3, "2026-11-21T10:00:03Z"))
    env = environment(backend=f"file://{tmp_path}")
    assert damage(env)
    kept = restore(env, copy_of(env))
    assert damage(env) == ""
    told = checkpoint(Folder(tmp_path), "dev")
    assert told is not None
    assert len(told["resources"]) == 3
    assert (tmp_path / f"{kept}.gz").read_bytes() == b"\x1f\x8bdamaged"


def test_a_state_without_any_whole_copy_is_said_to_have_none(tmp_path: Path):
    put(tmp_path, STACK, b"")
    with pytest.raises(LocalStackError, match="no copy of it that is whole"):
        copy_of(environment(backend=f"file://{tmp_path}"))


def test_what_a_plan_does_not_know_or_hides_is_left_out_of_what_is_looked_for(tmp_path: Path):
    inputs = {"name": "a", "secret": "[secret]", "later": UNKNOWN_TEXT, "deep": {"later": UNKNOWN_TEXT, "known": 1}}
    new = {"urn": urn("a"), "type": ROLE, "custom": True, "inputs": inputs, "outputs": {}}
    same = {"resourcePreEvent": {"metadata": {"op": "same", "new": {**new, "urn": urn("b")}}}}
    events = [{"resourcePreEvent": {"metadata": {"op": "create", "new": new}}}, same]
    program = tmp_path / "pulumi"
    program.write_text(f"#!{sys.executable}\nimport json\nfor each in {events!r}: print(json.dumps(each))\n")
    program.chmod(0o755)
    found = planned(StackEngine(program=program, folder=tmp_path, stack="dev", variables={}))
    assert found == {
        urn("a"): {"urn": urn("a"), "type": ROLE, "custom": True, "inputs": {"name": "a", "deep": {"known": 1}}}
    }


def test_ids_that_the_state_has_are_told_by_type():
    resources = [resource("a", id="1"), resource("b", id="2"), resource("v", VPC, id="vpc-1"), resource("c")]
    assert ids_by_type(resources) == {ROLE: {"1", "2"}, VPC: {"vpc-1"}}


def test_a_plugin_with_a_living_engine_is_no_orphan(tmp_path: Path):
    plugin = tmp_path / "pulumi-resource-probe"
    plugin.write_text(f"#!{sys.executable}\nimport sys\nprint('ready', flush=True)\nsys.stdin.read()\n")
    plugin.chmod(0o755)
    home = str(tmp_path / "home")
    environ = {"PULUMI_HOME": home}
    process = subprocess.Popen([plugin], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        assert orphans(home) == []
    finally:
        process.communicate()
