"""Endpoints that scale to zero: what their spec may say, and what a caller is told."""

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml.errors import AsleepError, ExitCode, MlError, NotFoundError, SpecError
from ml.spec.load import parse_spec
from ml.spec.scale import Scale
from ml.targets.sagemaker import asking
from ml.targets.sagemaker.asking import Asker
from ml.targets.sagemaker.variants import Variant

pytestmark = pytest.mark.unit
SPEC = "name: trial\nteam: research\nentry_point: train.py\nimage: training:1\ndeploy: {{endpoint: naps, {0}}}\n"
NO_CAPACITY = "Inference Component has no capacity to process this request. ApplicationAutoScaling may be in-progress"
NAME_REQUIRED = "Inference Component Name header is required for endpoints to which you plan to deploy inference …"


@pytest.mark.parametrize(
    ("deploy", "says"),
    [
        ("scale: {min: 3, max: 2}", "min 3 is more than max 2"),
        ("scale: {max: 0}", "scale.max"),
        ("scale: {}, variant: shadow", "a shadow needs machines of its own"),
        ("scale: {}, capture: {}", "SageMaker documents no capture"),
        ("scale: {}, instance: {count: 2}", "as many machines as copies need"),
        ("scale: {}, rollout: blue-green, rollback_on: {p99_ms: 5}", "rollout blue-green needs fixed machines"),
    ],
)
def test_a_spec_that_does_not_go_with_scale_is_refused(deploy: str, says: str, tmp_path: Path):
    (tmp_path / "train.py").write_text("")
    with pytest.raises(SpecError, match=says):
        parse_spec(SPEC.format(deploy), "job.yaml", tmp_path)


def test_a_variant_that_scales_has_limits_and_no_model():
    variant = Variant(name="main", model="", instance_type="ml.m5.large", count=1, weight=1.0, scale=(0, 2))
    request = variant.request()
    assert "ModelName" not in request
    assert request["ManagedInstanceScaling"] == {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 2}


class Runtime:
    """Answers calls in order: an error's message, or an answer."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def client(self, _: str) -> "Runtime":
        return self

    def invoke_endpoint(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": "ValidationError", "Message": answer}}, "InvokeEndpoint")
        return {"Body": self, "InvokedProductionVariant": "main"}

    def read(self) -> bytes:
        return b"1"


def test_a_call_names_the_component_once_it_is_asked_to(monkeypatch: pytest.MonkeyPatch):
    runtime = Runtime(NAME_REQUIRED, True, True)
    asker = Asker(runtime)
    assert asker.ask("research-naps", {}) == (b"1", "main")
    asker.ask("research-naps", {})
    assert [one.get("InferenceComponentName") for one in runtime.asked] == [None, "research-naps", "research-naps"]


def test_at_zero_a_call_says_that_it_wakes_the_endpoint_up_and_waits_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
):
    with pytest.raises(AsleepError, match=r"this call wakes it up.*--wait") as raised:
        Asker(Runtime(NO_CAPACITY)).ask("research-naps", {})
    assert raised.value.exit_code is ExitCode.ASLEEP
    monkeypatch.setattr(asking.Pause, "sleep", lambda _: None)
    assert Asker(Runtime(NO_CAPACITY, NO_CAPACITY, True), wait=True).ask("research-naps", {}) == (b"1", "main")


@pytest.mark.parametrize(("message", "kind"), [("Endpoint x not found.", NotFoundError), ("Something else.", MlError)])
def test_other_refusals_stay_what_they_were(message: str, kind: type[MlError]):
    with pytest.raises(kind):
        Asker(Runtime(message)).ask("x", {})


def test_when_copies_go_is_told_by_what_a_copy_is_to_have():
    assert Scale().idle == "15 minutes without a request"
    assert Scale(requests_per_minute=60).idle == "15 minutes with fewer than 54 requests each to a copy"
