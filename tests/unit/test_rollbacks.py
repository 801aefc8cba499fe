"""`ml rollback`: which version is the one before, what it needs, and that the log tells of it."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml.audit import AuditLog, Line
from ml.audit.serving import tells_the_last_change
from ml.commands.deploying import Wanted, finish
from ml.commands.output import Format
from ml.errors import ExitCode, MlError, NotFoundError
from ml.garbage.compare import Action, unnoticed
from ml.garbage.sweep import Sweep
from ml.garbage.things import Inventory, Thing
from ml.ledger import Ledger
from ml.targets.sagemaker import alarms, endpoints
from ml.targets.sagemaker.alarms import Guarded
from ml.targets.sagemaker.endpoints import EndpointState
from ml.targets.sagemaker.history import Version, chosen
from ml.targets.sagemaker.noticing import known_versions, notice, notice_before
from ml.targets.sagemaker.restoring import restore
from tests.unit.memory_images import MemoryLogs, MemoryRegistry
from tests.unit.memory_s3 import MemoryS3
from tests.unit.memory_s3 import environment as environment_of
from tests.unit.ml_contract import contract
from tests.unit.test_ml_endpoints import target
from tests.unit.test_rollouts import ERRORS, NAME, Fleet, MemoryAlarms, instances, rollout

pytestmark = pytest.mark.unit
NOW = datetime(2026, 11, 22, tzinfo=UTC)
JOBS = [f"research-trial-2026112{day}-101500-00ff" for day in range(5)]


class Files(MemoryS3):
    """Every model's file is there, but those in `gone`."""

    gone: frozenset[str] = frozenset()

    def head_object(self, *, Bucket: str, Key: str) -> None:  # noqa: N803
        if Key in self.gone:
            raise ClientError({"Error": {"Code": "404", "Message": f"no {Bucket}/{Key}"}}, "HeadObject")


class Restorable(Fleet):
    """Configurations and models can be deleted, and a configuration's creation answers with its ARN."""

    def create_endpoint_config(self, **call: Any) -> Any:
        super().create_endpoint_config(**call)
        return {"EndpointConfigArn": f"arn:aws:sagemaker:::endpoint-config/{call['EndpointConfigName']}"}


class Platform:
    def __init__(self) -> None:
        self.fleet = Restorable(MemoryAlarms())
        self.files = Files()
        services = {
            "sagemaker": self.fleet,
            "ecr": MemoryRegistry(),
            "logs": MemoryLogs(),
            "cloudwatch": self.fleet.cloudwatch,
            "application-autoscaling": self.fleet.scaling,
            "s3": self.files,
        }
        self.environment = environment_of(services)

    def deploy(self, job: str, *, wait: bool = True, **changes: Any) -> str:
        made = target(job=job, **changes)
        notice_before(self.environment, contract(), "research", NAME)
        asked = endpoints.deploy(self.environment, contract(), made)
        wanted = Wanted(team="research", endpoint=NAME, job=job, variant=made.variant)
        finish(self.environment, contract(), wanted, asked, Format.TEXT, wait=wait)
        while not wait and self.fleet.describe_endpoint(EndpointName=NAME)["EndpointStatus"] != "InService":
            pass
        return self.serves

    @property
    def serves(self) -> str:
        return self.fleet.endpoints[NAME]["EndpointConfigName"]

    @property
    def lines(self) -> list[Line]:
        return AuditLog(self.environment, contract(), "research").lines()

    def state(self) -> EndpointState:
        return endpoints.describe(self.fleet, NAME)

    def known(self) -> list[Version]:
        return known_versions(self.environment, contract(), "research", self.state())

    def back(self, to: str | None = None) -> ExitCode:
        version = chosen(self.known(), self.serves, NAME, to)
        asked = restore(self.environment, contract(), "research", NAME, version)
        wanted = Wanted(team="research", endpoint=NAME, job=version.job)
        return finish(self.environment, contract(), wanted, asked, Format.TEXT, wait=True)


@pytest.fixture
def platform() -> Platform:
    return Platform()


def test_the_version_before_comes_back_and_the_one_before_that(platform: Platform) -> None:
    first, second, _ = (platform.deploy(job) for job in JOBS[:3])
    assert platform.back() is ExitCode.OK
    assert platform.serves == second
    assert platform.back() is ExitCode.OK
    assert platform.serves == first
    with pytest.raises(NotFoundError, match="no version before 1"):
        platform.back()
    assert [one.job for one in platform.known()] == JOBS[:3]


def test_any_version_comes_back_by_its_number_or_its_job(platform: Platform) -> None:
    configs = [platform.deploy(job) for job in JOBS[:3]]
    platform.back("1")
    assert platform.serves == configs[0]
    platform.back(JOBS[2])
    assert platform.serves == configs[2]
    with pytest.raises(MlError, match="serves version 3 already"):
        platform.back("3")
    with pytest.raises(NotFoundError, match="has no version '9'; it has 1 to 3"):
        platform.back("9")


