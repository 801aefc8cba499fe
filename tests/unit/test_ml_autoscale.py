"""Endpoints whose machines come and go: what their spec may say, and how many machines a new version gets."""

from pathlib import Path

import pytest

from ml.errors import SpecError
from ml.spec.autoscale import Autoscale
from ml.spec.load import parse_spec
from ml.targets.sagemaker.autoscaling import move_machines
from ml.targets.sagemaker.variants import Running, Standing, Variant, lay_out
from tests.unit.memory_s3 import environment as environment_of
from tests.unit.memory_scaling import MemoryScaling
from tests.unit.ml_contract import contract
from tests.unit.test_rollouts import NAME, MemoryAlarms

pytestmark = pytest.mark.unit
SPEC = "name: trial\nteam: research\nentry_point: train.py\nimage: training:1\ndeploy: {{endpoint: tides, {0}}}\n"
BUSY = "max: 3, requests_per_minute: 60"


@pytest.mark.parametrize(
    ("deploy", "says"),
    [
        ("autoscale: {min: 3, max: 2, requests_per_minute: 9}", "min 3 is more than max 2"),
        ("autoscale: {max: 2}", "nothing would move the machines"),
        ("autoscale: {max: 2, schedule: [{at: daily, min: 1}]}", r"cron\(…\), rate\(…\) or at\(…\)"),
        ("autoscale: {max: 2, schedule: [{at: rate(1 day)}]}", "say min, max or both"),
        ("autoscale: {max: 2, schedule: [{at: rate(1 day), min: 3, max: 2}]}", "min 3 is more than max 2"),
        (f"autoscale: {{{BUSY}, backlog_per_machine: 2}}", "answer at once, backlog_per_machine of async"),
        (f"autoscale: {{{BUSY}, min: 0}}", "min 0 is of async endpoints"),
        (f"autoscale: {{{BUSY}, schedule: [{{at: rate(1 day), min: 0}}]}}", "min 0 is of async endpoints"),
        (f"autoscale: {{{BUSY}}}, async: {{}}", "say backlog_per_machine"),
        ("autoscale: {max: 2, backlog_per_machine: 2}", "say requests_per_minute"),
        (f"autoscale: {{{BUSY}}}, variant: shadow", "as many machines as main may have"),
        (f"autoscale: {{{BUSY}}}, scale: {{}}", "choose one"),
        (f"autoscale: {{{BUSY}}}, instance: {{count: 4}}", "instance.count 4 is not within 1 and 3"),
        ("autoscale: true", "autoscale"),
    ],
)
def test_a_spec_that_does_not_go_with_autoscale_is_refused(deploy: str, says: str, tmp_path: Path):
    (tmp_path / "train.py").write_text("")
    with pytest.raises(SpecError, match=says):
        parse_spec(SPEC.format(deploy), "job.yaml", tmp_path)


@pytest.mark.parametrize(("runs", "kept"), [(3, True), (5, True), (6, False)])
def test_a_new_version_keeps_the_machines_that_load_or_clock_have_brought(runs: int, kept: bool):
    def variant(model: str, count: int) -> Variant:
        return Variant(name="main", model=model, instance_type="ml.m5.large", count=count, weight=1.0)

    before = Standing(
        status="InService",
        config="one",
        configured={"main": variant("one", 1)},
        shadows={},
        running={"main": Running(count=runs, weight=1.0)},
    )
    limits = Autoscale.model_validate({"max": 3, "schedule": [{"at": "rate(1 day)", "max": 5}]})
    layout = lay_out(variant("two", 2), before, None, autoscale=limits)
    (after,) = layout.expected
    assert after.count == (runs if kept else 2)
    (fixed,) = lay_out(variant("two", 2), before, None).expected
    assert fixed.count == 2


def test_autoscale_false_leaves_the_alarm_that_wakes_an_endpoint_of_components():
    cloudwatch, scaling = MemoryAlarms(), MemoryScaling()
    environment = environment_of({"cloudwatch": cloudwatch, "application-autoscaling": scaling})
    cloudwatch.put_metric_alarm(AlarmName=f"{NAME}/wake")
    move_machines(environment, contract(), "research", NAME, "main", False)
    assert set(cloudwatch.alarms) == {f"{NAME}/wake"}
    scaling.targets = {f"endpoint/{NAME}/variant/main": {}}
    move_machines(environment, contract(), "research", NAME, "main", False)
    assert not cloudwatch.alarms
