"""`groundwork doctor` as a whole: this machine, the settings, the API server, what nobody may ask, the command."""

import base64
import http.server
import ipaddress
import json
import ssl
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import certifi
import pytest
from typer.testing import CliRunner

from operations import doctor_command, environments
from operations.cli import app
from operations.doctor import cluster, examine, machine
from operations.doctor.cluster import check_api_server
from operations.doctor.finding import Finding, Level, failure, ok, warning
from operations.doctor.subject import read_settings
from tests.unit.doctor_fakes import DEPLOYER, FakeSession, environment, one, refused, subject, write_settings
from tests.unit.shipped import ACCOUNT

pytestmark = pytest.mark.unit


def test_settings_that_are_not_valid_are_told_one_by_one(tmp_path: Path):
    write_settings(tmp_path, {"region": "useast1", "keys": {"deletionWindowDays": 3}})
    settings, found = read_settings(environment(tmp_path))
    assert settings is None
    assert {each.level for each in found} == {Level.FAILURE}
    assert any("groundwork:region" in each.text for each in found)
    assert any("deletionWindowDays" in each.text for each in found)


def test_settings_with_a_secret_in_them_are_read_without_it(tmp_path: Path):
    secret = {"name": "pager", "protocol": "https", "endpoint": {"secure": "v1:abc"}}
    write_settings(tmp_path, {"monitoring": {"subscriptions": [secret]}})
    settings, found = read_settings(environment(tmp_path))
    assert settings is not None
    assert one(found).level is Level.OK


def test_an_engine_that_is_not_there_is_a_failure_only_where_it_may_not_be_brought(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine, "find", lambda *_: None)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("GROUNDWORK_TOOL_WAYS", "path")
    assert one(machine.check_engine()).level is Level.FAILURE
    monkeypatch.setenv("GROUNDWORK_TOOL_WAYS", "path,build")
    assert one(machine.check_engine()).level is Level.WARNING


def test_plug_ins_are_looked_for_in_the_programs_own_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    monkeypatch.setattr(machine, "_cannot_reach", lambda _: "Name or service not known")
    (tmp_path / "plugins" / f"resource-aws-v{version('pulumi-aws')}").mkdir(parents=True)
    there, missing = machine.check_plugins(environment())
    assert there.level is Level.OK
    assert missing.level is Level.WARNING
    assert missing.mend == f"pulumi plugin install resource kubernetes v{version('pulumi-kubernetes')}"


def test_a_full_disk_is_a_failure_and_a_nearly_full_one_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for free, level in ((100_000_000, Level.FAILURE), (1_000_000_000, Level.WARNING), (9_000_000_000, Level.OK)):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: type("Usage", (), {"free": free}))
        assert {each.level for each in machine.check_disk(environment(tmp_path))} == {level}


def test_this_machine_has_what_its_tests_run_with():
    assert one(machine.check_python()).where == sys.executable
    assert one(machine.check_aws_cli()).level is Level.OK


def not_there(**change: Any) -> Finding:
    network = {"describe_vpcs": {"Vpcs": [{"CidrBlockAssociationSet": [{"CidrBlock": "10.9.0.0/16"}]}]}}
    eks = {"describe_cluster": refused("ResourceNotFoundException")}
    return one(check_api_server(subject(change=change, eks=eks, ec2=network)))


def test_a_cluster_that_will_be_private_in_a_network_to_come_is_not_reached_by_its_first_up():
    found = not_there(cluster={"publicAccessCidrs": []})
    assert found.level is Level.FAILURE
    assert "docs/cluster-access.md" in found.mend


def test_from_which_address_this_machine_calls_is_for_a_person_to_compare():
    found = not_there()
    assert found.level is Level.WARNING
    assert "198.18.7.0/24" in found.text


def test_a_machine_in_the_network_reaches_a_private_cluster(monkeypatch: pytest.MonkeyPatch):
    existing = {"vpcId": "vpc-0a1b2c3d", "privateSubnetIds": ["subnet-0a1b2c3d", "subnet-0a1b2c3e"]}
    looked_at = subject(
        change={"cluster": {"publicAccessCidrs": []}},
        instead={"network": {"existing": existing}},
        eks={"describe_cluster": refused("ResourceNotFoundException")},
        ec2={"describe_vpcs": {"Vpcs": [{"CidrBlockAssociationSet": [{"CidrBlock": "10.9.0.0/16"}]}]}},
    )
    for address, level in (("10.9.4.4", Level.OK), ("192.0.2.7", Level.WARNING)):
        monkeypatch.setattr(cluster, "_own_addresses", lambda address=address: [ipaddress.IPv4Address(address)])
        assert one(check_api_server(looked_at)).level is level


