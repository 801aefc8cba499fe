"""`ml deploy`, `ml predict`, and what `status` and `stop` say about endpoints."""

import re
import sys
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from ml.commands.chosen_model import Chosen, choose, choose_several, locked
from ml.commands.deploying import Wanted, finish
from ml.commands.output import Format, prediction, print_json
from ml.environment import (
    Environment,
    is_denied,
    open_environment,
    readable_errors,
    team_of,
)
from ml.errors import ExitCode, NotFoundError, SpecError
from ml.spec import load_spec
from ml.spec.model import Deployment, EndpointInstance, as_text
from ml.spec.rollout import CHALLENGER, MAIN, SHADOW, Rollout, Strategy
from ml.targets.sagemaker import endpoints
from ml.targets.sagemaker.asking import Asker
from ml.targets.sagemaker.capturing import may_hold_personal_columns, refuse_what_cannot_be_masked
from ml.targets.sagemaker.endpoints import EndpointState, Target
from ml.targets.sagemaker.invoke import requests_in, table_of
from ml.targets.sagemaker.multi_model import job_name, prefix_of, target_of
from ml.targets.sagemaker.noticing import notice_before


def deploy(
    spec_file: Path | None,
    *,
    env: str | None,
    output: Format,
    job: str | None,
    model: str | None,
    endpoint: str | None,
    team: str | None,
    wait: bool,
    expires: int | None = None,
    variant: str | None = None,
    weight: float | None = None,
    rollout: str | None = None,
) -> ExitCode:
    """Put a job's model, or a version in the registry, behind an endpoint. variant, weight, rollout: in place of the
    spec's."""
    spec = load_spec(spec_file) if spec_file else None
    if spec and not endpoint and spec.deploy is None:
        raise SpecError(f"{spec_file}: has no `deploy` section; add one, or say --endpoint NAME")
    if spec is None and not ((job or model) and endpoint and team):
        raise SpecError("Give a job's spec, or --team and --endpoint with --job or --model.")
    owner = team or (spec.team if spec else "")
    environment = open_environment(env)
    contract = environment.for_team(owner)
    with readable_errors(environment):
        wanted = spec.deploy if spec else None
        short = endpoint or (wanted.endpoint if wanted else "")
        full_name = short if short.startswith(f"{owner}-") else f"{owner}-{short}"
        if wanted and wanted.models:
            hosted = choose_several(environment, contract, owner, wanted.models, job, model)
            chosen = Chosen(job=job_name(full_name), model_data=prefix_of(contract, owner, full_name))
            called = ""
        else:
            hosted, chosen = (), choose(environment, contract, owner, spec, job, model)
            called = chosen.name or (spec.register_as if spec else None) or short.removeprefix(f"{owner}-")
        target = Target(
            team=owner,
            job=chosen.job,
            model_data=chosen.model_data,
            endpoint=full_name,
            instance=wanted.instance if wanted else EndpointInstance.model_validate({}),
            image=wanted.image if wanted else None,
            image_digest=locked(environment, contract, spec_file, wanted.image if wanted else None),
            environment={name: as_text(value) for name, value in wanted.environment.items()} if wanted else {},
            called=called,
            models=hosted,
            expires=timedelta(seconds=expires) if expires else None,
            package=chosen.package,
            asynchronous=wanted.asynchronous if wanted else None,
            **_captured(environment, wanted, chosen.job),
            **_rolled_out(wanted, variant, weight, rollout),
            scale=wanted.scale if wanted else None,
            autoscale=wanted.autoscale if wanted else None,
        )
        if wanted and (unfit := wanted.unfit(target.variant, target.rollout)):
            raise SpecError(unfit)
        refuse_what_cannot_be_masked(target)
        notice_before(environment, contract, owner, target.endpoint)
        asked = endpoints.deploy(environment, contract, target)
        words = Wanted(
            team=owner,
            endpoint=target.endpoint,
            job=chosen.job,
            variant=target.variant,
            autoscale=target.autoscale,
            models=hosted,
        )
        return finish(environment, contract, words, asked, output, wait=wait)


def _rolled_out(
    wanted: Deployment | None, variant: str | None, weight: float | None, rollout: str | None
) -> dict[str, Any]:
    """Which variant, and how it takes over."""
    if rollout is not None and rollout not in list(Strategy):
        raise SpecError(f"--rollout {rollout}: it is {', '.join(Strategy)}")
    name = variant or (wanted.variant if wanted else MAIN)
    if name not in (MAIN, CHALLENGER, SHADOW):
        raise SpecError(f"--variant {name}: it is main, challenger or shadow")
    if weight is not None and name != CHALLENGER:
        raise SpecError("--weight is of a challenger: say --variant challenger")
    if weight is not None and not 0 < weight < 100:
        raise SpecError(f"--weight {weight:g}: it is more than 0 and less than 100 percent")
    of_spec = wanted.rollout if wanted else Rollout.model_validate({})
    chosen = Rollout.model_validate(rollout) if rollout and rollout != of_spec.strategy else of_spec
    return {
        "variant": name,
        "weight": weight if weight is not None or wanted is None or name != CHALLENGER else wanted.weight,
        "rollout": chosen,
        # All at once there is no time in which an alarm could take it back.
        "rollback_on": wanted.rollback_on if wanted and chosen.guarded else None,
    }


