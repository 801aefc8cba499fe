"""Sequential A/B tests of two variants: estimates, intervals and decisions that hold however often one looks.

A test at level `alpha` that is repeated as the data come in is wrong far more often than `alpha`. What is here is
anytime-valid: the probability that an interval ever misses the difference, at whichever time and after however many
looks, is at most `alpha`. The tests themselves know nothing of AWS or files:

- `binary`: two shares; exact, for any number of observations.
- `numeric`: two means; asymptotic, from a stated number of observations on. `periods`: of sums by period.
- `split`: whether the traffic was split as it should have been.
- `decision`: what follows from them.

And where an endpoint's observations come from: `outcomes` says what may be compared, `captured` reads it from captures
and truth, `cloudwatch` from metrics, into a `tally`.
"""

from ml.abtest.binary import Shares, share_difference
from ml.abtest.decision import Decision, Finding, Metric, Verdict, judge, verdict
from ml.abtest.interval import Interval
from ml.abtest.numeric import Moments, mean_difference
from ml.abtest.split import Split, check_split

__all__ = [
    "Decision",
    "Finding",
    "Interval",
    "Metric",
    "Moments",
    "Shares",
    "Split",
    "Verdict",
    "check_split",
    "judge",
    "mean_difference",
    "share_difference",
    "verdict",
]
