"""Several models behind one endpoint, each loaded when it is first asked: `deploy.models`.

https://docs.aws.amazon.com/sagemaker/latest/dg/multi-model-endpoints.html
"""

from typing import Annotated

from pydantic import Field

from ml.spec.rollout import MAIN, Rollout, Strategy

HostedName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
"""What callers call one of the models."""
Reference = Annotated[str, Field(pattern=r"^[^\s/@]+([/@][^\s/@]+)?$")]
"""A training job's name, or NAME/VERSION or NAME@ALIAS of the registry."""


def is_registered(reference: str) -> bool:
    """Whether a reference is of a version in the registry; else it is a training job's name."""
    return "/" in reference or "@" in reference


def unfit_for_models(
    *,
    variant: str,
    rollout: Rollout,
    guarded: bool,
    captures: bool,
    scales: bool,
    queued: bool,
) -> str:
    """Why a deployment cannot have several models, for people; "" where it can.

    What is captured does not say which model answered, and Model Monitor knows endpoints of one model alone
    (https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor.html). Models come and go without a change of the
    endpoint, so that there is nothing to roll out in steps, and nothing that could be taken back.
    """
    if variant != MAIN:
        return f"models: all of them answer as main; a {variant} is of an endpoint with one model"
    if scales:
        return "models: inference components scale one model each; leave models or scale out"
    if queued:
        return "models: requests in a queue do not say which model they are for; leave models or async out"
    if captures:
        return "models: what is captured does not say which model answered; leave models or capture (and watch) out"
    if rollout.strategy is not Strategy.ALL_AT_ONCE or guarded:
        return "models: they come and go without a change of the endpoint; leave rollout and rollback_on out"
    return ""
