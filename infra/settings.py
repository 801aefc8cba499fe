"""One environment's settings, parsed once into typed models.

`load` reads what Pulumi hands to the program; `parse` checks it and reports everything that is wrong at once.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, cast

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import Field

from components.efa_plugin import default_image
from infra.existing_settings import cluster_problems, key_problems, own_name_problems
from infra.queue_settings import queue_problems
from infra.references.program import program_sources, summary
from infra.references.resolve import resolve
from infra.sections.ci import CiSettings
from infra.sections.compute import ClusterSettings
from infra.sections.costs import CostSettings
from infra.sections.guardrails import GuardrailSettings
from infra.sections.ml import TeamSettings, TrackingSettings, TrainingSettings
from infra.sections.monitoring import MonitoringSettings
from infra.sections.network import NetworkSettings
from infra.sections.node_pools import NodePoolSettings
from infra.sections.policy import PolicySettings
from infra.sections.promotion import PromotionSettings
from infra.sections.queues import QueuesSettings
from infra.sections.section import Problem, Section, check
from infra.sections.storage import KeysSettings, ProtectionSettings, RegistrySettings, StorageSettings
from infra.sections.values import AccountId, ProfileName, Region, Tags, matching
from infra.setting_walk import NAMESPACE, WRONG, coming_from, not_allowed, walk

ROLE_NAME_CHARACTERS = 64
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
LONGEST_ENVIRONMENT = 20
check_environment = matching(
    rf"[a-z][a-z0-9-]{{0,{LONGEST_ENVIRONMENT - 2}}}[a-z0-9]",
    f"a stack name of 2 to {LONGEST_ENVIRONMENT} lower-case letters, digits and hyphens, starting with a letter",
)


class SettingsError(Exception):
    """The settings are not valid. The message is the whole list of what is wrong, ready to be shown."""

    def __init__(self, lines: Sequence[str]):
        self.lines = tuple(lines)
        count = "1 setting is" if len(lines) == 1 else f"{len(lines)} settings are"
        super().__init__("\n".join([f"{count} not valid; nothing has been changed.", *(f"  {x}" for x in lines)]))


class Settings(Section):
    """Everything that is set for one environment.

    region: AWS region.
    account_id: the only AWS account that this environment may touch; empty allows the profile's own, which an
        environment whose data is protected refuses.
    profile: AWS profile; empty means `groundwork-<stack>`.
    tags: put on every AWS resource.
    network: the VPC, or an existing one.
    teams: who uses the platform.
    """

    region: Region
    account_id: AccountId = ""
    profile: ProfileName = ""
    tags: Tags = Field(default_factory=dict)
    network: NetworkSettings
    keys: KeysSettings = KeysSettings()
    storage: StorageSettings = StorageSettings()
    registry: RegistrySettings = RegistrySettings()
    cluster: ClusterSettings = ClusterSettings()
    node_pools: tuple[NodePoolSettings, ...] = ()
    queues: QueuesSettings = QueuesSettings()
    teams: Annotated[tuple[TeamSettings, ...], Field(min_length=1)]
    training: TrainingSettings = TrainingSettings()
    tracking: TrackingSettings = TrackingSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    protection: ProtectionSettings = ProtectionSettings()
    ci: CiSettings = CiSettings()
    policy: PolicySettings = PolicySettings()
    guardrails: GuardrailSettings = GuardrailSettings()
    promotion: PromotionSettings = PromotionSettings()
    costs: CostSettings = CostSettings()

    @check("region", "network")
    def zones_lie_in_the_region(self) -> Iterator[Problem]:
        """Zones of another region."""
        for index, zone in enumerate(self.network.zones):
            if zone[:-1] != self.region:
                allowed = f"allowed is a zone of {self.region}, such as {self.region}{zone[-1]}"
                yield Problem(key=f"network.zones[{index}]", value=zone, message=allowed)

    @check("account_id", "protection")
    def what_is_protected_names_its_account(self) -> Iterator[Problem]:
        """Data worth protecting, and any account will do."""
        if self.protection.protect and not self.account_id:
            message = "with protection.protect an environment names the only account that it may touch, in quotes"
            yield Problem(key="accountId", value=None, message=message)

    @check("guardrails", "protection")
    def a_destroy_can_take_the_audit_logs(self) -> Iterator[Problem]:
        """Logs that nobody can delete, in an environment that shall leave nothing behind."""
        trail = self.guardrails.trail
        if self.protection.delete_contents and trail.enabled and trail.lock_days and trail.lock_mode == "compliance":
            message = "with protection.deleteContents allowed is governance: what is locked outlives a destroy"
            yield Problem(key="guardrails.trail.lockMode", value=trail.lock_mode, message=message)

    @check("guardrails", "teams")
    def budgets_are_of_teams_that_exist(self) -> Iterator[Problem]:
        """A budget of a team that nobody has."""
        names = {team.name for team in self.teams}
        for team in self.guardrails.budget.teams if self.guardrails.budget else {}:
            if team not in names:
                message = f"allowed are teams of this environment: {', '.join(sorted(names))}"
                yield Problem(key="guardrails.budget.teams", value=team, message=message)

    @check("registry", "teams")
    def somebody_can_approve(self) -> Iterator[Problem]:
        """Approval that is required, and a team whose models nobody may approve."""
        for index, team in enumerate(self.teams):
            if self.registry.approval_required and not team.approvers:
                message = "with registry.approvalRequired a team names who approves its models"
                yield Problem(key=f"teams[{index}].approvers", value=None, message=message)

    @check("account_id", "promotion")
    def promotions_go_to_another_account(self) -> Iterator[Problem]:
        """A promotion from an account to itself."""
        accounts = [*self.promotion.to, *(source.account_id for source in self.promotion.sources)]
        if self.account_id and self.account_id in accounts:
            message = "allowed are other accounts: within one, `ml promote` copies nothing"
            yield Problem(key="promotion", value=self.account_id, message=message)

    @check("cluster", "network", "node_pools")
    def an_existing_cluster_has_its_network(self) -> Iterator[Problem]:
        """A cluster of somebody else's without its VPC, or with pools that would change it."""
        yield from cluster_problems(self.cluster, self.network, self.node_pools)

    @check("keys", "region", "account_id")
    def existing_keys_are_of_this_place(self) -> Iterator[Problem]:
        """Keys of another region or account."""
        yield from key_problems(self.keys, self.region, self.account_id)

    @check("node_pools", "teams")
    def quotas_can_be_filled(self) -> Iterator[Problem]:
        """GPU quotas beyond what all pools together may ever hold."""
        counts = [pool.advertised for pool in self.node_pools if pool.accelerator == "nvidia"]
        total, sums = sum(counts), " + ".join(str(count) for count in counts) or "0"
        for index, team in enumerate(self.teams):
            if team.quota.gpus > total:
                allowed = f"allowed is {total} or less: all GPU pools together hold {sums}"
                yield Problem(key=f"teams[{index}].quota.gpus", value=team.quota.gpus, message=allowed)

    @check("node_pools", "queues", "teams")
    def queues_share_what_there_is(self) -> Iterator[Problem]:
        """More classes of machines than Kueue takes, and guarantees that cannot be kept."""
        if self.queues.enabled:
            yield from queue_problems(self.node_pools, self.teams)

    @check("node_pools", "network")
    def pools_lie_in_the_network(self) -> Iterator[Problem]:
        """Zones that the network has no subnet in."""
        for index, pool in enumerate(self.node_pools):
            if self.network.existing is not None and pool.kind == "managed" and pool.zones:
                message = (
                    "which subnet lies in which zone is known of the platform's own network alone, not of `existing`"
                )
                yield Problem(key=f"nodePools[{index}].zones", value=list(pool.zones), message=message)
            elif self.network.existing is None and (strange := set(pool.zones) - set(self.network.zones)):
                known = ", ".join(self.network.zones)
                message = f"the network has no subnet in {', '.join(sorted(strange))}, only in {known}"
                yield Problem(key=f"nodePools[{index}].zones", value=list(pool.zones), message=message)

    @check("node_pools", "cluster", "region")
    def the_plugin_of_adapters_has_an_image(self) -> Iterator[Problem]:
        """EFA in a region whose registry of EKS images is not known."""
        wanted = any(pool.efa for pool in self.node_pools)
        if wanted and self.cluster.efa_plugin_image is None and default_image(self.region) is None:
            message = f"the registry of EKS's images in {self.region} is not known here; give the plugin's image"
            yield Problem(key="cluster.efaPluginImage", value=None, message=message)


