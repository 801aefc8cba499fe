"""What a newcomer sees: `make local` in a fresh clone, again, after a crash, and the commands that it suggests."""

import json
import os
import re
import signal
import urllib.request

import pytest

from tests.conftest import Platform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


def test_make_local_trains_a_model_and_gets_an_answer_on_rows_it_has_not_seen(platform: Platform):
    output = platform.first_output
    auc = float(re.search(r"roc_auc +([\d.]+)", output)[1])
    assert 0.6 < auc < 0.8
    answer = output.split("The endpoint's answer")[1].split("Addresses")[0]
    chances = [float(chance) for chance in re.findall(r"([\d.]+)%", answer)]
    assert len(chances) == 5
    assert all(0 < chance < 100 for chance in chances)
    assert len(set(chances)) > 1


def test_make_local_says_of_each_tool_where_it_came_from(platform: Platform):
    tools = platform.first_output.split("Tools")[1].split("Services")[0]
    sources = re.findall(r"✓ (.+?): (from the cache|on PATH|downloaded|built)", tools)
    assert len(sources) == 3, tools


def test_the_addresses_that_make_local_prints_answer(platform: Platform):
    address = re.search(r"MLflow +(http://\S+)", platform.first_output)[1]
    with urllib.request.urlopen(f"{address}/health") as answer:
        assert answer.status == 200
    assert [service["state"] for service in platform.checkout.status()["services"]] == ["healthy"] * 5


def test_the_model_is_registered_in_mlflow_with_its_metrics_signature_and_input_example(platform: Platform):
    variables = platform.checkout.local_environment()
    listed = json.loads(
        platform.checkout.must(".venv/bin/ml", "models", "--env", "local", "-o", "json", environment=variables)
    )
    assert "flight-delays" in json.dumps(listed)
    script = (
        "import json, sys, mlflow\n"
        "version = mlflow.MlflowClient().get_model_version('flight-delays', '1')\n"
        "run = mlflow.get_run(version.run_id)\n"
        "model = mlflow.models.get_model_info('models:/flight-delays/1')\n"
        "print(json.dumps({'metrics': run.data.metrics, 'signature': str(model.signature),"
        " 'example': model.saved_input_example_info}))\n"
    )
    contract = json.loads(platform.checkout.must_pulumi("stack", "output", "contract", "--json"))
    uri = {"MLFLOW_TRACKING_URI": contract["tracking"]["uri"]}
    done = platform.checkout.must(".venv/bin/python", "-W", "ignore", "-c", script, environment=variables | uri)
    registered = json.loads(done.strip().splitlines()[-1])
    assert any("roc_auc" in name for name in registered["metrics"])
    assert "inputs" in registered["signature"]
    assert registered["example"]


def test_make_local_leaves_nothing_that_git_would_see(platform: Platform):
    assert platform.checkout.must("git", "status", "--porcelain") == ""


def test_the_commands_that_make_local_suggests_work_as_printed(platform: Platform):
    suggested = platform.first_output.split("Next:")[1]
    commands = [line.strip() for line in suggested.splitlines() if line.strip()]
    assert len(commands) == 3
    script = "set -eu\n" + "\n".join(re.split(r"\s{3,}", command)[0] for command in commands)
    platform.checkout.must("bash", "-c", script)


def test_a_second_make_local_changes_nothing_and_trains_nothing(platform: Platform):
    before = platform.checkout.status()["services"]
    output = platform.checkout.must("make", "local")
    assert re.search(r"pulumi up --stack local: (\d+ unchanged|\d+ resources; nothing has changed)", output), output
    assert "has run before" in output
    assert platform.checkout.status()["services"] == before


def test_a_killed_service_is_named_and_the_next_make_local_repairs_it(platform: Platform):
    checkout = platform.checkout
    [victim] = [service for service in checkout.status()["services"] if service["name"] == "kube-apiserver"]
    os.kill(victim["pid"], signal.SIGKILL)
    told = checkout.run("make", "local-status").stdout
    assert "kube-apiserver" in told
    assert checkout.status()["problems"]
    checkout.must("make", "local")
    healed = checkout.status()
    assert not healed["problems"]
    [again] = [service for service in healed["services"] if service["name"] == "kube-apiserver"]
    assert again["state"] == "healthy"
    assert (again["pid"], again["address"]) != (victim["pid"], "")
    assert again["address"] == victim["address"]


def test_services_stopped_and_started_again_still_have_everything(platform: Platform):
    checkout = platform.checkout
    checkout.must("make", "local-stop")
    assert checkout.status()["supervisor"] is None
    output = checkout.must("make", "local")
    assert re.search(r"pulumi up --stack local: (\d+ unchanged|\d+ resources; nothing has changed)", output), output
    assert "has run before" in output
