"""From a trained version to the champion: gates as a job of the platform, packages, aliases, card."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from ml.environment import Environment, open_environment
from ml.registry import packages
from ml.registry.aliases import Aliases, AliasHistory, PromotedMeanwhileError
from ml.registry.evidence import check
from tests.ml.conftest import ROOT
from tests.ml.gate_models import CARD, applicants

pytestmark = [pytest.mark.ml, pytest.mark.usefixtures("tracking")]
Platform = Any
SCRIPT = """
import os
import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

rows = pd.read_csv(os.path.join(os.environ["SM_CHANNEL_TRAIN"], "rows.csv"))
columns = ["income", "debt"] if os.environ["SM_HP_GOOD"] == "true" else ["harsh"]
model = LogisticRegression().fit(rows[columns], rows["paid"])
with mlflow.start_run():
    mlflow.sklearn.save_model(
        model,
        os.environ["SM_MODEL_DIR"],
        signature=infer_signature(rows[columns], model.predict_proba(rows[columns])),
        pyfunc_predict_fn="predict_proba",
        pip_requirements=[],
    )
"""


@pytest.fixture(scope="module")
def spec(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spec with gates, whose run has registered version 1 (good) and version 2 (which guesses)."""
    folder = tmp_path_factory.mktemp("loans")
    (folder / "train.py").write_text(SCRIPT)
    for name, seed in (("train", 1), ("test", 2)):
        (folder / name).mkdir()
        applicants(seed).to_csv(folder / name / "rows.csv", index=False)
    document = {
        "name": "loans",
        "team": "research",
        "entry_point": "train.py",
        "image": "training:0.1.0",
        "hyperparameters": {"good": True},
        "inputs": {"train": "./train", "test": "./test"},
        "register": "loans",
        "deploy": {"endpoint": "loans"},
        "gates": {
            "data": "test",
            "target": "paid",
            "metrics": {"roc_auc": {"min": 0.7, "max_loss": 0.05}},
            "resamples": 100,
            "validation": False,
            "fairness": [{"column": "group", "demographic_parity_difference": 0.3}],
            "explanation": {"repeats": 2},
            "latency": {"p95_ms": 1000, "requests": 20},
            "card": {**CARD, "purpose": "<script>alert('purpose')</script>"},
        },
    }
    (folder / "job.yaml").write_text(json.dumps(document))
    for good in ("true", "false"):
        result = platform.ml("train", folder / "job.yaml", "--env", "local", "-y", "--set", f"good={good}")
        assert result.returncode == 0, result.stdout + result.stderr
    return folder / "job.yaml"


