"""`ml lineage`: what served a prediction, trained by whom on which data."""

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from ml.audit.chain import Line
from ml.audit.lineage import Lineage, approvals, server_of
from ml.audit.log import AuditLog
from ml.audit.who import Provenance, provenance
from ml.captures import CapturedRequest, Captures, captures_uri
from ml.commands.endpoints import find
from ml.commands.output import Format, print_json, say
from ml.environment import Environment, is_denied, open_environment, owning_team, readable_errors, team_names, team_of
from ml.errors import ExitCode, NotFoundError
from ml.records import read_record
from platform_contract import PlatformContract

DAY = timedelta(days=1)


def lineage(request_id: str, *, env: str | None, output: Format, endpoint: str, days: int) -> ExitCode:
    """Tell what answered one captured request."""
    environment = open_environment(env)
    with readable_errors(environment):
        name, team = _endpoint(environment, endpoint)
        contract = environment.for_team(team)
        s3 = environment.clients.client("s3")
        found = find_request(s3, captures_uri(contract, team, name), request_id, days=days, now=datetime.now(UTC))
        if not found:
            raise NotFoundError(_not_captured(environment, name, request_id, days))
        told = _lineage(environment, contract, team, name, found)
    if output is Format.JSON:
        print_json(told.document())
    else:
        _print(told)
    return ExitCode.OK


def find_request(s3: Any, uri: str, request_id: str, *, days: int, now: datetime) -> list[CapturedRequest]:
    """The captured requests with an inference id or event id, of the newest day that has any; newest first."""
    end = now + timedelta(minutes=5)  # the clock that captures is not this machine's
    for day in range(days):
        captured = Captures(s3, uri, start=end - (day + 1) * DAY, end=end - day * DAY, containing=request_id)
        found = [one for one in captured if request_id in (one.inference_id, one.event_id)]
        if found:
            return sorted(found, key=lambda one: one.time, reverse=True)
    return []


def _endpoint(environment: Environment, given: str) -> tuple[str, str]:
    """Full name and team of an endpoint, which may have been deleted since."""
    try:
        name = find(environment.clients.client("sagemaker"), given).name
    except NotFoundError:
        if owning_team(given, team_names(environment)) is None:
            raise
        name = given
    return name, team_of(environment, name)


def _lineage(
    environment: Environment, contract: PlatformContract, team: str, endpoint: str, found: list[CapturedRequest]
) -> Lineage:
    request, lines = found[0], AuditLog(environment, contract, team).lines()
    server = server_of(lines, endpoint, request)
    doubts: list[str] = []
    if len(found) > 1:
        doubts.append(f"{len(found)} requests have this id; this is the newest")
    trained: Provenance | None = None
    if server is None:
        doubts.append(f"no audit line tells what {endpoint} served then: it was not deployed by `ml deploy`")
    elif server.job is None:
        doubts.append(f"line {server.served.line.number} does not tell which model {request.variant} was")
    else:
        trained = _trained(environment, contract, team, server.job, lines)
        doubts += trained.doubts
        if server.before is not None:
            minutes = int((request.time - server.served.since).total_seconds() // 60)
            doubts.append(
                f"it was deployed {minutes} min before: until the new machines had taken over, {server.before} answered"
            )
    return Lineage(
        endpoint=endpoint,
        request=request,
        server=server,
        provenance=trained,
        approved=approvals(lines, server.package if server else None),
        doubts=doubts,
    )


def _trained(
    environment: Environment, contract: PlatformContract, team: str, job: str, lines: list[Line]
) -> Provenance:
    try:
        record = read_record(environment, contract, team, job)
    except NotFoundError:
        record = None
    return provenance(job, job, {}, record, lines)


def _not_captured(environment: Environment, endpoint: str, request_id: str, days: int) -> str:
    """Why a request may not be there, as far as the endpoint's configuration tells."""
    text = f"No request {request_id!r} of {endpoint} was captured within {days} days."
    percent = _percent(environment, endpoint)
    if percent == 0:
        return f"{text} The endpoint captures nothing: `deploy: {{capture: {{percent: 100}}}}` in the spec."
    share = "a part of the requests" if percent is None else f"{percent:g} % of the requests"
    return (
        f"{text} It captures {share}, and a capture is there some minutes after its request. --days looks further back."
    )


def _percent(environment: Environment, endpoint: str) -> float | None:
    """Share of the requests that are captured now; None where nobody can tell."""
    sagemaker = environment.clients.client("sagemaker")
    try:
        described: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=endpoint)
        config: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
        capture = config.get("DataCaptureConfig", {})
        if capture.get("EnableCapture"):
            return float(capture["InitialSamplingPercentage"])
        model = config["ProductionVariants"][0]["ModelName"]
        variables = sagemaker.describe_model(ModelName=model)["PrimaryContainer"].get("Environment", {})
    except (ClientError, KeyError) as error:
        if isinstance(error, ClientError) and is_denied(error):
            say(f"Not seen: {error}")
        return None
    return float(variables["SERVING_CAPTURE_PERCENT"]) if "SERVING_CAPTURE_URI" in variables else 0.0


def _print(told: Lineage) -> None:
    request, server, trained = told.request, told.server, told.provenance
    name = f"inference id {request.inference_id}" if request.inference_id else "without an inference id"
    print(f"Request {request.event_id} ({name}) of {told.endpoint}:")
    print(f"  answered     {request.time:%Y-%m-%d %H:%M:%S} UTC by the variant {request.variant}")
    if server is not None:
        print(f"  served by    configuration {server.served.config} {_whom(server.served.line)}")
        print(f"  model        {server.model or 'unknown'}")
        print(f"  of job       {server.job or 'unknown'} {_whom(server.deployed)}")
        print(f"  image        {server.image or 'unknown'}")
        if server.package:
            print(f"  package      {server.package}")
    for line in told.approved:
        print(f"  approved     {_whom(line)}")
    if trained is not None:
        print(f"  trained      {_whom(trained.submitted) or 'by nobody that is known'}")
        commit = trained.fact("commit")
        if commit:
            print(f"  from commit  {commit}{', with changes that it does not have' if trained.fact('dirty') else ''}")
        print(f"  code         {trained.fact('code') or 'unknown'}")
        for channel, data in trained.data().items():
            version = f" version {data['version']}" if data["version"] else ", version unknown"
            print(f"  on data      {channel}: {data['uri']}{version}")
    for doubt in told.doubts:
        print(f"  but          {doubt}")


def _whom(line: Line | None) -> str:
    """Who did it, and the line that says so."""
    if line is None:
        return ""
    at = line.at[:19].replace("T", " ")
    return f"by {line.by.get('owner', '')} ({line.by.get('arn', '')}), {at} UTC, line {line.number} of the audit log"
