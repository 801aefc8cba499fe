"""The pages on serving, rollouts, A/B tests and watching: what they tell the reader to type and to write works."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.guide import Block, blocks, commands, prose
from tests.ml.conftest import ROOT, TEAM, Platform

pytestmark = [pytest.mark.ml, pytest.mark.timeout(900)]

DOCS = ROOT / "docs"
HEAD = f"team: {TEAM}\nentry_point: train.py\nimage: training:0.1.0\n"
TRAIN = """
import argparse, os
import mlflow, pandas
from mlflow.models import infer_signature
from sklearn.dummy import DummyClassifier

parser = argparse.ArgumentParser()
parser.add_argument("--says", type=int)
rows = pandas.DataFrame({"x": [0.0, 1.0]})
model = DummyClassifier(strategy="constant", constant=parser.parse_args().says).fit(rows, [0, 1])
mlflow.sklearn.save_model(
    model, os.environ["SM_MODEL_DIR"], signature=infer_signature(rows, model.predict(rows)), pip_requirements=[]
)
"""
DEPLOY = "deploy: {endpoint: loan-decisions, capture: {percent: 100}}\n"
LOANS = "research-loan-decisions"


def run(platform: Platform, block: Block, folder: Path, **variables: str) -> str:
    """Type a block into a shell; what it prints. It must end well."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=folder,
        env={**os.environ, **platform.variables, "PATH": path, **variables},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"the block at line {block.line}:\n{block.text}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def flights(seed: int, count: int, *, warmer_by: float = 0.0) -> pd.DataFrame:
    chooser = np.random.default_rng(seed)
    temp = chooser.normal(10, 5, count) + warmer_by
    chance = 1 / (1 + np.exp(-(temp - 10) / 5))
    columns = {"origin": chooser.choice(["EWR", "JFK", "LGA"], count), "temp": temp, "chance_late": chance}
    return pd.DataFrame({**columns, "late": (chooser.random(count) < chance).astype(int)})