def test_a_version_that_an_alarm_took_back_is_passed_over(platform: Platform) -> None:
    guarded: dict[str, Any] = {"instance": instances(2), "rollout": rollout(strategy="canary"), "rollback_on": ERRORS}
    first = platform.deploy(JOBS[0], **guarded)
    second = platform.deploy(JOBS[1], **guarded)
    platform.fleet.rings = f"{NAME}/errors"
    assert platform.deploy(JOBS[2], **guarded) == second
    platform.fleet.rings = None
    platform.deploy(JOBS[3], **guarded)
    assert platform.known()[2].taken_back == f"{NAME}/errors"
    platform.back()
    assert platform.serves == second
    platform.back()
    assert platform.serves == first


@pytest.fixture
def left_alone(platform: Platform) -> Platform:
    """A third version that an alarm took back after `ml deploy --no-wait`."""
    guarded: dict[str, Any] = {"instance": instances(2), "rollout": rollout(strategy="canary"), "rollback_on": ERRORS}
    platform.deploy(JOBS[0], **guarded)
    second = platform.deploy(JOBS[1], **guarded)
    platform.fleet.rings = f"{NAME}/errors"
    assert platform.deploy(JOBS[2], wait=False, **guarded) == second
    platform.fleet.rings = None
    return platform


def test_a_version_that_was_taken_back_while_nobody_waited_is_passed_over_too(left_alone: Platform) -> None:
    left_alone.deploy(JOBS[3])
    assert [one.taken_back for one in left_alone.known()] == ["", "", "SageMaker", ""]
    left_alone.back()
    assert [one.job for one in left_alone.known() if one.config == left_alone.serves] == [JOBS[1]]


def test_the_log_tells_once_by_which_alarm_a_version_went_that_nobody_waited_for(left_alone: Platform) -> None:
    left_alone.fleet.endpoints[NAME]["FailureReason"] = f"The deployment was rolled back: [{NAME}/errors]"
    line = notice(left_alone.environment, contract(), "research", left_alone.state())
    assert line is not None
    assert [one["name"] for one in line.details["alarms"]] == [f"{NAME}/errors"]
    assert (line.details["job"], line.details["by"]) == (JOBS[2], "alarm")
    assert line.details["instead_of"] == left_alone.known()[2].config
    assert notice(left_alone.environment, contract(), "research", left_alone.state()) is None
    assert left_alone.known()[2].taken_back == f"{NAME}/errors"


