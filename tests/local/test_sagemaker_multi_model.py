"""Multi-model endpoints on the AWS server, asked for with boto3: its container contract, and the inference server."""

import io
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.local.sagemaker_server import BUCKET, ROLE, SageMakerServer, eventually

pytestmark = [pytest.mark.local, pytest.mark.full]
LOADER = """
class Model:
    def __init__(self, number): self.number = number
    def predict(self, rows, params=None): return [self.number] * len(rows)

def _load_pyfunc(path):
    return Model(int(open(path).read()))
"""


def saved(folder: Path, number: int) -> bytes:
    """A tar.gz of an MLflow model that answers a number."""
    import mlflow.pyfunc

    folder.mkdir()
    (folder / "number.txt").write_text(str(number))
    (folder / f"loader_{number}.py").write_text(LOADER)
    mlflow.pyfunc.save_model(
        str(folder / "model"),
        loader_module=f"loader_{number}",
        data_path=str(folder / "number.txt"),
        code_paths=[str(folder / f"loader_{number}.py")],
        pip_requirements=[],
    )
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        tar.add(folder / "model", ".")
    return target.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SageMakerServer]:
    folder = tmp_path_factory.mktemp("multi-model")
    server = SageMakerServer(folder)
    server.serve_with("serving:*", [sys.executable, "-m", "ml.serving"])
    server.start()
    server.prepare()
    for number in (1, 2, 3):
        server.s3.put_object(Bucket=BUCKET, Key=f"many/{number}.tar.gz", Body=saved(folder / f"m{number}", number))
    server.s3.put_object(Bucket=BUCKET, Key="many/broken.tar.gz", Body=b"no archive")
    server.sagemaker.create_model(
        ModelName="many",
        PrimaryContainer={
            "Image": "serving:1",
            "Mode": "MultiModel",
            "ModelDataUrl": f"s3://{BUCKET}/many/",
            "Environment": {"SERVING_MAX_MODELS": "2"},
        },
        ExecutionRoleArn=ROLE,
    )
    server.config("many", {"VariantName": "main", "ModelName": "many"})
    server.sagemaker.create_endpoint(EndpointName="many", EndpointConfigName="many")
    assert server.settled("many")["EndpointStatus"] == "InService"
    yield server
    server.stop()


def ask(server: SageMakerServer, number: object) -> int:
    answer = server.invoke("many", "x\n1\n", TargetModel=f"{number}.tar.gz")
    return answer["predictions"][0]


def test_each_model_is_loaded_at_its_first_call_and_the_one_asked_longest_ago_makes_room(
    server: SageMakerServer,
) -> None:
    assert [ask(server, number) for number in (1, 2, 1, 3, 2)] == [1, 2, 1, 3, 2]
    # The third model takes the place of the second, which was asked longest ago, and that one then of the first.
    assert eventually(lambda: told(server), lambda words: len(words) >= 6) == [
        *("loaded", "loaded", "unloaded", "loaded", "unloaded", "loaded"),
    ]


def told(server: SageMakerServer) -> list[str]:
    """What the model server's log says about models."""
    group = "/aws/sagemaker/Endpoints/many"
    (stream,) = server.logs.describe_log_streams(logGroupName=group)["logStreams"]
    lines = server.logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    return [word for line in lines for word in ("loaded", "unloaded") if f'"{word}"' in line["message"]]


def test_a_call_says_which_model_and_of_one_that_is_not_there_that_it_is_not(server: SageMakerServer) -> None:
    with pytest.raises(ClientError, match=r"ValidationError.*is missing a target model header"):
        server.invoke("many")
    with pytest.raises(ClientError, match=r"ValidationError.*Failed to download the model none.tar.gz"):
        ask(server, "none")
    with pytest.raises(ClientError, match=r"ValidationError.*broken.tar.gz"):
        ask(server, "broken")
    assert ask(server, 1) == 1
