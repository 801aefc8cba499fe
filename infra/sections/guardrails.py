"""Settings of what keeps an environment within its bounds: budgets, alarms about costs, audit, image copies."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.guardrails.upstreams import UPSTREAMS
from infra.sections.section import Problem, Section, check
from infra.sections.values import Days, KubernetesName, LogRetention, matching

Dollars = Annotated[int, Field(ge=1, le=100_000_000)]
Email = Annotated[str, AfterValidator(matching(r"[^\s@]+@[^\s@]+\.[^\s@]+", "an e-mail address"))]
PolicyArn = Annotated[
    str,
    AfterValidator(
        matching(r"(arn:[a-z-]+:iam::\d{12}:policy/[\w+=,.@/-]+)?", "the ARN of an IAM policy of the account")
    ),
]
MonitorArn = Annotated[
    str,
    AfterValidator(
        matching(r"(arn:[a-z-]+:ce::\d{12}:anomalymonitor/[\w-]+)?", "the ARN of a cost anomaly monitor of the account")
    ),
]
SecretArn = Annotated[
    str,
    AfterValidator(
        matching(
            r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:ecr-pullthroughcache/[\w/+=.@-]+",
            "the ARN of a Secrets Manager secret whose name begins with ecr-pullthroughcache/",
        )
    ),
]


class BudgetSettings(Section):
    """What the environment may cost.

    monthly_usd: dollars a month; alarms at 80 %, at 100 % and when 100 % is forecast.
    teams: team to the dollars a month that its jobs and endpoints may cost.
    emails: who hears of it besides the alarms' topic.
    """

    monthly_usd: Dollars
    teams: dict[KubernetesName, Dollars] = Field(default_factory=dict[str, int])
    emails: Annotated[tuple[Email, ...], Field(max_length=10)] = ()


class AnomalySettings(Section):
    """Spending that nobody expected.

    enabled: whether it is watched.
    least_impact_usd: dollars that it must have cost before anybody hears of it.
    account_monitor_arn: the account's own monitor, whose findings this environment hears as well.
    """

    enabled: bool = True
    least_impact_usd: Dollars = 50
    account_monitor_arn: MonitorArn = ""


class TrailSettings(Section):
    """Who read and wrote data and models.

    enabled: whether it is logged.
    management_events: also log every call that changes resources.
    lock_days: days that a log cannot be changed or deleted; 0 leaves it to permissions.
    lock_mode: `governance` yields to who may bypass it, `compliance` to nobody.
    keep_days: days after which a log is gone.
    """

    enabled: bool = True
    management_events: bool = False
    lock_days: Annotated[int, Field(ge=0, le=36_500)] = 0
    lock_mode: Literal["governance", "compliance"] = "governance"
    keep_days: Days = 365

    @check("lock_days", "keep_days")
    def a_log_is_kept_while_it_is_locked(self) -> Iterator[Problem]:
        """A lock that outlives the log."""
        if self.keep_days < self.lock_days:
            yield Problem(
                key="keepDays",
                value=self.keep_days,
                message=f"allowed are {self.lock_days} or more, the days that a log is locked",
            )


class ImageCacheSettings(Section):
    """Copies of public images in the account's own registry.

    upstreams: registries that are copied.
    secrets: upstream to the ARN of the secret with its login, for those that need one.
    """

    upstreams: tuple[Literal["ecr", "k8s", "quay", "docker", "github"], ...] = ()
    secrets: dict[str, SecretArn] = Field(default_factory=dict[str, str])

    @check("upstreams", "secrets")
    def logins_fit_the_upstreams(self) -> Iterator[Problem]:
        """Upstreams that answer only those who log in, and secrets of upstreams that are not there."""
        missing = [name for name in self.upstreams if UPSTREAMS[name].needs_secret and name not in self.secrets]
        if missing:
            yield Problem(
                key="secrets",
                value=dict(self.secrets),
                message=f"{', '.join(missing)} answers only who logs in: name the secret with username and accessToken",
            )
        others = [name for name in self.secrets if name not in self.upstreams]
        if others:
            yield Problem(key="secrets", value=others, message="allowed are secrets of the upstreams that are set")


class SpendGuardSettings(Section):
    """What stops jobs before they pass their team's budget (`budget.teams`) or their own limit.

    enabled: whether it looks.
    every_minutes: time between two looks.
    log_days: days that its log is kept.
    """

    enabled: bool = True
    every_minutes: Annotated[int, Field(ge=1, le=60)] = 5
    log_days: LogRetention = 30


class GuardrailSettings(Section):
    """What keeps the environment within its bounds.

    budget: what it may cost.
    spend_guard: what stops jobs before they pass a limit.
    anomalies: spending that nobody expected.
    trail: who read and wrote data and models.
    image_cache: copies of public images.
    permissions_boundary: ARN of the IAM policy that bounds every role that is made here; empty for none.
    """

    budget: BudgetSettings | None = None
    spend_guard: SpendGuardSettings = SpendGuardSettings()
    anomalies: AnomalySettings = AnomalySettings()
    trail: TrailSettings = TrailSettings()
    image_cache: ImageCacheSettings = ImageCacheSettings()
    permissions_boundary: PolicyArn = ""