def load() -> tuple[str, Settings]:
    """The environment's name and its settings. What stands elsewhere is read here, once, and only where a setting asks.

    Raises pulumi.RunError with every problem, which the engine shows without a traceback.
    """
    environment = pulumi.get_stack()
    raw = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    prefix = f"{NAMESPACE}:"
    ours = {key.removeprefix(prefix): _decoded(value) for key, value in raw.items() if key.startswith(prefix)}
    resolved = resolve(ours, program_sources(environment, ours))
    if resolved.origins:
        pulumi.log.info(summary(resolved.origins))
    try:
        return environment, parse(environment, resolved.values, resolved.origins)
    except SettingsError as error:
        raise pulumi.RunError(f"Pulumi.{environment}.yaml: {error}") from None


def parse(environment: str, raw: Mapping[str, Any], origins: Mapping[str, str] | None = None) -> Settings:
    """The settings of these keys and values (camelCase, without the namespace).

    origins: what `resolve` says of where values came from. Without it nothing is looked up: a value that stands
    elsewhere is a problem then. Raises SettingsError with every problem of the file.
    """
    if origins is None:
        raw, origins = resolve(raw, None).values, {}
    with coming_from(origins):
        return _parse(environment, raw)


def _parse(environment: str, raw: Mapping[str, Any]) -> Settings:
    lines: list[str] = []
    try:
        check_environment(environment)
    except ValueError as error:
        lines.append(f"stack name {environment!r} is not allowed; allowed is {error}")
    walked = walk(Settings, dict(raw), "")
    lines += walked.lines
    for key in ("nodePools", "teams"):
        lines += _duplicates(key, raw.get(key))
    lines += _long_role_names(environment, raw.get("teams"))
    if walked.value is not WRONG:
        own = own_name_problems(walked.value.cluster, f"{NAMESPACE}-{environment}")
        lines += [not_allowed(problem.key, problem.value, problem.message) for problem in own]
    if lines or walked.value is WRONG:
        raise SettingsError(lines)
    return walked.value


