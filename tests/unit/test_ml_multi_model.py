"""`deploy.models`: what a spec may say, what lies below the prefix, and what a caller is told."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from ml.audit import AuditLog
from ml.audit.chain import DONE, INTENT
from ml.audit.who import provenance
from ml.commands import chosen_model
from ml.commands.chosen_model import Chosen, choose_several
from ml.errors import MlError, NotFoundError, SpecError
from ml.garbage import compare
from ml.garbage.compare import Action, Item, Rules
from ml.garbage.sweep import Sweep
from ml.garbage.things import HOSTED, Inventory, Thing
from ml.spec.model import Deployment
from ml.targets.sagemaker import endpoints
from ml.targets.sagemaker.asking import Asker
from ml.targets.sagemaker.deployment import Target
from ml.targets.sagemaker.endpoints import EndpointState
from ml.targets.sagemaker.multi_model import Hosted, Prefix, job_name, jobs_of, prefix_of, target_of
from ml.targets.sagemaker.restoring import bring_back
from tests.unit.memory_images import MemoryLogs, MemoryRegistry
from tests.unit.memory_s3 import MemoryS3
from tests.unit.memory_s3 import environment as environment_of
from tests.unit.ml_contract import contract
from tests.unit.test_ml_endpoints import Records

pytestmark = pytest.mark.unit

NAME = "research-shops"
URI = prefix_of(contract(), "research", NAME)
BUCKET, _, KEYS = URI.removeprefix("s3://").partition("/")


def hosted(name: str, number: int) -> Hosted:
    job = f"research-sales-20261121-10150{number}-00ff"
    return Hosted(name=name, job=job, model_data=f"s3://{BUCKET}/jobs/{job}/model.tar.gz")


def archives() -> MemoryS3:
    """An S3 with the archives of three jobs."""
    s3 = MemoryS3()
    for number in range(3):
        key = hosted("", number).model_data.removeprefix(f"s3://{BUCKET}/")
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"%d" % number)
    return s3


def target(*models: Hosted, **changes: Any) -> Target:
    values: dict[str, Any] = {
        "team": "research",
        "job": job_name(NAME),
        "model_data": URI,
        "endpoint": NAME,
        "instance": Deployment.model_validate({"endpoint": "shops"}).instance,
        "image": None,
        "environment": {},
        "models": models,
    }
    return Target(**values | changes)


@pytest.fixture
def s3() -> MemoryS3:
    return archives()


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def deploy(s3: MemoryS3, records: Records) -> Callable[..., endpoints.Asked]:
    services = {"sagemaker": records, "ecr": MemoryRegistry(), "logs": MemoryLogs(), "s3": s3}
    return lambda *models, **changes: endpoints.deploy(environment_of(services), contract(), target(*models, **changes))


def there(s3: MemoryS3) -> list[str]:
    return [key.removeprefix(KEYS).rpartition("-")[0] for key in s3.keys(BUCKET, KEYS)]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"variant": "shadow"}, "a shadow is of an endpoint with one model"),
        ({"scale": {}}, "leave models or scale out"),
        ({"async": {}}, "leave models or async out"),
        ({"capture": {}}, r"leave models or capture \(and watch\) out"),
        ({"rollout": "canary", "instance": {"count": 2}}, "leave rollout and rollback_on out"),
        ({"models": {"a/b": "job"}}, "models"),
        ({"models": {"berlin": "a/b/c"}}, "models"),
    ],
)
def test_what_does_not_go_with_several_models_is_said(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Deployment.model_validate({"endpoint": "shops", "models": {"berlin": "shop-sales/3"}, **fields})


def test_a_multi_model_endpoint_has_a_model_of_its_prefix_and_the_archives_below_it(
    s3: MemoryS3, records: Records, deploy: Callable[..., endpoints.Asked]
) -> None:
    assert deploy(hosted("berlin", 0), hosted("paris", 1)).changed
    (model,) = records.models.values()
    assert model["PrimaryContainer"]["Mode"] == "MultiModel"
    assert model["PrimaryContainer"]["ModelDataUrl"] == URI
    assert there(s3) == [f"berlin/{hosted('', 0).job}", f"paris/{hosted('', 1).job}"]
    assert len(model["ModelName"]) <= 63
    state = endpoints.describe(records, NAME)
    assert state.jobs == (f"{NAME}-models",)


def test_models_are_exchanged_without_a_call_to_sagemaker_and_the_same_again_writes_nothing(
    s3: MemoryS3, records: Records, deploy: Callable[..., endpoints.Asked]
) -> None:
    deploy(hosted("berlin", 0), hosted("paris", 1))
    records.calls.clear()
    asked = deploy(hosted("berlin", 2), hosted("rome", 0))
    assert (asked.changed, asked.dropped) == (True, ("paris",))
    assert records.calls == []
    assert there(s3) == [f"berlin/{hosted('', 2).job}", f"rome/{hosted('', 0).job}"]
    written = len(s3.writes)
    assert not deploy(hosted("berlin", 2), hosted("rome", 0)).changed
    assert len(s3.writes) == written


def test_a_new_version_is_there_before_the_old_one_goes(s3: MemoryS3) -> None:
    prefix = Prefix(s3, URI)
    prefix.add([hosted("berlin", 0)])
    before = len(s3.writes)
    prefix.add([hosted("berlin", 1)])
    assert [prefix.there()["berlin"].key, len(prefix.keys())] == [hosted("berlin", 1).key, 2]
    assert prefix.keep([hosted("berlin", 1)]) == ()
    assert [word.split()[0] for word in s3.writes[before:]] == ["PutObject", "DeleteObject"]
    assert not prefix.differences([hosted("berlin", 1)])
    assert [one.what for one in prefix.differences([hosted("rome", 1)])] == ["model berlin", "model rome"]


def test_an_archive_that_is_gone_is_named_and_nothing_is_taken_away(s3: MemoryS3) -> None:
    prefix = Prefix(s3, URI)
    prefix.add([hosted("berlin", 0)])
    with pytest.raises(NotFoundError, match=r"20261121-101509-00ff/model\.tar\.gz is not there any more"):
        prefix.add([hosted("berlin", 9)])
    assert there(s3) == [f"berlin/{hosted('', 0).job}"]


def test_an_endpoint_of_one_model_does_not_become_one_of_several_nor_the_other_way_round(
    records: Records, deploy: Callable[..., endpoints.Asked]
) -> None:
    deploy(hosted("berlin", 0))
    one = {"job": hosted("", 0).job, "model_data": hosted("", 0).model_data}
    with pytest.raises(MlError, match=r"has several models, and what you deploy is one: ml stop --endpoint"):
        deploy(**one)
    deploy(endpoint="research-alone", **one)
    with pytest.raises(MlError, match="has one model, and what you deploy are several"):
        deploy(hosted("berlin", 0), endpoint="research-alone", job=job_name("research-alone"))


def test_no_version_of_it_is_brought_back(s3: MemoryS3, records: Records, deploy: Callable[..., Any]) -> None:
    deploy(hosted("berlin", 0))
    state = endpoints.describe(records, NAME)
    with pytest.raises(MlError, match="has several models, of which each has its versions"):
        bring_back(environment_of({"sagemaker": records, "s3": s3}), contract(), "research", state, None)


def test_a_call_finds_the_archive_of_the_model_that_it_names(
    s3: MemoryS3, records: Records, deploy: Callable[..., endpoints.Asked]
) -> None:
    deploy(hosted("berlin", 0), hosted("paris", 1))
    services = {"sagemaker": records, "s3": s3}
    clients = SimpleNamespace(client=services.__getitem__)
    state: EndpointState = endpoints.describe(records, NAME)
    assert target_of(clients, NAME, state.models, "paris") == hosted("paris", 1).key
    with pytest.raises(NotFoundError, match="has no model 'rome'; it has berlin, paris"):
        target_of(clients, NAME, state.models, "rome")
    deploy(endpoint="research-alone", job=hosted("", 0).job, model_data=hosted("", 0).model_data)
    alone = endpoints.describe(records, "research-alone")
    with pytest.raises(MlError, match="has one model: leave out --model"):
        target_of(clients, alone.name, alone.models, "paris")


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        ("ValidationError", "Request 1 is missing a target model header.", "say --model NAME"),
        ("ModelNotReadyException", "loading", "still loads the model"),
    ],
)
def test_what_sagemaker_says_about_the_model_is_explained(code: str, message: str, words: str) -> None:
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": message}}, "InvokeEndpoint")

    clients = SimpleNamespace(client=lambda _: SimpleNamespace(invoke_endpoint=refuse))
    with pytest.raises(MlError, match=words):
        Asker(clients).ask(NAME, {})


def test_references_are_jobs_or_versions_and_one_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def choose(*given: Any) -> Chosen:
        asked.append(given[-2:])
        if given[-1] == "shop-sales/9":
            raise NotFoundError("Model 'shop-sales' has no version '9'.")
        return Chosen(job="research-sales-1", model_data="s3://b/model.tar.gz")

    monkeypatch.setattr(chosen_model, "choose", choose)
    models = {"paris": "shop-sales@champion", "berlin": "research-sales-1", "rome": "shop-sales/3"}
    found = choose_several(environment_of(), contract(), "research", models, None, None)
    assert [one.name for one in found] == ["berlin", "paris", "rome"]
    assert asked == [("research-sales-1", None), (None, "shop-sales@champion"), (None, "shop-sales/3")]
    with pytest.raises(NotFoundError, match=r"deploy\.models\.oslo: Model 'shop-sales' has no version"):
        choose_several(environment_of(), contract(), "research", {"oslo": "shop-sales/9"}, None, None)


def test_machines_with_several_models_scale_as_any() -> None:
    fields = {
        "endpoint": "shops",
        "models": {"berlin": "shop-sales/3"},
        "autoscale": {"max": 3, "requests_per_minute": 60},
    }
    assert Deployment.model_validate(fields).autoscale


def test_what_the_command_names_beside_the_spec_is_refused_and_so_is_where_models_need_approval() -> None:
    with pytest.raises(SpecError, match="leave out --job and --model"):
        choose_several(environment_of(), contract(), "research", {"berlin": "job"}, "job", None)
    strict = contract(registry={"approval_required": True})
    with pytest.raises(MlError, match="serves approved models alone"):
        choose_several(environment_of(), strict, "research", {"berlin": "job"}, None, None)


def test_a_change_of_an_endpoint_that_sagemaker_refuses_takes_no_model_away(
    s3: MemoryS3, records: Records, deploy: Callable[..., endpoints.Asked], monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(hosted("berlin", 0), hosted("paris", 1))

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ResourceLimitExceeded", "Message": "no more"}}, "UpdateEndpoint")

    monkeypatch.setattr(records, "update_endpoint", refuse)
    with pytest.raises(MlError, match="no more"):
        deploy(hosted("berlin", 2), environment={"A": "1"})
    assert set(there(s3)) >= {f"berlin/{hosted('', 0).job}", f"paris/{hosted('', 1).job}"}
    monkeypatch.undo()
    assert deploy(hosted("berlin", 2), environment={"A": "1"}).dropped == ("paris",)
    assert there(s3) == [f"berlin/{hosted('', 2).job}"]


def test_a_job_knows_where_it_is_one_of_several(
    s3: MemoryS3, records: Records, deploy: Callable[..., endpoints.Asked]
) -> None:
    deploy(hosted("berlin", 0), hosted("paris", 1))
    here = environment_of({"sagemaker": records, "s3": s3})
    lines = AuditLog(here, contract(), "research").lines()
    (told,) = [line for line in lines if line.phase == DONE]
    assert told.details["models"] == {"berlin": hosted("berlin", 0).told(), "paris": hosted("paris", 1).told()}
    for number, deployed in ((1, 1), (2, 0)):
        job = hosted("", number).job
        assert len(provenance(job, job, {}, None, lines).deployed) == deployed
    state = endpoints.describe(records, NAME)
    assert jobs_of(here.clients, NAME, state.models) == (hosted("", 0).job, hosted("", 1).job)


def test_an_exchange_whose_writer_died_is_settled_by_what_lies_below_the_prefix(
    s3: MemoryS3, records: Records, deploy: Callable[..., endpoints.Asked]
) -> None:
    deploy(hosted("berlin", 0))
    here = environment_of({"sagemaker": records, "s3": s3})
    log = AuditLog(here, contract(), "research")
    intents = [
        log.add(
            "deploy",
            NAME,
            {"config": endpoints.describe(records, NAME).config, "models": {"berlin": hosted("berlin", number).told()}},
            phase=INTENT,
        )
        for number in (0, 1)
    ]
    sweep = Sweep(here, contract(), "research", log.lines())
    items = [
        Item(action=Action.SETTLE, kind="audit", name=NAME, why="unfinished", says="", intent=line) for line in intents
    ]
    assert [sweep.do(item) for item in items] == ["deploy was done", "deploy was not done"]
    gone = Thing(kind=HOSTED, name=NAME, arn=URI, created=datetime(2026, 11, 1, tzinfo=UTC))
    remove = Item(action=Action.REMOVE, kind=HOSTED, name=NAME, why="unused", says="", thing=gone)
    assert sweep.do(remove) == "removed"
    assert there(s3) == []


def test_models_of_an_endpoint_that_is_gone_are_nobodys_after_a_day() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    old = {"created": now - timedelta(days=2), "arn": "s3://b/x/"}
    things = [
        Thing(kind=HOSTED, name="research-gone", **old),
        Thing(kind=HOSTED, name="research-new", arn="s3://b/y/", created=now),
        Thing(kind=HOSTED, name=NAME, **old),
        Thing(kind="endpoint", name=NAME, **old),
    ]
    assert [item.name for item in compare.hosted(Inventory(things), Rules(now=now))] == ["research-gone"]
    assert compare.hosted(Inventory(things, unseen=["endpoint"]), Rules(now=now)) == []
