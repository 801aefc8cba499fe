"""`ml watch` on the flights of 2013: calm on days that were held out, and naming what changed when summer came."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.ml.conftest import TEAM, Platform

pytestmark = pytest.mark.ml

ENDPOINT = f"{TEAM}-late-flights"
WINDOW = 2_000
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
    rows: 2000
    error_rate: 0.05
"""


@pytest.fixture(scope="module")
def flights() -> Any:
    """All flights that arrived, by day, as the flight-delays example sees them."""
    import runpy

    import pandas

    features = runpy.run_path(str(Path(__file__).parents[2] / "ml" / "examples" / "flight_delays" / "features.py"))
    loaded = features["load"]().sort_values("day", kind="stable")
    days = (loaded["day"] - pandas.Timestamp("2013-01-01")).dt.days
    return loaded[features["FEATURES"]].assign(day=days)


def lines(rows: Any, first: int) -> Iterator[str]:
    """Requests of 100 rows as SageMaker captures them."""
    moment = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    for start in range(0, len(rows), 100):
        piece = rows.iloc[start : start + 100]
        asked = piece.to_json(orient="split", index=False)
        sides = {"endpointInput": json.dumps({"dataframe_split": json.loads(asked)})}
        sides["endpointOutput"] = json.dumps([0.1] * len(piece))
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


def capture(platform: Platform, rows: Any, first: int) -> None:
    """Whole windows of these rows, as if the endpoint had just been asked about them."""
    whole = rows.iloc[: len(rows) // WINDOW * WINDOW].drop(columns="day")
    key = f"teams/{TEAM}/capture/{ENDPOINT}/main/{datetime.now(UTC):%Y/%m/%d/%H}/{first:08d}.jsonl"
    platform.client("s3").put_object(
        Bucket="groundwork-test-artifacts", Key=key, Body="\n".join(lines(whole, first)).encode()
    )


def test_drift_is_named_when_summer_comes_and_not_on_spring_days_that_were_held_out(
    platform: Platform, flights: Any, tmp_path: Path
):
    spring = flights[(flights["day"] >= 31) & (flights["day"] < 151)]  # February to May
    held_out = spring["day"] % 8 >= 6
    spring[~held_out].drop(columns="day").to_parquet(tmp_path / "spring.parquet")
    (tmp_path / "job.yaml").write_text(JOB)
    (tmp_path / "train.py").touch()
    started = platform.ml_json("watch", "start", tmp_path / "job.yaml")
    assert started["windows"] >= 39
    assert started["falseAlarmRate"] == 0.05

    capture(platform, spring[held_out], first=0)
    calm = platform.ml("watch", "run", ENDPOINT, "--lag", "0", "-o", "json")
    windows = json.loads(calm.stdout)["windows"]
    assert len(windows) == held_out.sum() // WINDOW
    assert sum(window["drifted"] for window in windows) <= 2  # 13 windows at 5%: more than 2 is one chance in 40

    # 24 June to 3 July: the heat, the holidays and the delays of the year's worst days.
    capture(platform, flights[(flights["day"] >= 174) & (flights["day"] < 184)], first=1_000_000)
    page = tmp_path / "watch.prom"
    summer = platform.ml("watch", "run", ENDPOINT, "--lag", "0", "-o", "json", "--prometheus", page)
    assert summer.returncode == 10, summer.stderr + summer.stdout
    drifted = [window for window in json.loads(summer.stdout)["windows"] if window["drifted"]]
    named = {one["column"] for window in drifted for one in window["features"]}
    assert {"temp", "humid"} & named
    assert f'watch_rows{{endpoint="{ENDPOINT}"}} 2000' in page.read_text()
    again = platform.ml_json("watch", "run", ENDPOINT, "--lag", "0")
    assert again["windows"] == []

    listed = platform.ml("watch", "windows", ENDPOINT)
    assert listed.stdout.count("drifted") == len(drifted) + sum(window["drifted"] for window in windows)
    metrics = platform.client("cloudwatch").list_metrics(Namespace=f"groundwork/{TEAM}", MetricName="DriftedColumns")
    assert metrics["Metrics"][0]["Dimensions"] == [{"Name": "EndpointName", "Value": ENDPOINT}]


def test_an_endpoint_that_nobody_watches_is_told_how_to_begin(platform: Platform):
    run = platform.ml("watch", "run", f"{TEAM}-unwatched")
    assert run.returncode == 6
    assert "ml watch start JOB.YAML" in run.stderr