@pytest.fixture(scope="module")
def promoted(platform: Platform, spec: Path) -> dict[bool, Any]:
    """Two people who promote version 1 at once: whether one changed anything to how its command ended."""
    command = [sys.executable, "-m", "ml", "promote", "loans/1", "--env", "local", "-o", "json"]
    variables = [{**os.environ, **platform.variables, "GROUNDWORK_OWNER": name} for name in ("ada", "bob")]
    running = [
        subprocess.Popen(command, env=each, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for each in variables
    ]
    ended = [(process.communicate(timeout=180), process.returncode) for process in running]
    return {code == 0: (out, err, code) for (out, err), code in ended}


@pytest.fixture(scope="module")
def champion(promoted: dict[bool, Any]) -> dict[str, Any]:
    """What `ml promote` says about version 1, which has become champion."""
    return json.loads(promoted[True][0])


@pytest.fixture
def environment(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Environment:
    for name, value in platform.variables.items():
        # The test's own clients are of a session that was made before this profile was there.
        if name != "AWS_PROFILE":
            monkeypatch.setenv(name, value)
    return open_environment("local")


def test_a_version_that_passes_its_gates_is_champion_in_mlflow_and_in_sagemaker(
    platform: Platform, champion: dict[str, Any]
) -> None:
    assert champion["passed"], champion
    assert champion["aliases"] == ["champion"]
    (version,) = [one for one in platform.ml_json("models", "loans", "--env", "local") if one["version"] == "1"]
    assert version["aliases"] == ["champion"]
    package = platform.client("sagemaker").describe_model_package(ModelPackageName=champion["package"])
    assert package["ModelApprovalStatus"] == "Approved"
    metadata = package["CustomerMetadataProperties"]
    assert metadata["groundwork-version"] == "1"
    assert metadata["groundwork-gates-job"] == champion["job"]
    assert package["MetadataProperties"]["GeneratedBy"].endswith(f"training-job/{version['job']}")


def test_of_two_who_promote_at_once_one_becomes_champion_and_the_other_is_told(
    platform: Platform, promoted: dict[bool, Any], champion: dict[str, Any]
) -> None:
    _, told, code = promoted[False]
    assert code == 1
    assert " was first: at " in told
    assert "champion is version 1 now (it was none)" in told
    assert "promote again" in told
    history = platform.client("s3").list_objects_v2(
        Bucket="groundwork-test-artifacts", Prefix="teams/research/aliases/loans/"
    )
    assert history["KeyCount"] == 1


def test_the_gates_ran_in_the_platforms_image_without_a_network(platform: Platform, champion: dict[str, Any]) -> None:
    job = platform.client("sagemaker").describe_processing_job(ProcessingJobName=champion["job"])
    assert job["AppSpecification"]["ImageUri"].rpartition("@")[0].endswith("/serving")
    assert job["NetworkConfig"]["EnableNetworkIsolation"]
    assert job["ExitMessage"].startswith("groundwork-gates passed=true report=")


def test_promoting_the_champion_again_changes_nothing(platform: Platform, champion: dict[str, Any]) -> None:
    again = platform.ml("promote", "loans/1", "--env", "local")
    assert again.returncode == 0, again.stderr
    assert "is the champion already" in again.stdout


def test_a_version_that_guesses_is_refused_with_8_and_the_champion_stays(
    platform: Platform, champion: dict[str, Any]
) -> None:
    refused = platform.ml("promote", "loans/2", "--env", "local")
    assert refused.returncode == 8, refused.stderr
    assert "REFUSED  metric roc_auc" in refused.stdout
    assert "below the least, 0.7" in refused.stdout
    assert "asks for 'harsh', which the champion, version 1, does not have" in refused.stdout
    assert "loans/2 is not promoted: 2 gates of 8 refused it" in refused.stdout
    versions = platform.ml_json("models", "loans", "--env", "local")
    assert {one["version"]: one["aliases"] for one in versions} == {"1": ["champion"], "2": []}


def test_the_card_shows_the_run_the_gates_and_the_approval_and_nothing_in_it_runs(
    platform: Platform, champion: dict[str, Any], tmp_path: Path
) -> None:
    told = platform.ml_json("card", "loans/1", "--env", "local", "--file", tmp_path / "card.html")
    assert told["aliases"] == ["champion"]
    page = (tmp_path / "card.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;purpose&#x27;)&lt;/script&gt;" in page
    assert "8 of 8 gates passed" in page
    assert "research-loans-" in page
    assert "http-equiv" in page
    s3 = platform.client("s3")
    key = "teams/research/registry/loans/1/card.html"
    stored = s3.get_object(Bucket="groundwork-test-artifacts", Key=key)
    assert stored["ContentType"].startswith("text/html")


def test_evidence_that_was_exchanged_does_not_hold(
    platform: Platform, champion: dict[str, Any], environment: Environment
) -> None:
    contract = environment.for_team("research")
    package = packages.describe(environment, champion["package"])
    assert check(environment, contract, package).passed
    bucket, _, key = champion["report"].removeprefix("s3://").partition("/")
    s3 = platform.client("s3")
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=body.replace(b"passed", b"PASSED"))
    with pytest.raises(Exception, match="its digest is another one"):
        check(environment, contract, package)
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def test_a_model_is_deployed_by_its_alias(platform: Platform, champion: dict[str, Any], spec: Path) -> None:
    missing = platform.ml("deploy", spec, "--env", "local", "--model", "loans@challenger")
    assert missing.returncode == 6
    assert "has no challenger; aliases: champion (version 1)" in missing.stderr


def test_a_move_that_comes_second_says_who_was_first(
    platform: Platform, environment: Environment, champion: dict[str, Any]
) -> None:
    contract = environment.for_team("research")
    history = AliasHistory(environment, contract, "research", "raced")
    since = history.move(Aliases(), {"champion": "1"}, {})
    start, outcomes = threading.Barrier(2), list[Any]()

    def move(version: str) -> None:
        mine = AliasHistory(environment, contract, "research", "raced")
        start.wait()
        try:
            outcomes.append(mine.move(since, {"champion": version}, {}))
        except PromotedMeanwhileError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=move, args=(version,)) for version in ("2", "3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (told,) = [outcome for outcome in outcomes if isinstance(outcome, str)]
    (won,) = [outcome for outcome in outcomes if isinstance(outcome, Aliases)]
    assert history.current().versions == won.versions
    assert f"champion is version {won.get('champion')} now (it was 1)" in told
    assert "tester was first" in told
