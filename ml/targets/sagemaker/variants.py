"""An endpoint's variants: those that it has, and those that a deployment gives it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from botocore.exceptions import ClientError

from ml.aws import error_details
from ml.errors import MlError
from ml.spec.autoscale import Autoscale
from ml.spec.rollout import CHALLENGER, MAIN, SHADOW


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One variant of an endpoint configuration.

    model: name of the SageMaker model; "" where an inference component brings it. scale: fewest and most machines of
    such a variant. weight: its share of the requests is this over the sum of all; a shadow's is
    beside the sum.
    """

    name: str
    model: str
    instance_type: str
    count: int
    weight: float
    scale: tuple[int, int] | None = None

    def request(self) -> dict[str, Any]:
        """The variant as CreateEndpointConfig takes it."""
        serves: dict[str, Any] = {"ModelName": self.model}
        if self.scale:
            low, high = self.scale
            limits = {"Status": "ENABLED", "MinInstanceCount": low, "MaxInstanceCount": high}
            serves = {
                "ManagedInstanceScaling": limits,
                "RoutingConfig": {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"},
            }
        return {
            "VariantName": self.name,
            **serves,
            "InstanceType": self.instance_type,
            "InitialInstanceCount": self.count,
            "InitialVariantWeight": self.weight,
        }

    @staticmethod
    def read(document: Mapping[str, Any]) -> "Variant":
        """A variant of DescribeEndpointConfig. One of inference components or without servers has no machines."""
        return Variant(
            name=document["VariantName"],
            model=document.get("ModelName", ""),
            instance_type=document.get("InstanceType", ""),
            count=document.get("InitialInstanceCount", 0),
            weight=document.get("InitialVariantWeight", 1.0),
        )


@dataclass(frozen=True, kw_only=True)
class Running:
    """What a variant has now: the machines and the weight that were asked for last, by whoever asked."""

    count: int
    weight: float


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An endpoint as it stands before a deployment.

    configured: its variants as its configuration has them; empty where somebody deleted that. shadows: the same of
    copies of requests. running: what each has now, which an autoscaler or somebody else may have changed since.
    """

    status: str
    config: str
    configured: Mapping[str, Variant]
    shadows: Mapping[str, Variant]
    running: Mapping[str, Running]

    @property
    def names(self) -> frozenset[str]:
        """The production variants."""
        return frozenset(self.running) or frozenset(self.configured)

    def kept(self, name: str) -> Variant:
        """A variant that a deployment leaves as it runs. Raises MlError where nobody knows what it is made of."""
        if name not in self.configured:
            has = ", ".join(sorted(self.names)) or "nothing that is known"
            raise MlError(f"The endpoint has no variant {name!r} to keep; it has {has}. Deploy {name} first.")
        now = self.running.get(name)
        return replace(self.configured[name], count=now.count, weight=now.weight) if now else self.configured[name]


def standing(sagemaker: Any, described: Mapping[str, Any]) -> Standing:
    """The endpoint of a DescribeEndpoint's answer."""
    config = configuration(sagemaker, described["EndpointConfigName"])
    configured = {one["VariantName"]: Variant.read(one) for one in config.get("ProductionVariants", ())}
    return Standing(
        status=described["EndpointStatus"],
        config=described["EndpointConfigName"],
        configured=configured,
        shadows={one["VariantName"]: Variant.read(one) for one in config.get("ShadowProductionVariants", ())},
        running={
            one["VariantName"]: Running(
                count=one.get("DesiredInstanceCount", one.get("CurrentInstanceCount", 0)),
                weight=one.get("DesiredWeight", one.get("CurrentWeight", 1.0)),
            )
            for one in described.get("ProductionVariants", ())
        },
    )


def configuration(sagemaker: Any, name: str) -> dict[str, Any]:
    """DescribeEndpointConfig's answer; empty where there is no such configuration any more."""
    try:
        return sagemaker.describe_endpoint_config(EndpointConfigName=name)
    except ClientError as error:
        if is_missing(error):
            return {}
        raise


def is_missing(error: ClientError) -> bool:
    """Whether SageMaker says that there is no such thing."""
    code, message = error_details(error)
    said = message.lower()
    missing = any(words in said for words in ("could not find", "not found", "does not exist"))
    return code in {"ValidationException", "ResourceNotFound", "ResourceNotFoundException"} and missing


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The variants that a deployment gives an endpoint, and what of the running ones it leaves as it is.

    production, shadows: as the new configuration has them. first: whether there is no endpoint yet.
    same_names: whether the variants' names stay, which deployment guardrails need. keeps_counts, keeps_weights: whether
    the machines and weights that run now are kept where the new configuration has others.
    """

    production: tuple[Variant, ...]
    shadows: tuple[Variant, ...]
    first: bool
    same_names: bool
    keeps_counts: bool
    keeps_weights: bool
    before: Standing | None

    @property
    def dropped(self) -> tuple[str, ...]:
        """Variants that answer no longer."""
        if self.before is None:
            return ()
        now = {one.name for one in (*self.production, *self.shadows)}
        return tuple(sorted((self.before.names | frozenset(self.before.shadows)) - now))

    @property
    def expected(self) -> tuple[Variant, ...]:
        """The production variants as they are to be when the deployment is over."""
        return tuple(self._after(one) for one in self.production)

    def _after(self, variant: Variant) -> Variant:
        now = self.before.running.get(variant.name) if self.before and self.same_names else None
        if now is None:
            return variant
        count = now.count if self.keeps_counts else variant.count
        return replace(variant, count=count, weight=now.weight if self.keeps_weights else variant.weight)

    def retained(self) -> dict[str, Any]:
        """The members of UpdateEndpoint that say what is kept.

        Without them SageMaker resets machines and weights to those of the new configuration, whatever an autoscaler or
        an experiment has set since (https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateEndpoint.html).
        So all is retained, less what this deployment changes: what is other than in the configuration before.
        """
        if not self.same_names or not (self.keeps_counts or self.keeps_weights):
            return {}
        changed = {"DesiredInstanceCount": not self.keeps_counts, "DesiredWeight": not self.keeps_weights}
        excluded = [{"VariantPropertyType": name} for name, changes in changed.items() if changes]
        return {
            "RetainAllVariantProperties": True,
            **({"ExcludeRetainedVariantProperties": excluded} if excluded else {}),
        }


def lay_out(
    new: Variant, before: Standing | None, weight: float | None, *, autoscale: Autoscale | Literal[False] | None = None
) -> Layout:
    """The variants of an endpoint that gets `new`.

    `main` answers alone; a challenger or a shadow comes beside what answers now, which stays as it is.
    weight: percent of the requests for a challenger; None for as many as it has. autoscale: what moves the machines:
    those that it has brought stay. Raises MlError for what cannot be.
    """
    production: tuple[Variant, ...] = (new,)
    shadows: tuple[Variant, ...] = ()
    if new.name != MAIN:
        if before is None:
            raise MlError(f"There is no endpoint yet: deploy main first, then a {new.name} beside it.")
        main = before.kept(MAIN)
        if new.name == CHALLENGER:
            production = _shared(main, new, before, weight)
        else:
            if CHALLENGER in before.names:
                raise MlError(
                    "SageMaker takes one production variant and one shadow, and the endpoint has main and challenger "
                    "(https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html): "
                    "end the A/B test first, by deploying main."
                )
            # Of equal weight: every request is copied.
            production, shadows = (main,), (replace(new, weight=main.weight),)
    had: Mapping[str, Variant] = before.configured if before else {}
    same = (
        before is not None
        and before.names == frozenset(one.name for one in production)
        and set(before.shadows) == {one.name for one in shadows}
    )
    now = before.running.get(new.name) if before else None
    moved = autoscale and now is not None and autoscale.holds(now.count)
    spec_changes = new.name in had and had[new.name].count != new.count and not moved
    return Layout(
        production=production,
        shadows=shadows,
        first=before is None,
        same_names=same,
        keeps_counts=same and (new.name == SHADOW or not spec_changes),
        keeps_weights=same and weight is None,
        before=before,
    )


def _shared(main: Variant, challenger: Variant, before: Standing, weight: float | None) -> tuple[Variant, ...]:
    if weight is None:
        if CHALLENGER not in before.names:
            raise MlError("Say how many percent of the requests the challenger gets: --weight 10, or deploy.weight.")
        now = before.kept(CHALLENGER).weight
        return (main, replace(challenger, weight=now))
    return (replace(main, weight=round(100 - weight, 6)), replace(challenger, weight=weight))