def capture(platform: Platform, endpoint: str, rows: pd.DataFrame, truth: Path) -> None:
    """Requests of 100 rows, as SageMaker captures them now, and their truth."""
    lines, known = list[str](), ["id,row,value"]
    for number, start in enumerate(range(0, len(rows), 100)):
        piece = rows.iloc[start : start + 100]
        asked = json.loads(piece[["origin", "temp"]].to_json(orient="split", index=False))
        sides = {"endpointInput": {"dataframe_split": asked}, "endpointOutput": piece["chance_late"].tolist()}
        lines.append(
            json.dumps(
                {
                    "captureData": {
                        side: {
                            "observedContentType": "application/json",
                            "mode": "",
                            "data": json.dumps(data),
                            "encoding": "JSON",
                        }
                        for side, data in sides.items()
                    },
                    "eventMetadata": {
                        "eventId": f"e{number:04d}",
                        "inferenceTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                    },
                    "eventVersion": "0",
                }
            )
        )
        known += [f"e{number:04d},{row},{value}" for row, value in enumerate(piece["late"], 1)]
    key = f"teams/{TEAM}/capture/{endpoint}/main/{datetime.now(UTC):%Y/%m/%d/%H}/00-00.jsonl"
    platform.client("s3").put_object(Bucket="groundwork-test-artifacts", Key=key, Body="\n".join(lines).encode())
    truth.write_text("\n".join(known) + "\n")


def test_the_page_on_watching_works_as_it_is_printed(platform: Platform, tmp_path: Path) -> None:
    page = DOCS / "watching.md"
    (spec,) = [block for block in blocks(page.read_text()) if block.language == "yaml"]
    (tmp_path / "job.yaml").write_text(f"name: flight-delays\n{HEAD}{spec.text.replace('s3://…/truth/', 'truth.csv')}")
    (tmp_path / "train.py").touch()
    flights(1, 39 * 2000).to_parquet(tmp_path / "spring.parquet")
    start, look = commands(page)
    assert "39 windows to calibrate on" in run(platform, start, tmp_path)
    capture(platform, "research-flight-delays", flights(2, 2000, warmer_by=4), tmp_path / "truth.csv")
    printed = run(platform, look, tmp_path)
    assert "1 window of research-flight-delays complete since the last run, 1 drifted." in printed
    assert "temp (origin=JFK)" in printed
    assert "accuracy held" in printed
    assert "<svg" in (tmp_path / "window.html").read_text()


def test_the_python_of_the_page_on_watching_runs(tmp_path: Path) -> None:
    (shown,) = [block for block in blocks((DOCS / "watching.md").read_text()) if block.language == "python"]
    carriers = np.array(["AA", "UA"] * 500)
    batches = [{"carrier": carriers, "delay": np.random.default_rng(seed).normal(0, 1, 1000)} for seed in range(3)]
    names: dict[str, Any] = {"batches": batches, "path": tmp_path / "profile.json"}
    names["rows"] = {"carrier": carriers, "delay": np.random.default_rng(9).normal(3, 1, 1000)}
    exec(shown.text, names)
    assert names["verdict"].columns == ("delay",)


@pytest.fixture(scope="module")
def loans(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """The folder of a spec, and two jobs of it, of which the first serves; the second's model says 1."""
    folder = tmp_path_factory.mktemp("loans")
    (folder / "train.py").write_text(TRAIN)
    spec = folder / "job.yaml"
    spec.write_text(f"name: loan-decisions\n{HEAD}{DEPLOY}")
    jobs = [
        platform.ml_json("train", spec, "--env", "local", "-y", "--set", f"says={says}", cwd=folder)["name"]
        for says in (0, 1)
    ]
    deploy(platform, folder, jobs[0])
    yield folder, jobs
    platform.ml("stop", "--endpoint", LOANS)


def deploy(platform: Platform, folder: Path, job: str) -> None:
    done = platform.ml("deploy", folder / "job.yaml", "--job", job, "--rollout", "all-at-once", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.full
def test_the_pages_on_rollouts_and_ab_tests_work_as_they_are_printed(
    platform: Platform, loans: tuple[Path, list[str]]
) -> None:
    folder, jobs = loans
    beside, back = commands(DOCS / "rollouts.md")
    run(platform, beside, folder)
    listed = run(platform, back, folder)
    assert listed.splitlines()[-2].startswith(f"{LOANS} is in service with {jobs[0]}")
    challenge, look, replace = commands(DOCS / "ab-tests.md")
    run(platform, challenge, folder)
    runtime = platform.client("sagemaker-runtime")
    for number in range(40):
        request = {"ContentType": "text/csv", "Body": b"x\n0.5\n", "InferenceId": f"order-{number}"}
        runtime.invoke_endpoint(EndpointName=LOANS, **request)
    (folder / "truth.csv").write_text("id,value\n" + "".join(f"order-{number},1\n" for number in range(40)))
    assert "challenger" in run(platform, look, folder)
    assert f"is in service with {jobs[1]}" in run(platform, replace, folder, CHALLENGERS_JOB=jobs[1])


def one_window_more(platform: Platform, folder: Path) -> Any:
    """What `ml watch run` says of the next 200 rows, all of them warmer than the reference's."""
    for _ in range(2):
        body = "x\n" + "".join(f"{value}\n" for value in np.random.default_rng(2).normal(5, 1, 100))
        platform.client("sagemaker-runtime").invoke_endpoint(
            EndpointName=LOANS, ContentType="text/csv", Body=body.encode()
        )
    told: dict[str, Any] = {"windows": []}
    until = time.monotonic() + 120
    while not told["windows"] and time.monotonic() < until:
        looked = platform.ml("watch", "run", LOANS, "--lag", "0", "-o", "json", cwd=folder)
        assert looked.returncode in (0, 10), looked.stderr
        told = json.loads(looked.stdout)
    return told


@pytest.mark.full
@pytest.mark.parametrize("reaction", ["fall-back", "rollback"])
def test_an_endpoint_that_drifts_gets_the_version_that_its_spec_names_or_the_one_before(
    platform: Platform, loans: tuple[Path, list[str]], reaction: str
) -> None:
    folder, jobs = loans
    deploy(platform, folder, jobs[1])
    pd.DataFrame({"x": np.random.default_rng(1).normal(0, 1, 29 * 200)}).to_csv(folder / "reference.csv", index=False)
    watch = {"reference": "reference.csv", "rows": 200, "error_rate": 0.1, "on_drift": reaction, "attributions": {}}

    def start(**more: str) -> subprocess.CompletedProcess[str]:
        spec = {"endpoint": "loan-decisions", "capture": {"percent": 100}, "watch": {**watch, **more}}
        (folder / "watched.yaml").write_text(f"name: loan-decisions\n{HEAD}deploy: {json.dumps(spec)}\n")
        return platform.ml("watch", "start", folder / "watched.yaml", cwd=folder)

    if reaction == "fall-back":
        unknown = start(fallback="nobodys-job")
        assert unknown.returncode == 6
        assert "Deploy it first: it must have served here." in unknown.stderr
    started = start(fallback=jobs[0]) if reaction == "fall-back" else start()
    assert started.returncode == 0, started.stderr
    assert f"asked of s3://groundwork-test-artifacts/teams/{TEAM}/" in started.stdout
    assert f"/{jobs[1]}/output/model.tar.gz" in started.stdout
    told = one_window_more(platform, folder)
    assert told["windows"][0]["attributions"]["reason"] == ""
    assert (told["drifted"], told["reaction"]) == (True, reaction)
    assert told["windows"][0]["features"][0]["column"] == "x"
    answer = platform.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=LOANS, ContentType="text/csv", Body=b"x\n5.0\n"
    )
    assert json.loads(answer["Body"].read())["predictions"] == [0]  # what the first job's model says
    after = one_window_more(platform, folder)["windows"][0]["attributions"]
    assert not after["judged"]
    assert "answers 0 of " in after["reason"]
    assert "another version served" in after["reason"]


@pytest.mark.full
def test_the_page_on_serving_works_as_it_is_printed(platform: Platform, loans: tuple[Path, list[str]]) -> None:
    folder, _ = loans
    s3 = platform.client("s3")
    for key, text in (("flights/2014/a.csv", "0.5\n0.6\n"), ("with-ids/a.csv", "7,0.5\n8,0.6\n")):
        s3.put_object(Bucket="groundwork-test-data", Key=f"teams/{TEAM}/{key}", Body=text.encode())
    _, transforms, queue = commands(DOCS / "serving.md")
    run(platform, transforms, folder)
    answers = s3.get_object(Bucket="groundwork-test-data", Key=f"teams/{TEAM}/answers/2014/a.csv.out")
    assert len(answers["Body"].read().split()) == 2

    (shown,) = [text for text in yamls(DOCS / "serving.md") if "async" in text]
    (folder / "queue.yaml").write_text(f"name: loan-decisions\n{HEAD}{shown}")
    deployed = platform.ml("deploy", folder / "queue.yaml", cwd=folder)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    (folder / "rows.jsonl").write_text('{"x": 0.5}\n{"x": 0.6}\n')
    assert "/async/research-summaries/answers/" in run(platform, queue, folder)
    assert platform.ml("stop", "--endpoint", "research-summaries").returncode == 0


def yamls(page: Path) -> list[str]:
    return [block.text for block in blocks(page.read_text()) if block.language == "yaml"]


INDENTED = re.compile(r"^    [^ ].*", re.MULTILINE)
PAGES = ["serving.md", "rollouts.md", "ab-tests.md", "watching.md"]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_is_of_a_kind_that_a_test_looks_at(page: str) -> None:
    text = (DOCS / page).read_text()
    assert {block.language for block in blocks(text)} <= {"bash", "yaml", "python"}
    assert INDENTED.findall(prose(text)) == [], "an indented block is looked at by no test: fence it"


@pytest.mark.parametrize("page", PAGES)
def test_every_spec_of_a_page_is_one_that_is_taken(page: str) -> None:
    import yaml

    from ml.spec.model import JobSpec

    for shown in yamls(DOCS / page):
        spec = JobSpec.model_validate({"name": "loan-decisions", **yaml.safe_load(HEAD), **yaml.safe_load(shown)})
        assert spec.deploy is not None
