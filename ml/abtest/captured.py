"""Observations of an A/B test from an endpoint's captures, joined with truth."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ml.abtest.outcomes import NoObservationError, Reading
from ml.abtest.tally import Tally
from ml.captures import CapturedRequest, Truth
from ml.spec.rollout import CHALLENGER


@dataclass(kw_only=True)
class Gathered:
    """What was read. requests: captured ones by variant. left_out: those without an observation, by the reason."""

    requests: Counter[str] = field(default_factory=Counter[str])
    left_out: Counter[str] = field(default_factory=Counter[str])
    newest: datetime | None = None

    def document(self) -> Mapping[str, object]:
        """As `-o json` prints it."""
        newest = self.newest.isoformat() if self.newest else None
        return {"requests": dict(self.requests), "left_out": dict(self.left_out), "newest": newest}


def gather(requests: Iterable[CapturedRequest], reading: Reading, truth: Truth | None, tally: Tally) -> Gathered:
    """Add the observations of captured requests to a tally, until it is full."""
    gathered = Gathered()
    for request in requests:
        gathered.requests[request.variant] += 1
        gathered.newest = max(gathered.newest, request.time) if gathered.newest else request.time
        try:
            value, rows = reading.observation(request, truth)
        except NoObservationError as error:
            gathered.left_out[error.reason] += 1
            continue
        tally.add(challenger=request.variant == CHALLENGER, value=value, rows=rows)
        if tally.full:
            break
    return gathered
