"""Drift: what has changed between the rows that a model was made for and those that it gets.

NumPy alone, no AWS. In four steps:

    reference = Profile(kinds={"carrier": "category"})       # one pass, bounded memory, batch by batch, mergeable
    for batch in batches: reference.add(batch)                # a data frame, an Arrow table, or {name: array}
    reference.save(path); reference = Profile.load(path)      # JSON with a version

    window = profile_of(rows, like=reference)                 # or Profile(...).add(...) as rows come in
    comparison = compare(reference, window)                   # every measure of every column, no judgement yet
    verdict = PValueRule(rate=0.05).judge(comparison)         # rows that are independent draws
    verdict.drifted, verdict.columns, [finding.text for finding in verdict.findings]

    rule = calibrate([profile_of(rows, like=reference) for rows in windows_of_the_reference], rate=0.05)
    verdict = rule.judge(comparison)                          # rows of a stream, which depend on each other

`ThresholdRule` judges by fixed limits. A rule states its `false_alarm_rate` a window, or that it has none. What each
measure is, its source and its bound stand in `ml.drift.metrics`; what a sketch costs in `ml.drift.quantiles` and
`ml.drift.frequencies`. Everything raises DriftError, with what to do, for what the caller can mend.
"""

from ml.drift.calibration import CalibratedRule, calibrate, windows_needed
from ml.drift.comparison import TESTS, Attributed, ColumnComparison, Comparison, compare
from ml.drift.errors import DriftError
from ml.drift.metrics import Measured
from ml.drift.profile import Profile, merged_profile, profile_of
from ml.drift.rules import Finding, PValueRule, Rule, ThresholdRule, Verdict
from ml.drift.segmented import SegmentedProfile

__all__ = [
    "TESTS",
    "Attributed",
    "CalibratedRule",
    "ColumnComparison",
    "Comparison",
    "DriftError",
    "Finding",
    "Measured",
    "PValueRule",
    "Profile",
    "Rule",
    "SegmentedProfile",
    "ThresholdRule",
    "Verdict",
    "calibrate",
    "compare",
    "merged_profile",
    "profile_of",
    "windows_needed",
]