def test_who_may_not_write_the_log_sees_the_versions_that_it_tells(
    left_alone: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def denied(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not yours"}}, "PutObject")

    monkeypatch.setattr(left_alone.files, "put_object", denied)
    assert [one.taken_back for one in left_alone.known()] == ["", "", ""]
    assert "does not get into the audit log: not yours" in capsys.readouterr().err


def test_nothing_is_noticed_while_a_change_goes_on_or_has_no_end_in_the_log(left_alone: Platform) -> None:
    changing = replace(left_alone.state(), status="Updating")
    assert notice(left_alone.environment, contract(), "research", changing) is None
    log = AuditLog(left_alone.environment, contract(), "research")
    intent = log.add("deploy", NAME, {"config": "research-trial-next"}, phase="intent")
    assert notice(left_alone.environment, contract(), "research", left_alone.state()) is None
    log.add("settle", NAME, {"intent": intent.number, "of": "deploy", "outcome": "not done"})
    assert notice(left_alone.environment, contract(), "research", left_alone.state()) is not None


def test_a_deployment_reads_no_more_of_the_log_than_its_endpoints_last_change(
    left_alone: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(left_alone.environment, contract(), "research")
    for number in range(120):
        log.add("transform", f"job-{number}", {})
    left_alone.deploy(JOBS[3])
    assert left_alone.known()[2].taken_back == "SageMaker"  # it stood behind the newest block

    read: list[str] = []
    get_object = left_alone.files.get_object

    def reading(**call: Any) -> Any:
        read.append(call["Key"])
        return get_object(**call)

    monkeypatch.setattr(left_alone.files, "get_object", reading)
    notice_before(left_alone.environment, contract(), "research", NAME)
    assert len(read) == 100


def test_a_change_that_was_settled_is_looked_for_until_its_intent(left_alone: Platform) -> None:
    log = AuditLog(left_alone.environment, contract(), "research")
    intent = log.add("deploy", NAME, {"config": "research-trial-next"}, phase="intent")
    log.add("settle", NAME, {"intent": intent.number, "of": "deploy", "outcome": "done"})
    newest = log.lines()
    assert not tells_the_last_change(newest[:1], NAME)
    assert tells_the_last_change(newest[:2], NAME)
    assert not tells_the_last_change(newest, "research-other")


def test_ml_gc_names_an_endpoint_whose_last_version_was_taken_back(left_alone: Platform) -> None:
    state = left_alone.state()
    thing = Thing(kind="endpoint", name=NAME, arn="", created=NOW, status="InService", uses=[state.config])
    (item,) = unnoticed(Inventory([thing]), left_alone.lines)
    assert (item.action, item.why) == (Action.SETTLE, "taken back")
    sweep = Sweep(left_alone.environment, contract(), "research", left_alone.lines)
    assert sweep.do(item) == "the audit log tells of it"
    assert unnoticed(Inventory([thing]), left_alone.lines) == []


def test_the_log_tells_of_a_rollback_as_of_a_deployment(platform: Platform) -> None:
    first, second = (platform.deploy(job) for job in JOBS[:2])
    platform.back()
    done, intent = (line for line in platform.lines if line.action == "rollback")
    assert (intent.phase, done.phase) == ("intent", "done")
    said = {"to": 1, "config": first, "replaces": second, "job": JOBS[0]}
    assert {name: done.details[name] for name in said} == said


def test_a_configuration_that_is_gone_is_made_again_from_the_ledger(platform: Platform) -> None:
    first, _ = (platform.deploy(job) for job in JOBS[:2])
    was = platform.fleet.configs.pop(first)
    assert platform.back() is ExitCode.OK
    assert platform.fleet.configs[first] == was
    entries = Ledger(platform.environment, contract(), "research").of("endpoint-config", first)
    assert len(entries) == 2


def test_a_version_whose_model_or_its_file_is_gone_is_refused_and_nothing_changes(platform: Platform) -> None:
    platform.deploy(JOBS[0])
    second = platform.deploy(JOBS[1])
    platform.files.gone = frozenset({"model.tar.gz"})
    with pytest.raises(MlError, match=r"the file of its model is gone \(s3://artifacts/model.tar.gz\)"):
        platform.back()
    platform.files.gone = frozenset()
    for name in [name for name in platform.fleet.models if name.startswith(JOBS[0])]:
        del platform.fleet.models[name]
    with pytest.raises(MlError, match=f"Version 1 cannot come back: the model {JOBS[0]}-"):
        platform.back()
    assert platform.serves == second
    assert not any(line.action == "rollback" for line in platform.lines)


def test_machines_stay_as_many_as_run_when_a_version_comes_back(platform: Platform) -> None:
    for job in JOBS[:2]:
        platform.deploy(job, instance=instances(2))
    platform.fleet._run(NAME, "main", 5)  # pyright: ignore[reportPrivateUsage]
    assert platform.back() is ExitCode.OK
    assert platform.fleet.endpoints[NAME]["ProductionVariants"][0]["DesiredInstanceCount"] == 5


def test_the_alarms_watch_the_version_that_came_back(platform: Platform) -> None:
    guarded: dict[str, Any] = {"instance": instances(2), "rollout": rollout(strategy="canary"), "rollback_on": ERRORS}
    platform.deploy(JOBS[0])
    platform.deploy(JOBS[1], **guarded)
    third = platform.deploy(JOBS[2], **guarded)
    known = platform.fleet.cloudwatch.alarms
    known["research-own"] = {
        "AlarmName": "research-own",
        "Dimensions": [{"Name": "EndpointConfigName", "Value": third}],
    }
    platform.back()
    errors, p99 = known[f"{NAME}/errors"], known[f"{NAME}/p99"]
    assert (
        configs_of(p99)
        == configs_of(*(one["MetricStat"]["Metric"] for one in errors["Metrics"][1:]))
        == {platform.serves}
    )
    assert (p99["Threshold"], p99["Period"], p99["StateValue"]) == (200_000, 10, "INSUFFICIENT_DATA")
    assert configs_of(known["research-own"]) == {third}
    # The first version's metrics come by the minute: by tens of seconds there would be nothing to see.
    platform.back()
    errors, p99 = known[f"{NAME}/errors"], known[f"{NAME}/p99"]
    assert configs_of(p99) == {platform.serves}
    assert (p99["Period"], {one["MetricStat"]["Period"] for one in errors["Metrics"][1:]}) == (60, {60})


def test_an_alarm_on_a_variant_that_goes_goes_with_it(platform: Platform) -> None:
    platform.deploy(JOBS[0])
    config = platform.deploy(JOBS[1], variant="challenger", weight=20.0)
    guarded = Guarded(endpoint=NAME, variant="challenger", config=config)
    alarms.make(platform.environment, contract(), "research", ERRORS, guarded)
    platform.back()
    assert platform.fleet.cloudwatch.alarms == {}


def configs_of(*metrics: Any) -> set[str]:
    """The configurations that metrics are of."""
    named = [one for metric in metrics for one in metric["Dimensions"]]
    return {one["Value"] for one in named if one["Name"] == "EndpointConfigName"}


def test_the_end_of_an_ab_test_is_a_rollback(platform: Platform) -> None:
    alone = platform.deploy(JOBS[0])
    platform.deploy(JOBS[1], variant="challenger", weight=20.0)
    platform.fleet.scaling.targets = {f"endpoint/{NAME}/variant/{name}": {} for name in ("main", "challenger")}
    assert platform.back() is ExitCode.OK
    assert platform.serves == alone
    assert list(platform.fleet.scaling.targets) == [f"endpoint/{NAME}/variant/main"]


def test_a_configuration_that_the_log_does_not_know_needs_a_word(platform: Platform) -> None:
    platform.deploy(JOBS[0])
    platform.fleet.endpoints[NAME]["EndpointConfigName"] = "by-hand"
    with pytest.raises(MlError, match=re.escape("which the audit log does not know: say which version is meant")):
        platform.back()
