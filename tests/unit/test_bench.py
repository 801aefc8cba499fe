"""The benches' own parts: what they count, what they compare, and what they say."""

import asyncio
import json
import math
from dataclasses import replace
from typing import Any

import pytest

from bench.environments import BenchError
from bench.flat_program import flatten
from bench.intervals import Median, median_of
from bench.load import generate, http_request, percentile
from bench.rehearsal import report
from bench.report import Goal, Report, as_text
from bench.rollback import Round
from bench.rollback import report as rollback_report
from bench.serving_overhead import _goal  # pyright: ignore[reportPrivateUsage]

pytestmark = pytest.mark.unit


def test_percentiles_are_nearest_rank() -> None:
    values = list(range(1, 101))
    assert percentile(values, 0.50) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([7.0], 0.99) == 7
    assert math.isnan(percentile([], 0.5))


@pytest.mark.parametrize(
    ("count", "interval", "confidence"),
    [(5, (1, 5), 0.938), (6, (1, 6), 0.969), (9, (2, 8), 0.961), (12, (3, 10), 0.961), (20, (6, 15), 0.959)],
)
def test_a_median_has_the_sign_tests_interval(count: int, interval: tuple[int, int], confidence: float) -> None:
    """Against table A.7 of https://www.coursehero.com/file/5646626/A7/."""
    found = median_of([*range(count, 0, -1)])
    assert (found.low, found.high) == interval
    assert found.confidence == pytest.approx(confidence, abs=0.0005)
    assert found.value == (count + 1) / 2


def test_a_cost_is_decided_where_its_whole_interval_is_on_one_side_of_the_goal() -> None:
    within, above = (
        Median(value=value, low=value - 0.02, high=value + 0.02, confidence=0.96) for value in (0.05, 0.15)
    )
    between = Median(value=0.09, low=0.07, high=0.12, confidence=0.96)
    unsure = replace(within, confidence=0.5)
    said = [_goal("at most 10 %", cost, "fewer") for cost in (within, above, between, unsure)]
    assert [one.met for one in said] == [True, False, False, False]
    assert [one.measured.startswith("undecided") for one in said] == [False, False, True, True]
    assert said[0].measured == "5.0% fewer (3.0% to 7.0%)"


def test_a_rollback_is_held_against_the_canarys_share() -> None:
    fine = Round(alarm=20.4, begun=21.0, over=22.0, asked=400, failed=100, failed_in_all=104)
    worse = Round(alarm=20.4, begun=21.0, over=22.0, asked=400, failed=160, failed_in_all=160)
    assert rollback_report([fine]).goals[0].met
    assert not rollback_report([fine, worse]).goals[0].met
    assert "20 s where the first bad response begins a period, never less than 10 s" in as_text(rollback_report([fine]))


