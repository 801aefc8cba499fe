"""`ml watch` on the flights of 2013: calm on days that were held out; it names what changed when summer came, and
when the truth arrives, later, that the answers have become worse."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.ml.conftest import ENVIRONMENT, ROOT, TEAM, Platform

pytestmark = pytest.mark.ml

ENDPOINT = f"{TEAM}-late-flights"
WINDOW = 1_500
SPRING = range(31, 151)
"""Days of the year from February to May."""
JOB = """
name: late-flights
team: research
entry_point: train.py
image: training:0.1.0
deploy:
  endpoint: late-flights
  capture: {percent: 100}
  watch:
    reference: spring.parquet
    prediction: chance
    rows: 1500
    error_rate: 0.05
    quality: {metric: accuracy, target: late, positive: 1, max_loss: 0.05, truth: truth.csv}
"""


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """All flights that arrived, by day, as the flight-delays example sees them, and what a model of them says: it was
    trained on every fourth of the flights from February to May, which are left out. And that model.tar.gz."""
    import runpy
    import tarfile

    import mlflow
    import pandas
    from mlflow.models import infer_signature
    from sklearn.ensemble import HistGradientBoostingClassifier

    features = runpy.run_path(str(Path(__file__).parents[2] / "ml" / "examples" / "flight_delays" / "features.py"))
    loaded = features["load"]().sort_values("day", kind="stable")
    days = (loaded["day"] - pandas.Timestamp("2013-01-01")).dt.days
    numbers, late = loaded[features["NUMBERS"]], loaded["late"]
    trained = (days >= SPRING.start) & (days < SPRING.stop) & (loaded.index % 4 == 0)
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0).fit(numbers[trained], late[trained])
    chance = model.predict_proba(numbers)[:, 1]
    folder = tmp_path_factory.mktemp("model")
    mlflow.sklearn.save_model(
        model,
        str(folder / "model"),
        signature=infer_signature(numbers[:100], chance[:100]),
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[],
        skops_trusted_types=["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"],
    )
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        archive.add(folder / "model", arcname=".")
    return loaded[features["FEATURES"]].assign(day=days, late=late, chance=chance)[~trained], folder / "model.tar.gz"


@pytest.fixture(scope="module")
def flights(answered: tuple[Any, Path]) -> Any:
    return answered[0]


def lines(rows: Any, answers: Any, first: int) -> Iterator[str]:
    """Requests of 100 rows as SageMaker captures them."""
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    for start in range(0, len(rows), 100):
        piece = rows.iloc[start : start + 100]
        # With every digit: a tree's threshold may be a value that occurs.
        asked = piece.astype(object).where(piece.notna(), None).to_dict(orient="split", index=False)
        sides = {"endpointInput": json.dumps({"dataframe_split": asked})}
        sides["endpointOutput"] = json.dumps(answers.iloc[start : start + 100].tolist())
        yield json.dumps(
            {
                "captureData": {
                    side: {"observedContentType": "application/json", "mode": "", "data": data, "encoding": "JSON"}
                    for side, data in sides.items()
                },
                "eventMetadata": {"eventId": f"{first + start:08d}", "inferenceTime": moment},
                "eventVersion": "0",
            }
        )


def capture(platform: Platform, rows: Any, first: int, endpoint: str = ENDPOINT) -> Any:
    """Whole windows of these rows, as if the endpoint had just been asked about them; the rows."""
    whole = rows.iloc[: len(rows) // WINDOW * WINDOW]
    body = "\n".join(lines(whole.drop(columns=["day", "late", "chance"]), whole["chance"], first))
    key = f"teams/{TEAM}/capture/{endpoint}/main/{datetime.now(UTC):%Y/%m/%d/%H}/{first:08d}.jsonl"
    platform.client("s3").put_object(Bucket="groundwork-test-artifacts", Key=key, Body=body.encode())
    return whole


def arrive(file: Path, rows: Any, first: int) -> None:
    """The truth about captured rows."""
    with file.open("a") as truth:
        for place, late in enumerate(rows["late"]):
            truth.write(f"{first + place // 100 * 100:08d},{place % 100 + 1},{late}\n")


def test_drift_is_named_when_summer_comes_before_its_truth_shows_that_the_answers_are_worse(
    platform: Platform, flights: Any, tmp_path: Path
):
    spring = flights[(flights["day"] >= SPRING.start) & (flights["day"] < SPRING.stop)]
    held_out = spring["day"] % 8 >= 6
    spring[~held_out].drop(columns="day").to_parquet(tmp_path / "spring.parquet")
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "train.py").touch()
    started = platform.ml_json("watch", "start", tmp_path / "job.yaml", cwd=tmp_path)
    assert started["windows"] >= 39
    assert started["falseAlarmRate"] == 0.05

    def run(*more: Any) -> tuple[int, Any]:
        done = platform.ml("watch", "run", ENDPOINT, "--lag", "0", "-o", "json", *more, cwd=tmp_path)
        assert done.returncode in (0, 10), done.stderr + done.stdout
        return done.returncode, json.loads(done.stdout)

    sns, sqs = platform.client("sns"), platform.client("sqs")
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = sns.create_topic(Name=f"groundwork-{ENVIRONMENT}-alerts")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    calm = capture(platform, spring[held_out], first=0)
    _, told = run()
    windows = told["windows"]
    assert len(windows) == len(calm) // WINDOW
    assert sum(window["drifted"] for window in windows) <= 2  # of 9 windows at 5%: more is one chance in 120

    # 24 June to 3 July: the heat, the holidays, and the longest delays of the year.
    summer = capture(platform, flights[(flights["day"] >= 174) & (flights["day"] < 184)], first=1_000_000)
    page = tmp_path / "watch.prom"
    code, told = run("--prometheus", page)
    drifted = [window for window in told["windows"] if window["drifted"]]
    assert code == 10
    assert drifted
    assert told["quality"] == []  # nobody can know yet
    assert {"temp", "humid", "prediction"} & {one["column"] for window in drifted for one in window["features"]}
    assert f'watch_rows{{endpoint="{ENDPOINT}"}} 1500' in page.read_text()
    alerts = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    alert = next(
        each for each in (json.loads(each["Body"]) for each in alerts) if drifted[0]["page"] in each["Message"]
    )
    assert alert["Subject"].startswith(f"{ENDPOINT}: drift in ")
    assert alert["MessageAttributes"]["team"]["Value"] == TEAM
    assert all(one["column"] in alert["Message"] for one in drifted[0]["features"])
    own = tmp_path / "window.html"
    assert platform.ml("watch", "report", ENDPOINT, drifted[0]["name"], "--page", own, cwd=tmp_path).returncode == 0
    assert "<svg" in own.read_text()
    evidently = platform.ml("watch", "report", ENDPOINT, drifted[0]["name"], "--evidently", tmp_path / "evidently.html")
    assert "uv pip install 'evidently==" in evidently.stderr
    bucket, _, key = drifted[0]["page"].removeprefix("s3://").partition("/")
    shown = platform.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert "<svg" in shown

    # The truth about spring comes first: the answers are as good as they were.
    truth = tmp_path / "truth.csv"
    truth.write_text("id,row,value\n")
    arrive(truth, calm, first=0)
    code, told = run()
    assert (code, told["windows"]) == (0, [])
    assert [one["lost"] for one in told["quality"] if one["judged"]] == [False] * len(windows)
    arrive(truth, summer, first=1_000_000)
    code, told = run()
    assert code == 10
    assert told["lost"]

    listed = platform.ml("watch", "windows", ENDPOINT)
    assert listed.stdout.count("drifted") == len(drifted) + sum(window["drifted"] for window in windows)
    metrics = platform.client("cloudwatch").list_metrics(Namespace=f"groundwork/{TEAM}", MetricName="DriftedColumns")
    assert [{"Name": "EndpointName", "Value": ENDPOINT}] in [one["Dimensions"] for one in metrics["Metrics"]]


def test_what_the_answers_depend_on_is_asked_of_the_model_and_named_where_it_moves(
    platform: Platform, answered: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # its predictions are short
    flights, model = answered
    endpoint = f"{TEAM}-depends"
    spring = flights[(flights["day"] >= SPRING.start) & (flights["day"] < SPRING.stop)]
    held_out = spring["day"] % 8 >= 6
    spring[~held_out].drop(columns="day").to_parquet(tmp_path / "spring.parquet")
    (tmp_path / "train.py").touch()
    (tmp_path / "model.tar.gz").write_bytes(model.read_bytes())
    job = JOB[: JOB.index("    quality:")].replace("endpoint: late-flights", "endpoint: depends")
    job = job.replace("error_rate: 0.05", "error_rate: 0.075")
    job += "    ignore: [late]\n    attributions: {model: model.tar.gz}\n"
    (tmp_path / "job.yaml").write_text(job)
    started = platform.ml_json("watch", "start", tmp_path / "job.yaml", cwd=tmp_path)
    assert started["model"].endswith(f"/watch/{endpoint}/model.tar.gz")

    capture(platform, spring[held_out].iloc[: 6 * WINDOW], first=0, endpoint=endpoint)
    # Thanksgiving's weekend lay under a high: for the model of spring that decides nearly everything.
    thanksgiving = flights[(flights["day"] >= 332) & (flights["day"] < 335)]
    capture(platform, thanksgiving.iloc[:WINDOW], first=1_000_000, endpoint=endpoint)
    done = platform.ml("watch", "run", endpoint, "--lag", "0", "-o", "json", cwd=tmp_path)
    assert done.returncode == 10, done.stderr + done.stdout
    *calm, high = json.loads(done.stdout)["windows"]
    assert [window["attributions"]["reason"] for window in (*calm, high)] == [""] * 7
    assert sum(window["drifted"] for window in calm) <= 2  # of 6 at 7.5%: more is one chance in 130
    moved = {one["column"]: one for one in high["features"] if one["test"] == "attribution"}
    assert moved.keys() == {"pressure"}
    assert "now 1)" in moved["pressure"]["text"]
    before, now = high["attributions"]["columns"]["pressure"]["shares"]
    assert now > 2 * before
    bucket, _, key = high["page"].removeprefix("s3://").partition("/")
    page = platform.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert "Attributions of all rows" in page
    metrics = platform.client("cloudwatch").list_metrics(Namespace=f"groundwork/{TEAM}", MetricName="AttributionDrift")
    assert any({"Name": "Column", "Value": "pressure"} in one["Dimensions"] for one in metrics["Metrics"])


def test_an_endpoint_that_nobody_watches_is_told_how_to_begin(platform: Platform):
    run = platform.ml("watch", "run", f"{TEAM}-unwatched")
    assert run.returncode == 6
    assert "ml watch start JOB.YAML" in run.stderr


@pytest.mark.full
def test_evidentlys_own_page_of_a_window_is_written_where_evidently_is_installed(
    platform: Platform, flights: Any, tmp_path: Path
):
    packages = ROOT / ".venv-bench-drift" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    assert (packages / "evidently").is_dir(), (
        "Evidently is not here: `make test-all` and `make bench ARGS=drift` bring it"
    )
    spring = flights[(flights["day"] >= SPRING.start) & (flights["day"] < SPRING.stop)]
    spring.drop(columns="day").to_parquet(tmp_path / "spring.parquet")
    endpoint = f"{TEAM}-shown-flights"
    (tmp_path / "job.yaml").write_text(JOB.replace("late-flights", "shown-flights"))
    (tmp_path / "train.py").touch()
    platform.ml_json("watch", "start", tmp_path / "job.yaml", cwd=tmp_path)
    capture(platform, flights[flights["day"] >= 174].iloc[:WINDOW], first=0, endpoint=endpoint)
    done = platform.ml("watch", "run", endpoint, "--lag", "0", "-o", "json", cwd=tmp_path)
    (window,) = json.loads(done.stdout)["windows"]

    page = tmp_path / "evidently.html"
    # Its packages before the project's own, as in an environment that has both.
    beside = replace(platform, variables={**platform.variables, "PYTHONPATH": str(packages)})
    written = beside.ml("watch", "report", endpoint, window["name"], "--evidently", page, cwd=tmp_path, timeout=300)
    assert written.returncode == 0, written.stderr
    assert f"Evidently's page of {window['name']}" in written.stdout
    text = page.read_text()
    assert "Dataset Drift" in text
    assert all(column in text for column in ("temp", "carrier"))