@pytest.fixture
def api_server() -> Iterator[Any]:
    """Answers every call with `status`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        status = 401

        def do_GET(self) -> None:
            self.send_response(type(self).status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server, Handler
    server.shutdown()
    server.server_close()


def cluster_at(endpoint: str, status: str = "ACTIVE", **access: Any) -> Finding:
    der = ssl.create_default_context(cafile=certifi.where()).get_ca_certs(binary_form=True)[0]
    certificate = base64.b64encode(ssl.DER_cert_to_PEM_cert(der).encode()).decode()
    told = {"endpoint": endpoint, "status": status, "certificateAuthority": {"data": certificate}}
    answer = {"describe_cluster": {"cluster": {**told, "resourcesVpcConfig": access}}}
    return one(check_api_server(subject(eks=answer)))


def test_an_api_server_that_refuses_this_caller_has_been_reached(api_server: Any):
    server, handler = api_server
    address = f"http://127.0.0.1:{server.server_port}"
    assert cluster_at(address).level is Level.OK
    handler.status = 503
    assert cluster_at(address).level is Level.FAILURE


def test_an_api_server_that_does_not_answer_is_a_failure_that_says_who_reaches_it():
    nowhere = "http://127.0.0.1:9"
    assert "its VPC alone reaches it" in cluster_at(nowhere, endpointPublicAccess=False).text
    public = cluster_at(nowhere, endpointPublicAccess=True, publicAccessCidrs=["198.18.7.0/24"])
    assert public.level is Level.FAILURE
    assert "it takes calls from 198.18.7.0/24" in public.text


def test_a_cluster_that_failed_is_a_failure_and_one_in_the_making_a_warning():
    assert cluster_at("http://127.0.0.1:9", "FAILED").level is Level.FAILURE
    assert cluster_at("http://127.0.0.1:9", "CREATING").level is Level.WARNING


def test_what_the_caller_may_not_ask_is_said_and_the_rest_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def denied(_: Any) -> Iterator[Finding]:
        raise refused("AccessDeniedException", "ListServiceQuotas")
        yield

    def fine(_: Any) -> Iterator[Finding]:
        yield ok("other", "here", "fine")

    write_settings(tmp_path)
    monkeypatch.setattr(examine, "ABOUT_THE_ACCOUNT", (("quota", denied), ("other", fine)))
    session = FakeSession(sts={"get_caller_identity": {"Account": ACCOUNT, "Arn": DEPLOYER}})
    *_, said, other = examine.examine(environment(tmp_path), session)
    assert said.level is Level.WARNING
    assert "ListServiceQuotas" in said.text
    assert other.check == "other"


def test_nothing_of_another_account_is_looked_at(tmp_path: Path):
    write_settings(tmp_path)
    arn = DEPLOYER.replace(ACCOUNT, "999999999999")
    session = FakeSession(sts={"get_caller_identity": {"Account": "999999999999", "Arn": arn}})
    *_, last = examine.examine(environment(tmp_path), session)
    assert (last.check, last.level) == ("account", Level.FAILURE)


def run(monkeypatch: pytest.MonkeyPatch, findings: list[Finding], *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr(examine, "examine", lambda _: iter(findings))
    monkeypatch.setattr(environments, "environment", lambda _: environment())
    result = CliRunner().invoke(app, ["doctor", "dev", *arguments])
    return result.exit_code, result.output


ASK = warning("quota", "EC2", "0 vCPUs", "aws service-quotas request-service-quota-increase")
LOCKED = failure("state", "s3://state", "ann holds the stack", "pulumi cancel --stack dev")


def test_warnings_do_not_keep_up_from_succeeding(monkeypatch: pytest.MonkeyPatch):
    code, told = run(monkeypatch, [ok("python", "here", "3.12"), ASK])
    assert code == 0
    assert "→ aws service-quotas request-service-quota-increase" in told
    assert "0 failures, 1 warning: as far as this was seen, `make up ENV=dev` would succeed." in told


def test_one_failure_makes_the_exit_status_1(monkeypatch: pytest.MonkeyPatch):
    code, told = run(monkeypatch, [ASK, LOCKED])
    assert code == 1
    assert "✗ state" in told
    assert "would not succeed" in told


def test_a_program_reads_the_same_as_json(monkeypatch: pytest.MonkeyPatch):
    code, told = run(monkeypatch, [LOCKED], "-o", "json")
    assert code == 1
    document = json.loads(told)
    assert document["wouldSucceed"] is False
    assert document["findings"] == [
        {
            "check": "state",
            "level": "failure",
            "where": "s3://state",
            "text": "ann holds the stack",
            "mend": "pulumi cancel --stack dev",
        }
    ]


def test_an_environment_that_nobody_has_is_told_without_a_traceback():
    result = CliRunner().invoke(app, ["doctor", "nowhere"])
    assert result.exit_code == 1
    assert "There is no Pulumi.nowhere.yaml" in result.output


def test_the_help_says_what_is_looked_at_and_what_the_exit_status_means():
    told = CliRunner().invoke(app, ["doctor", "--help"]).output
    assert "Example:  groundwork doctor dev" in told
    assert "Exit codes: 0 `up` would succeed" in told
    assert doctor_command.MARKS.keys() == {level.value for level in Level}