async def _load_on(answer: bytes, connections: int) -> Any:
    """Load on a server that gives one answer to everything, in two parts."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(3)
            writer.write(answer[:20])
            await writer.drain()
            await asyncio.sleep(0.001)
            writer.write(answer[20:])

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    request = http_request("127.0.0.1", port, "/x", "text/csv", b"1,2")
    result = await generate("127.0.0.1", port, request, b"[0]", connections, 0.2, 0.05)
    server.close()
    return result


def test_the_load_generator_counts_right_answers_alone() -> None:
    right = asyncio.run(_load_on(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{p: [0]}", 3))
    assert right.errors == 0
    assert right.requests > 20
    assert 1 <= right.p50_ms <= right.p99_ms
    wrong = asyncio.run(_load_on(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{p: [1]}", 1))
    assert wrong.requests == 0
    assert wrong.errors > 5
    refused = asyncio.run(_load_on(b"HTTP/1.1 500 Oh\r\nContent-Length: 8\r\n\r\n{p: [0]}", 1))
    assert refused.requests == 0
    assert "500 Oh" in refused.first_error


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:local::groundwork::{kind}::{name}"


STACK = urn("pulumi:pulumi:Stack", "groundwork-local")
PROVIDER = urn("pulumi:providers:aws", "aws")
COMPONENT = urn("groundwork:storage:ArtifactStore", "store")
BUCKET = urn("groundwork:storage:ArtifactStore$aws:s3/bucket:Bucket", "store-data")
VERSIONING = urn("groundwork:storage:ArtifactStore$aws:s3/bucketVersioning:BucketVersioning", "store-data-versioning")


def exported() -> dict[str, Any]:
    def entry(name: str, kind: str, **more: Any) -> dict[str, Any]:
        return {"urn": name, "type": kind, "custom": True, "id": "i", "inputs": {}, "parent": STACK, **more}

    return {
        "version": 3,
        "deployment": {
            "secrets_providers": {"type": "passphrase"},
            "resources": [
                {"urn": STACK, "type": "pulumi:pulumi:Stack", "custom": False, "outputs": {"contract": {"a": 1}}},
                entry(
                    PROVIDER,
                    "pulumi:providers:aws",
                    inputs={"__internal": {}, "region": "us-east-1", "defaultTags": '{"tags": {"a": "b"}}'},
                ),
                {"urn": COMPONENT, "type": "groundwork:storage:ArtifactStore", "custom": False, "parent": STACK},
                entry(
                    BUCKET,
                    "aws:s3/bucket:Bucket",
                    parent=COMPONENT,
                    provider=f"{PROVIDER}::id-1",
                    inputs={"forceDestroy": True, "tags": {"Name": "data"}},
                    protect=True,
                ),
                entry(
                    VERSIONING,
                    "aws:s3/bucketVersioning:BucketVersioning",
                    parent=COMPONENT,
                    provider=f"{PROVIDER}::id-1",
                    inputs={"bucket": "data", "versioningConfiguration": {"status": "Enabled"}},
                    dependencies=[BUCKET, COMPONENT],
                    propertyDependencies={"bucket": [BUCKET]},
                ),
            ],
        },
    }


def test_the_flat_program_declares_the_same_resources_without_components() -> None:
    program = flatten(exported(), "flat", "local")
    assert program.resources == 3
    compile(program.source, "flat", "exec")
    lines = program.source.splitlines()
    assert any(
        "pulumi_aws.s3.BucketVersioning('store-data-versioning', bucket='data', "
        "versioning_configuration={'status': 'Enabled'}"
        in line
        and "depends_on=[r2]" in line
        for line in lines
    )
    assert any(
        "pulumi_aws.Provider('aws', region='us-east-1', default_tags={'tags': {'a': 'b'}}" in line for line in lines
    )
    assert any("force_destroy=True" in line and "protect=True" in line for line in lines)
    assert "pulumi.export('contract', {'a': 1})" in lines


def test_the_flat_state_has_every_reference_rewritten() -> None:
    state = flatten(exported(), "flat", "local").state
    text = json.dumps(state)
    assert "groundwork" not in text
    assert "secrets_providers" not in state["deployment"]
    root, provider, bucket, versioning = state["deployment"]["resources"]
    assert root["urn"] == "urn:pulumi:local::flat::pulumi:pulumi:Stack::flat-local"
    assert bucket["urn"] == "urn:pulumi:local::flat::aws:s3/bucket:Bucket::store-data"
    assert bucket["provider"] == f"{provider['urn']}::id-1"
    assert bucket["parent"] == root["urn"]
    assert versioning["dependencies"] == [bucket["urn"]]


def test_two_resources_of_one_name_cannot_be_flat() -> None:
    state = exported()
    twin = {**state["deployment"]["resources"][3], "urn": urn("other:Component$aws:s3/bucket:Bucket", "store-data")}
    state["deployment"]["resources"].append(twin)
    with pytest.raises(BenchError, match="store-data without their components"):
        flatten(state, "flat", "local")


def test_a_report_shows_whether_its_goals_were_met() -> None:
    report = Report(
        name="x",
        title="Title",
        columns=("", "s"),
        rows=[["ours", "1.5"], ["the peer", "20.25"]],
        goals=[Goal(text="quicker", measured="13 times", met=True), Goal(text="smaller", measured="no", met=False)],
        notes=["a note"],
        detail={},
    )
    assert as_text(report).splitlines() == [
        "Title",
        "",
        "                s",
        "  ours        1.5",
        "  the peer  20.25",
        "",
        "  ✓ quicker: 13 times",
        "  ✗ smaller: no",
        "  a note",
    ]


def test_the_start_of_ml_is_judged_beside_its_bare_import() -> None:
    from bench.startup import report

    times = {
        "ml --help": [0.25, 0.2, 0.9],
        "ml status": [1.2, 1.1, 0.4],
        "python, nothing": [0.02],
        "python, import ml.cli": [0.18],
    }
    help_, status = report(times).goals
    assert (help_.met, status.met) == (True, False)
    assert help_.measured == "0.250 s (importing the command: 0.180 s)"


def test_a_rehearsals_bench_has_each_step_and_the_whole_beside_its_goal() -> None:
    def rehearsed(change: float, whole: float) -> dict[str, Any]:
        return {"seconds": whole, "steps": [{"name": "change", "title": "Change: pulumi up", "seconds": change}]}

    made = report([rehearsed(10.0, 200.0), rehearsed(14.0, 420.0)])
    assert list(made.rows) == [["Change: pulumi up", "12.0"], ["all of it", "310.0"]]
    assert [goal.met for goal in made.goals] == [False]
