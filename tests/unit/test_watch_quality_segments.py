"""How good a model is for each segment: one that has become worse for some is found though it holds on the whole."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from ml.watch.quality import told
from ml.watch.reference import Reference
from ml.watch.told import quality_samples
from tests.unit.memory_s3 import MemoryS3
from tests.unit.test_watch import capture, doors, reference, watcher

pytestmark = pytest.mark.unit


def test_answers_that_have_become_worse_in_one_segment_alone_are_lost(tmp_path: Path):
    truth = tmp_path / "truth.csv"
    quality = {"metric": "mae", "target": "seconds", "max_loss": 1.5, "truth": str(truth)}
    made = reference(quality=quality, segments="door", rows=150, min_rows=100)
    assert made.quality is not None
    assert set(made.quality.segments) == {"door=north", "door=south"}
    known = Reference.from_document(json.loads(json.dumps(made.document())), "reference.json")
    assert known.quality == made.quality

    s3, start, rows = MemoryS3(), known.made + timedelta(seconds=1), doors(2, 300)
    capture(s3, rows, start)
    looking, until = watcher(s3, known), start + timedelta(minutes=9)
    assert len(list(looking.windows(until))) == 2
    late = [
        row["answer"] + (2.0 if number >= 150 and row["door"] == "north" else 0.1) for number, row in enumerate(rows)
    ]
    truth.write_text("id,value\n" + "".join(f"{number:08d},{value}\n" for number, value in enumerate(late)))
    good, bad = looking.quality(until)
    assert (good["lost"], [one["lost"] for one in good["segments"].values()]) == (False, [False, False])
    assert bad["value"] - bad["reference"] < quality["max_loss"]  # on the whole it holds
    assert bad["lost"]
    assert {name: one["lost"] for name, one in bad["segments"].items()} == {"door=north": True, "door=south": False}
    assert "door=north lost: 2 (2 to 2) beside 0.1" in told(bad)
    assert [one.labels for one in quality_samples(bad) if one.name == "watch_segment_quality"] == [
        {"segment": "door=north"}
    ]


def test_a_segment_with_few_truths_is_not_judged(tmp_path: Path):
    truth = tmp_path / "truth.csv"
    quality = {"metric": "mae", "target": "seconds", "max_loss": 0.2, "truth": str(truth)}
    known = reference(quality=quality, segments="door")
    s3, start, rows = MemoryS3(), known.made + timedelta(seconds=1), doors(2, 100)
    capture(s3, rows, start)
    looking, until = watcher(s3, known), start + timedelta(minutes=5)
    assert len(list(looking.windows(until))) == 1
    few = [number for number, row in enumerate(rows) if row["door"] == "north"][:20]
    truth.write_text("id,value\n" + "".join(f"{number:08d},99\n" for number in few))
    (found,) = looking.quality(until)
    assert found["segments"] == {}
    assert not found["lost"]