def _captured(environment: Environment, wanted: Deployment | None, job: str) -> dict[str, Any]:
    """Whether requests and answers are kept, and by whom."""
    if wanted is None or wanted.capture is None:
        return {}
    return {"capture_percent": wanted.capture.percent, "masked": may_hold_personal_columns(environment, job)}


INFERENCE_ID = re.compile(r"[!-~][ -~]{0,63}")
"""What InvokeEndpoint takes (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html)."""


def predict(
    rows: str,
    *,
    env: str | None,
    output: Format,
    endpoint: str,
    content_type: str | None,
    accept: str,
    inference_id: str | None = None,
    asynchronous: bool = False,
    wait: bool | None = None,
    model: str | None = None,
) -> ExitCode:
    """Ask an endpoint about the rows of a file, or of stdin. inference_id: of the request; made up where None.

    model: which of a multi-model endpoint's.
    asynchronous: by the endpoint's queue. wait: whether an endpoint that has scaled to zero is waited for, and whether
    the answers of a queue are; None for the latter alone.
    """
    name = rows
    if rows == "-":
        body = sys.stdin.buffer.read()
    else:
        path = Path(rows)
        if not path.is_file():
            raise SpecError(f"{rows}: no such file")
        name, body = path.name, path.read_bytes()
    parts = requests_in(body, name, content_type)
    ids = _inference_ids(inference_id, len(parts))
    if asynchronous and model:
        raise SpecError("--model is of an endpoint with several models, and none of these has a queue: leave out one.")
    if asynchronous:
        from ml.commands.predict_async import predict as enqueue

        return enqueue(parts, ids, env=env, output=output, endpoint=endpoint, accept=accept, wait=wait is not False)
    environment = open_environment(env)
    answers: list[bytes] = []
    requests: list[dict[str, str]] = []
    with readable_errors(environment):
        full_name, asker = endpoint, Asker(environment.clients, wait=bool(wait))
        of_model: dict[str, str] = {}
        if model:
            state = find(environment.clients.client("sagemaker"), endpoint)
            full_name = state.name
            of_model = {"TargetModel": target_of(environment.clients, state.name, state.models, model)}
        for part, known_as in zip(parts, ids, strict=True):
            request = {"ContentType": part.content_type, "Accept": accept, "Body": part.body, "InferenceId": known_as}
            request |= of_model
            try:
                answer, variant = asker.ask(full_name, request)
            except (NotFoundError, ClientError) as error:
                if not may_lack_the_team(error):
                    raise
                full_name = _full_name(environment.clients.client("sagemaker"), endpoint)
                answer, variant = asker.ask(full_name, request)
            answers.append(answer)
            requests.append({"inference_id": known_as, "variant": variant})
    predictions = table_of(answers)
    if output is Format.JSON:
        print_json({"endpoint": full_name, "predictions": predictions, "requests": requests})
    else:
        for row in predictions:
            print(prediction(row))
    return ExitCode.OK


def _inference_ids(given: str | None, count: int) -> list[str]:
    """An id a request: by it `ml lineage` and truth find what was captured. Raises SpecError."""
    if given is None:
        return [str(uuid.uuid4()) for _ in range(count)]
    ids = [given, *(f"{given}-{number}" for number in range(2, count + 1))]
    if not INFERENCE_ID.fullmatch(ids[-1]):
        raise SpecError(f"--inference-id {given!r}: SageMaker takes 1 to 64 printable characters, no blank first")
    return ids


def may_lack_the_team(error: Exception) -> bool:
    """Whether the endpoint's name may have been given without the team's. A member gets no other answer than that the
    call is refused for a name that does not begin with the team's, whether the endpoint is there or not."""
    return isinstance(error, NotFoundError) or (isinstance(error, ClientError) and is_denied(error))


def find(sagemaker: Any, name: str) -> EndpointState:
    """An endpoint by its name with or without the team's. Raises NotFoundError with the nearest names."""
    try:
        return endpoints.describe(sagemaker, name)
    except (NotFoundError, ClientError) as error:
        if not may_lack_the_team(error):
            raise
        return endpoints.describe(sagemaker, _full_name(sagemaker, name))


def _full_name(sagemaker: Any, name: str) -> str:
    """The one endpoint whose name, less the team's, is `name`. Raises NotFoundError with the nearest names."""
    found = sagemaker.list_endpoints(NameContains=name, MaxResults=100)["Endpoints"]
    whole = [entry["EndpointName"] for entry in found if entry["EndpointName"].endswith(f"-{name}")]
    return whole[0] if len(whole) == 1 else endpoints.describe(sagemaker, name).name


def delete(name: str, *, env: str | None, output: Format, wait: bool) -> ExitCode:
    """Take an endpoint down. Its model and configuration stay: deploying again is quick."""
    environment = open_environment(env)
    with readable_errors(environment):
        sagemaker = environment.clients.client("sagemaker")
        state = find(sagemaker, name)
        team = team_of(environment, state.name, "Delete it with AWS's own tools.")
        endpoints.delete(environment, environment.for_team(team), team, state.name, wait=wait)
    if output is Format.JSON:
        print_json({**state.document(), "status": "Deleted" if wait else "Deleting"})
    else:
        print(f"{state.name} is {'gone' if wait else 'going'}.")
    return ExitCode.OK
