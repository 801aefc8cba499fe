"""The inference server's metrics in Prometheus's form."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ml.serving.metrics import Metrics

pytestmark = pytest.mark.unit


def test_durations_and_counts_are_what_a_prometheus_reads() -> None:
    metrics = Metrics()
    for seconds in (0.0005, 0.0006, 0.02, 99.0):
        metrics.count(200)
        metrics.predicted(2, seconds / 2, seconds)
    metrics.count(400)
    families = {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}
    answers = {sample.labels["status"]: sample.value for sample in families["serving_invocations"].samples}
    assert answers == {"200": 4.0, "400": 1.0}
    assert families["serving_predicted_rows"].samples[0].value == 8.0
    seconds = families["serving_invocation_seconds"]
    assert seconds.type == "histogram"
    buckets = {sample.labels["le"]: sample.value for sample in seconds.samples if sample.name.endswith("_bucket")}
    assert (buckets["0.0005"], buckets["0.001"], buckets["0.025"], buckets["30.0"], buckets["+Inf"]) == (1, 2, 3, 3, 4)
    rest = {sample.name: sample.value for sample in seconds.samples if not sample.labels}
    assert rest["serving_invocation_seconds_count"] == 4.0
    assert rest["serving_invocation_seconds_sum"] == pytest.approx(99.0211)
