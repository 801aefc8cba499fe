"""What windows are held against: a profile of the reference, and the rule that its own windows have calibrated."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ml.captures import PREDICTION
from ml.drift import CalibratedRule, DriftError, Profile, SegmentedProfile, calibrate, merged_profile
from ml.drift.segmented import LEAST_ROWS
from ml.drift.segments import Segments
from ml.errors import SpecError
from ml.spec.watch import Watch
from ml.watch.attributing import Attributing, Basis, basis_from
from ml.watch.model import UnattributedError
from ml.watch.quality import Measures, Usual
from ml.watch.sample import Sample, of_frame

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Reference:
    """watch: the spec's settings, as they were then. columns: the inputs among those of the table, in their order.
    source: the table. quality: the metric on the table, where one is watched. basis: what the attributions of windows
    are made with, where they are."""

    watch: Watch
    profile: Profile
    rule: CalibratedRule
    columns: Sequence[str]
    source: str
    made: datetime
    quality: Usual | None = None
    basis: Basis | None = None

    @property
    def segments(self) -> Segments | None:
        """What rows are told apart by; None where they are not."""
        return self.profile.segments if isinstance(self.profile, SegmentedProfile) else None

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "schema": SCHEMA,
            "made": self.made.isoformat(timespec="seconds"),
            "source": self.source,
            "watch": self.watch.model_dump(mode="json"),
            "columns": list(self.columns),
            "profile": self.profile.to_json(),
            "rule": self.rule.to_json(),
            "quality": self.quality.value if self.quality else None,
            "quality_segments": dict(self.quality.segments) if self.quality else {},
            "attributions": self.basis.document() if self.basis else None,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any], name: str) -> "Reference":
        """What `document` made. Raises SpecError for one of a newer release."""
        if document["schema"] > SCHEMA:
            raise SpecError(f"{name} was made by a newer release: update Groundwork here, or `ml watch start` again.")
        try:
            return cls(
                watch=Watch.model_validate(document["watch"]),
                profile=SegmentedProfile.from_json(document["profile"], name),
                rule=CalibratedRule.from_json(document["rule"]),
                columns=tuple(document["columns"]),
                source=document["source"],
                made=datetime.fromisoformat(document["made"]),
                quality=None
                if document["quality"] is None
                else Usual(value=document["quality"], segments=document.get("quality_segments", {})),
                basis=basis_from(document.get("attributions")),
            )
        except DriftError as error:
            raise SpecError(f"{name}: {error}") from error


def build(watch: Watch, frames: Iterable[Any], source: str, attributing: Attributing | None = None) -> Reference:
    """The reference out of a table's rows, in one pass. frames: pandas data frames, in the order of time.
    attributing: asks the model, where its attributions are watched.

    Raises SpecError where the table lacks a column that the settings name, or is too short for their error rate.
    """
    windows: list[Profile] = []
    columns: tuple[str, ...] = ()
    made = SegmentedProfile(watch.segments) if watch.segments else Profile()
    measures = Measures(watch.quality) if watch.quality else None
    sample: Sample | None = None
    for frame, fresh in _cut(watch, frames):
        columns = columns or tuple(name for name in frame.columns if name not in aside(watch))
        if fresh:
            _attribute(attributing, sample, windows)
            windows.append(made.like() if not windows else windows[0].like())
            sample = attributing.sample(len(windows)) if attributing else None
        if sample is not None:
            sample.add(len(frame), of_frame(frame))
        windows[-1].add(compared_table(watch, frame, columns))
        if measures is not None and watch.quality is not None:
            parts = _parts(windows[0], frame)
            measures.add(frame[watch.quality.target].tolist(), frame[watch.prediction].tolist(), parts)
    _attribute(attributing, sample, windows)
    if windows and len(windows) > 1 and windows[-1].rows < windows[0].rows:
        windows[-1].attributions.clear()
        windows[-2].merge(windows.pop())  # what is left at the end is no window of its own
    try:
        rule = calibrate(windows, rate=watch.error_rate)
        profile = merged_profile(windows)
    except DriftError as error:
        raise SpecError(f"{source}: {error}") from error
    return Reference(
        watch=watch,
        profile=profile,
        rule=rule,
        columns=columns,
        source=source,
        made=datetime.now(UTC).replace(microsecond=0),
        quality=measures.usual(watch.error_rate) if measures else None,
        basis=attributing.basis if attributing else None,
    )


def _attribute(attributing: Attributing | None, sample: Sample | None, windows: Sequence[Profile]) -> None:
    """Add the attributions to the newest window, if it has rows enough. Raises SpecError where the model fails."""
    if attributing is None or sample is None or len(sample.rows) < LEAST_ROWS:
        return
    try:
        windows[-1].attributions.update(attributing.of(sample, windows[-1]))
    except UnattributedError as error:
        raise SpecError(f"deploy.watch.attributions: {error}") from error


def _parts(first: Profile, frame: Any) -> dict[str, Any]:
    """Which rows are in which segment. first: the profile of the window that made the segments."""
    if not isinstance(first, SegmentedProfile):
        return {}
    return first.segments.parts(frame[first.segments.by])


def aside(watch: Watch) -> set[str]:
    """Columns of the table that are no input of the model."""
    target = watch.quality.target if watch.quality else None
    return {name for name in (*watch.ignore, watch.prediction, watch.time, target) if name is not None}


def compared_table(watch: Watch, frame: Any, columns: Sequence[str]) -> Any:
    """Of a piece of the reference what windows are compared with, the answers as `prediction`."""
    table = frame[[*columns]]
    if watch.prediction:
        table = table.assign(**{PREDICTION: frame[watch.prediction]})
    return table


def _cut(watch: Watch, frames: Iterable[Any]) -> Iterator[tuple[Any, bool]]:
    """Pieces of the table, and whether each begins a window."""
    wanted = {name for name in (watch.prediction, watch.time, watch.segments) if name is not None}
    if watch.quality:
        wanted.add(watch.quality.target)
    before: Any = None
    room = 0
    for frame in frames:
        if missing := sorted(wanted - set(frame.columns)):
            raise SpecError(f"The reference has no column {', '.join(missing)}; it has {', '.join(frame.columns)}.")
        if watch.rows is not None:
            start = 0
            while start < len(frame):
                fresh = room == 0
                room = watch.rows if fresh else room
                piece = frame.iloc[start : start + room]
                start, room = start + len(piece), room - len(piece)
                yield piece, fresh
            continue
        assert watch.window is not None
        for number, piece in frame.groupby(_numbers(frame, watch), sort=True):
            yield piece, number != before
            before = number


def _numbers(frame: Any, watch: Watch) -> Any:
    """Number of the window of time that each row is in."""
    from importlib import import_module

    pandas: Any = import_module("pandas")
    try:
        times = pandas.to_datetime(frame[watch.time], utc=True)
    except (ValueError, TypeError) as error:
        raise SpecError(f"The reference's column {watch.time} has no times: {error}") from error
    return (times - pandas.Timestamp(0, tz="UTC")) // pandas.Timedelta(seconds=watch.window)
