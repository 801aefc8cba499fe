"""`ml transform`: what is asked of SageMaker, and what is refused before it is asked."""

from typing import Any

import pytest

from ml.errors import SpecError
from ml.serving.cli import parser
from ml.targets.sagemaker.transforms import Batch, job_name

pytestmark = pytest.mark.unit


def batch(**fields: Any) -> Batch:
    return Batch(source="s3://b/rows", output="s3://b/out", content_type="text/csv", accept="text/csv", **fields)


def test_lines_go_to_the_model_as_many_at_once_as_fit_and_come_back_as_lines() -> None:
    assert batch().members() == {
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/rows"}},
            "ContentType": "text/csv",
            "CompressionType": "None",
            "SplitType": "Line",
        },
        "TransformOutput": {"S3OutputPath": "s3://b/out", "Accept": "text/csv", "AssembleWith": "Line"},
        "BatchStrategy": "MultiRecord",
    }


def test_whole_objects_have_no_strategy_and_filters_join_what_they_leave() -> None:
    request = batch(split=False, zipped=True, join=True, input_filter="$[1:]", payload_mb=20, concurrent=5).members()
    assert "BatchStrategy" not in request
    assert request["TransformInput"]["SplitType"] == request["TransformOutput"]["AssembleWith"] == "None"
    assert request["DataProcessing"] == {"InputFilter": "$[1:]", "JoinSource": "Input"}
    assert (request["MaxPayloadInMB"], request["MaxConcurrentTransforms"]) == (20, 5)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"single": True, "split": False}, "leave out --no-split"),
        ({"payload_mb": 30, "concurrent": 4}, "are 120 MB at once; SageMaker takes 100"),
    ],
)
def test_what_sagemaker_would_refuse_is_refused_with_the_arithmetic(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        batch(**fields).check()


def test_a_join_needs_rows_that_can_be_joined() -> None:
    wanted = Batch(source="s3://b/x", output="s3://b/y", content_type="image/png", accept="text/csv", join=True)
    with pytest.raises(SpecError, match="not image/png"):
        wanted.check()


def test_a_transform_is_named_after_the_run_whose_model_answers() -> None:
    name = job_name("research-iris-20261121-093000-4f1c")
    assert name.startswith("research-iris-2")
    assert name != "research-iris-20261121-093000-4f1c"
    assert len(job_name("a" * 63)) <= 63


def test_the_inference_server_takes_what_a_transform_sends() -> None:
    assert parser({}).parse_args(["--model-dir", "m"]).max_body_mb == 25
    assert parser({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "60"}).parse_args(["--model-dir", "m"]).max_body_mb == 60
    assert parser({"SAGEMAKER_MAX_PAYLOAD_IN_MB": "6"}).parse_args(["--model-dir", "m"]).max_body_mb == 25
    assert parser({"SERVING_MAX_BODY_MB": "200"}).parse_args(["--model-dir", "m"]).max_body_mb == 200
