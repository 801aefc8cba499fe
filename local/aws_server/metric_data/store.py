"""The metric data of one server: in memory by metric, on disk by request, and both bounded.

What was put is kept for fifteen days, as long as CloudWatch keeps a minute's data
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention), and of more
than MOST_DATA a region the oldest go first. Nothing is aggregated when it gets older.
"""

import threading
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from local.aws_server.metric_data.statistics import Datum, SeriesKey, statistic
from local.aws_server.operations import Records, Server

KIND = "cloudwatch:metric-data"
"""Kind of a record: what one request put, as a list of (metric, datum). The key is `region/row`."""
RETENTION_S = 15 * 86400
MOST_DATA = 100_000
"""Data kept a region: about 60 MB of memory."""
_moment = attrgetter("moment")


@dataclass
class _Region:
    series: dict[SeriesKey, list[Datum]] = field(default_factory=dict[SeriesKey, "list[Datum]"])
    rows: deque[tuple[int, int, int]] = field(default_factory=deque[tuple[int, int, int]])
    """Row, newest moment in it, number of data in it: in the order in which they came."""
    total: int = 0
    next_row: int = 0


class MetricStore:
    """What was put."""

    def __init__(self, records: Records, *, most: int = MOST_DATA) -> None:
        self._records = records
        self._most = most
        self._lock = threading.RLock()
        self._regions: dict[str, _Region] = {}
        for key, put in records.items(KIND):
            name, _, row = key.rpartition("/")
            self._index(self._region(name), int(row), put)

    def put(self, region: str, data: Iterable[tuple[SeriesKey, Datum]], now: float) -> None:
        """Keeps what one request put; it survives this process once this returns."""
        with self._lock:
            where = self._region(region)
            row = where.next_row
            put = [(key, replace(datum, row=row)) for key, datum in data]
            if not put:
                return
            self._records.put(KIND, f"{region}/{row:012d}", put)
            self._index(where, row, put)
            self._forget(region, where, now)

    def keys(self, region: str, namespace: str = "", name: str = "") -> list[SeriesKey]:
        """The metrics that have data."""
        with self._lock:
            found = list(self._region(region).series)
        return [key for key in found if (not namespace or key[0] == namespace) and (not name or key[1] == name)]

    def newest(self, region: str, key: SeriesKey) -> int:
        """Moment of a metric's last datum, 0 without one."""
        with self._lock:
            data = self._region(region).series.get(key)
            return data[-1].moment if data else 0

    def data(self, region: str, keys: Iterable[SeriesKey], start: float, end: float, unit: str = "") -> list[Datum]:
        """Data of some metrics from start (included) to end, by time within each metric."""
        found: list[Datum] = []
        with self._lock:
            series = self._region(region).series
            for key in keys:
                data = series.get(key, [])
                first, last = bisect_left(data, start, key=_moment), bisect_left(data, end, key=_moment)
                found.extend(datum for datum in data[first:last] if not unit or datum.unit == unit)
        return found

    def points(
        self, region: str, keys: Sequence[SeriesKey], name: str, starts: Sequence[int], period: int, unit: str = ""
    ) -> dict[int, float]:
        """A statistic of each period that has it. Several metrics count as one.

        starts: the periods' first seconds, ascending, a period apart. Raises UnknownStatisticError.
        """
        if not starts:
            return {}
        by_period: dict[int, list[Datum]] = {}
        for datum in self.data(region, keys, starts[0], starts[-1] + period, unit):
            by_period.setdefault(starts[bisect_right(starts, datum.moment) - 1], []).append(datum)
        values = {start: statistic(name, by_period[start]) for start in sorted(by_period)}
        return {start: value for start, value in values.items() if value is not None}

    def _region(self, name: str) -> _Region:
        with self._lock:
            return self._regions.setdefault(name, _Region())

    def _index(self, where: _Region, row: int, put: Sequence[tuple[SeriesKey, Datum]]) -> None:
        for key, datum in put:
            insort(where.series.setdefault(key, []), datum, key=_moment)
        where.rows.append((row, max(datum.moment for _, datum in put), len(put)))
        where.total += len(put)
        where.next_row = row + 1

    def _forget(self, region: str, where: _Region, now: float) -> None:
        """What is too old, and the oldest of what is too much: a tenth at a time, as each time looks at all data."""
        oldest = now - RETENTION_S
        too_many = where.total > self._most
        if not too_many and where.rows[0][1] > oldest - 3600:
            return
        left = int(self._most * 0.9) if too_many else self._most
        last_row = -1
        while len(where.rows) > 1 and (where.total > left or where.rows[0][1] <= oldest):
            last_row, _, number = where.rows.popleft()
            where.total -= number
            self._records.delete(KIND, f"{region}/{last_row:012d}")
        kept = {key: [datum for datum in data if datum.row > last_row] for key, data in where.series.items()}
        where.series = {key: data for key, data in kept.items() if data}


_stores: dict[int, MetricStore] = {}
_stores_lock = threading.Lock()


def store_of(server: Server) -> MetricStore:
    """The metric data of a server."""
    with _stores_lock:
        if id(server) not in _stores:
            _stores[id(server)] = MetricStore(server.records)
        return _stores[id(server)]


def forget_store(server: Server) -> None:
    """For a server that has stopped."""
    _stores.pop(id(server), None)


def grid(start: float, end: float, period: int) -> list[int]:
    """First seconds of the periods between two moments, at multiples of the period."""
    first = int(start // period) * period
    return list(range(first, max(first, int(-(-end // 1))), period))


def series_key(namespace: str, name: str, dimensions: Iterable[Mapping[str, str]] | None) -> SeriesKey:
    """A metric's key, from the dimensions as the API has them."""
    pairs = ((each["Name"], each["Value"]) for each in dimensions or ())
    return namespace, name, tuple(sorted(pairs))
