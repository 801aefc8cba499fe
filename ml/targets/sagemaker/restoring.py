"""Bringing an earlier version of an endpoint back: its configuration as it was, the machines as they are."""

from typing import Any

from botocore.exceptions import ClientError

from ml.audit import recording
from ml.audit.log import Act
from ml.aws import error_details, no_such_object
from ml.environment import Environment, is_denied
from ml.errors import MlError
from ml.ledger import Ledger, creating
from ml.targets.sagemaker import autoscaling
from ml.targets.sagemaker.comparison import Desired
from ml.targets.sagemaker.endpoints import BUSY, Asked, EndpointState, describe_raw
from ml.targets.sagemaker.following import follow
from ml.targets.sagemaker.history import Version, chosen
from ml.targets.sagemaker.multi_model import has_several
from ml.targets.sagemaker.noticing import known_versions
from ml.targets.sagemaker.variants import Layout, Variant, configuration, is_missing, standing
from platform_contract import PlatformContract


def bring_back(
    environment: Environment, contract: PlatformContract, team: str, state: EndpointState, to: str | None
) -> tuple[Version, Asked]:
    """Ask for the version before to serve again, or for the one that `to` names: its number, or its job.

    Raises what `chosen` and `restore` raise.
    """
    config = configuration(environment.clients.client("sagemaker"), state.config)
    if any("ModelName" not in one for one in config.get("ProductionVariants", ())):
        raise MlError(
            f"The endpoint {state.name} scales by copies of a model, and no configuration keeps their versions: deploy "
            f"an earlier one again, with --job (ml rollback {state.name} --list names them)."
        )
    if has_several(state.name, state.models):
        raise MlError(
            f"The endpoint {state.name} has several models, of which each has its versions: deploy the earlier ones "
            f"again, with their jobs in `deploy.models` (the `deploy` lines of the audit log name them)."
        )
    version = chosen(known_versions(environment, contract, team, state), state.config, state.name, to)
    return version, restore(environment, contract, team, state.name, version)


def restore(environment: Environment, contract: PlatformContract, team: str, endpoint: str, to: Version) -> Asked:
    """Ask for an earlier version to serve again, all at once; what runs now stays until it is ready.

    Its weights come back with it; machines stay as many as run, where the variants are the same. The alarms of the
    version that is left watch this one from now on. Raises MlError where
    the endpoint is in the middle of a change, or what the version is made of is gone.
    """
    sagemaker = environment.clients.client("sagemaker")
    described = describe_raw(sagemaker, endpoint)
    before = standing(sagemaker, described)
    if before.status in BUSY:
        raise MlError(f"The endpoint {endpoint} is {before.status}: wait until that is over, then roll back.")
    if before.status == "Failed":
        raise MlError(f"The endpoint {endpoint} never came up: deploy version {to.number} anew, with --job {to.job}.")
    document = configuration(sagemaker, to.config)
    missing = not document
    if missing:
        document = _request_of(environment, contract, team, to)
    production = tuple(Variant.read(one) for one in document["ProductionVariants"])
    shadows = tuple(Variant.read(one) for one in document.get("ShadowProductionVariants", ()))
    _see_that_models_are_there(environment, to, (*production, *shadows))
    same = before.names == frozenset(one.name for one in production) and frozenset(before.shadows) == frozenset(
        one.name for one in shadows
    )
    layout = Layout(
        production=production,
        shadows=shadows,
        first=False,
        same_names=same,
        keeps_counts=same,
        keeps_weights=False,
        before=before,
    )
    told = {
        "to": to.number,
        "job": to.job,
        "config": to.config,
        "variants": {one.name: one.model for one in (*production, *shadows)},
        "replaces": before.config,
    }
    try:
        with recording(environment, contract, team, "rollback", endpoint, told) as act:
            if missing:
                _make_again(environment, contract, team, to, document, act)
            autoscaling.let_go(environment, endpoint, layout)
            sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=to.config, **layout.retained())
    except ClientError as error:
        if is_denied(error):
            raise
        message = error_details(error).message
        raise MlError(f"SageMaker refused {error.operation_name} for {endpoint}: {message}") from error
    follow(environment, contract, team, endpoint, document)
    return Asked(changed=True, desired=Desired.of(endpoint, to.config, layout, document), dropped=layout.dropped)


def _request_of(environment: Environment, contract: PlatformContract, team: str, to: Version) -> dict[str, Any]:
    """CreateEndpointConfig's members of a configuration that is gone, as the ledger has them."""
    made_of = Ledger(environment, contract, team).made_of("endpoint-config", to.config)
    request: dict[str, Any] | None = made_of.get("request")
    if request is None:
        raise MlError(
            f"Version {to.number} cannot come back: its configuration {to.config} is gone, and the ledger does not say "
            f"what it was made of. Deploy it again: ml deploy … --job {to.job}"
        )
    return request


def _make_again(
    environment: Environment, contract: PlatformContract, team: str, to: Version, request: dict[str, Any], act: Act
) -> None:
    details = {"job": to.job, "config": to.config, "request": request}
    with creating(
        environment, contract, team, "endpoint-config", to.config, details=details, head=act.intent.place
    ) as creation:
        answer: dict[str, Any] = environment.clients.client("sagemaker").create_endpoint_config(**request)
        creation.arn = answer["EndpointConfigArn"]
        creation.told_by(act.intent)


def _see_that_models_are_there(environment: Environment, to: Version, variants: tuple[Variant, ...]) -> None:
    sagemaker = environment.clients.client("sagemaker")
    for variant in variants:
        again = f"Deploy it again: ml deploy … --job {to.job}"
        try:
            model: dict[str, Any] = sagemaker.describe_model(ModelName=variant.model)
        except ClientError as error:
            if not is_missing(error):
                raise
            raise MlError(
                f"Version {to.number} cannot come back: the model {variant.model} of its variant {variant.name} is "
                f"gone. {again}"
            ) from error
        container: dict[str, Any] = model.get("PrimaryContainer", {})
        uri: str = container.get("ModelDataUrl", "")
        if uri and not _is_there(environment, uri):
            raise MlError(f"Version {to.number} cannot come back: the file of its model is gone ({uri}). {again}")


def _is_there(environment: Environment, uri: str) -> bool:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        environment.clients.client("s3").head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # Who may not look lets SageMaker find out.
        return not no_such_object(error)
    return True