def _named(raw: Any) -> Iterator[tuple[int, str]]:
    """Index and name of a list's entries that have one, even where an entry is wrong otherwise."""
    entries = cast(list[Any], raw) if isinstance(raw, list) else []
    for index, entry in enumerate(entries):
        name = cast(dict[str, Any], entry).get("name") if isinstance(entry, dict) else None
        if isinstance(name, str):
            yield index, name


def _duplicates(key: str, raw: Any) -> Iterator[str]:
    seen: dict[str, int] = {}
    for index, name in _named(raw):
        if name in seen:
            yield not_allowed(f"{key}[{index}].name", name, f"{key}[{seen[name]}] has this name already")
        seen.setdefault(name, index)


def _long_role_names(environment: str, raw: Any) -> Iterator[str]:
    """Team names that make the name of the team's IAM role too long."""
    for index, name in _named(raw):
        role = f"{NAMESPACE}-{environment}-{name}-execution"
        if len(role) > ROLE_NAME_CHARACTERS:
            room = ROLE_NAME_CHARACTERS - (len(role) - len(name))
            arithmetic = f"the IAM role {role} has {len(role)}, and IAM takes {ROLE_NAME_CHARACTERS}"
            yield not_allowed(f"teams[{index}].name", name, f"allowed are {room} characters here: {arithmetic}")


def _decoded(value: Any) -> Any:
    """A setting as Pulumi hands it over: groups and lists as JSON, everything else as text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value
