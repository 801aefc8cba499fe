"""Which environment a command means, its contract, and what is said when it is not up."""

import socket
from pathlib import Path

import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber

from ml.aws import Clients
from ml.environment import Environment, environment_name, open_environment
from ml.errors import EnvironmentNotReadyError, ExitCode, SpecError
from tests.unit.ml_contract import ACCOUNT, REGION, parameters

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def no_environment_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "AWS_PROFILE",
        "GROUNDWORK_ENV",
        "GROUNDWORK_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class Stored:
    """An environment `dev` whose Parameter Store gives prepared answers."""

    def __init__(self) -> None:
        clients = Clients(None)
        self.environment = Environment(name="dev", profile=None, clients=clients)
        self.answers = Stubber(clients.client("ssm"))
        self.answers.activate()

    def holds(self, stored: dict[str, str], account: str = ACCOUNT) -> Environment:
        entries = [
            {"Name": name, "Value": value, "ARN": f"arn:aws:ssm:{REGION}:{account}:parameter{name}"}
            for name, value in stored.items()
        ]
        self.answers.add_response("get_parameters", {"Parameters": entries})
        return self.environment


@pytest.fixture
def parameter_store(monkeypatch: pytest.MonkeyPatch) -> Stored:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    return Stored()


def test_the_environment_is_the_option_then_the_variable_then_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SpecError, match="Which environment"):
        environment_name(None)
    monkeypatch.setenv("AWS_PROFILE", "groundwork-dev")
    assert environment_name(None) == "dev"
    monkeypatch.setenv("GROUNDWORK_ENV", "stage")
    assert environment_name(None) == "stage"
    assert environment_name("prod") == "prod"


def test_a_missing_profile_names_those_that_exist_and_what_brings_it_up(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile groundwork-prod]\nregion = eu-west-1\n[profile other]\n")
    with pytest.raises(EnvironmentNotReadyError) as raised:
        open_environment("dev")
    text = str(raised.value)
    assert "no AWS profile 'groundwork-dev'" in text
    assert "there is groundwork-prod." in text
    assert "make local" in text
    assert "make up ENV=dev" in text
    assert raised.value.exit_code is ExitCode.ENVIRONMENT


def test_an_endpoint_that_refuses_is_named_with_its_address(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "config").write_text(
        f"[profile groundwork-dev]\nregion = eu-west-1\nendpoint_url = http://127.0.0.1:{port}\n"
        "aws_access_key_id = a\naws_secret_access_key = b\nmax_attempts = 1\n"
    )
    with pytest.raises(EnvironmentNotReadyError, match=f"'dev' does not answer at http://127.0.0.1:{port}"):
        open_environment("dev").for_team("research")


def test_an_environment_that_never_answered_is_asked_twice_and_one_that_did_five_times(
    parameter_store: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = Clients(None)
    ssm = clients.client("ssm")
    asked: list[str] = []

    def refuse(request: AWSRequest, **_: object) -> None:
        asked.append(request.url)
        raise EndpointConnectionError(endpoint_url=request.url)

    ssm.meta.events.register("before-send", refuse)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(EndpointConnectionError):
        ssm.get_parameters(Names=["a"])
    assert len(asked) == 2
    asked.clear()
    clients._note_answer()
    with pytest.raises(EndpointConnectionError):
        ssm.get_parameters(Names=["a"])
    assert len(asked) == 5


def test_a_profile_without_a_region_or_credentials_says_so(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile groundwork-dev]\noutput = json\n")
    with pytest.raises(EnvironmentNotReadyError, match="No AWS region is set for 'dev'"):
        open_environment("dev").for_team("research")
    (tmp_path / "config").write_text("[profile groundwork-dev]\nregion = eu-west-1\n")
    with pytest.raises(EnvironmentNotReadyError, match=r"No AWS credentials were found .* 'groundwork-dev'"):
        open_environment("dev").for_team("research")


def test_the_contract_is_read_in_one_call(parameter_store: Stored) -> None:
    contract = parameter_store.holds(parameters()).for_team("research")
    assert contract.teams["research"].namespace == "research"
    parameter_store.answers.assert_no_pending_responses()


def test_an_environment_without_a_contract_says_what_brings_it_up(parameter_store: Stored) -> None:
    with pytest.raises(
        EnvironmentNotReadyError, match=r"has no platform contract \(/groundwork/dev/contract"
    ) as raised:
        parameter_store.holds({}).for_team("research")
    assert "make up ENV=dev" in str(raised.value)


def test_half_a_contract_names_what_is_missing(parameter_store: Stored) -> None:
    stored = {name: value for name, value in parameters().items() if not name.endswith(("/storage", "/tracking"))}
    with pytest.raises(EnvironmentNotReadyError, match="lacks storage, tracking"):
        parameter_store.holds(stored).for_team("research")


def test_a_caller_of_another_account_is_refused(parameter_store: Stored) -> None:
    environment = parameter_store.holds(parameters(), account="999999999999")
    with pytest.raises(EnvironmentNotReadyError, match=f"account {ACCOUNT}, but the caller belongs to 999999999999"):
        environment.for_team("research")


def test_an_unknown_team_names_the_nearest(parameter_store: Stored) -> None:
    environment = parameter_store.holds({name: text for name, text in parameters().items() if "/teams/" not in name})
    page = {"Parameters": [{"Name": "/groundwork/dev/contract/team-index/0", "Value": '["research"]'}]}
    parameter_store.answers.add_response("get_parameters_by_path", page)
    with pytest.raises(SpecError, match=r"no team 'reserch'\. Did you mean 'research'"):
        environment.for_team("reserch")


def test_a_refused_call_is_told_in_the_services_words(parameter_store: Stored) -> None:
    parameter_store.answers.add_client_error("get_parameters", "AccessDeniedException", "User x is not authorized")
    with pytest.raises(EnvironmentNotReadyError, match="GetParameters was refused: User x is not authorized"):
        parameter_store.environment.for_team("research")
