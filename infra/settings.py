"""One environment's settings, parsed once into typed models.

`load` reads what Pulumi hands to the program; `parse` checks it and reports everything that is wrong at once.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, cast

import pulumi
from pulumi.runtime import config as runtime_config
from pydantic import Field, TypeAdapter, ValidationError

from infra.sections.compute import ClusterSettings, GpuPoolSettings
from infra.sections.ml import TeamSettings, TrackingSettings, TrainingSettings
from infra.sections.network import NetworkSettings
from infra.sections.section import Section
from infra.sections.storage import KeysSettings, ProtectionSettings, RegistrySettings, StorageSettings
from infra.sections.values import AccountId, Region, matching
from infra.setting_errors import NAMESPACE, SettingsError, line, lines_of, unknown_key

ROLE_NAME_CHARACTERS = 64
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
LONGEST_ENVIRONMENT = 20
check_environment = matching(
    rf"[a-z][a-z0-9-]{{0,{LONGEST_ENVIRONMENT - 2}}}[a-z0-9]",
    f"a stack name of 2 to {LONGEST_ENVIRONMENT} lower-case letters, digits and hyphens",
)


class Settings(Section):
    """Everything that is set for one environment.

    region: AWS region.
    account_id: the only AWS account that this environment may touch; empty allows the profile's own.
    profile: AWS profile; empty means `groundwork-<stack>`.
    tags: put on every AWS resource.
    """

    region: Region
    account_id: AccountId = ""
    profile: str = ""
    tags: dict[str, str] = Field(default_factory=dict)
    network: NetworkSettings
    keys: KeysSettings = KeysSettings()
    storage: StorageSettings = StorageSettings()
    registry: RegistrySettings = RegistrySettings()
    cluster: ClusterSettings = ClusterSettings()
    gpu_pools: tuple[GpuPoolSettings, ...] = ()
    teams: Annotated[tuple[TeamSettings, ...], Field(min_length=1)]
    training: TrainingSettings = TrainingSettings()
    tracking: TrackingSettings = TrackingSettings()
    protection: ProtectionSettings = ProtectionSettings()


def load() -> tuple[str, Settings]:
    """The environment's name and its settings.

    Raises pulumi.RunError with every problem, which the engine shows without a traceback.
    """
    environment = pulumi.get_stack()
    raw = {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}
    prefix = f"{NAMESPACE}:"
    ours = {key.removeprefix(prefix): value for key, value in raw.items() if key.startswith(prefix)}
    try:
        return environment, parse(environment, {key: _decoded(value) for key, value in ours.items()})
    except SettingsError as error:
        raise pulumi.RunError(f"Pulumi.{environment}.yaml: {error}") from None


def parse(environment: str, raw: Mapping[str, Any]) -> Settings:
    """The settings of these keys and values (camelCase, without the namespace).

    Raises SettingsError with every problem. What concerns several settings is checked where each of them is right.
    """
    lines: list[str] = []
    values: dict[str, Any] = {}
    fields = {field.alias or name: (name, field) for name, field in Settings.model_fields.items()}
    lines += [unknown_key(key, fields) for key in raw if key not in fields]
    for key, (name, field) in fields.items():
        if key not in raw:
            if field.is_required():
                lines.append(f"{NAMESPACE}:{key}: is missing")
            else:
                values[name] = field.get_default(call_default_factory=True, validated_data={})
            continue
        annotation = field.rebuild_annotation()
        try:
            values[name] = TypeAdapter[Any](annotation).validate_python(raw[key])
        except ValidationError as error:
            lines += lines_of(error, key, annotation)
    lines += _environment_problems(environment)
    for key in ("gpuPools", "teams"):
        lines += _duplicates(key, raw.get(key))
    lines += _zone_problems(values)
    lines += _name_problems(environment, values)
    lines += _quota_problems(values)
    if lines:
        raise SettingsError(lines)
    return Settings.model_construct(**values)


def _environment_problems(environment: str) -> Iterator[str]:
    try:
        check_environment(environment)
    except ValueError as error:
        yield f"stack name {environment!r} is not allowed; allowed is {error}"


def _duplicates(key: str, raw: Any) -> Iterator[str]:
    """Names that two entries of a list share, which is plain to see even where an entry is wrong otherwise."""
    if not isinstance(raw, list):
        return
    seen: dict[str, int] = {}
    for index, entry in enumerate(cast(list[Any], raw)):
        name = cast(dict[str, Any], entry).get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        if name in seen:
            yield line(f"{key}[{index}].name", name, f"a name of its own; {key}[{seen[name]}] has this one")
        seen.setdefault(name, index)


def _zone_problems(values: Mapping[str, Any]) -> Iterator[str]:
    region, network = values.get("region"), values.get("network")
    if region is None or network is None:
        return
    for index, zone in enumerate(network.zones):
        if zone[:-1] != region:
            yield line(f"network.zones[{index}]", zone, f"a zone of {region}, such as {region}{zone[-1]}")


def _name_problems(environment: str, values: Mapping[str, Any]) -> Iterator[str]:
    """Team names that make an IAM role's name too long."""
    for index, team in enumerate(values.get("teams", ())):
        role = f"{NAMESPACE}-{environment}-{team.name}-execution"
        if len(role) > ROLE_NAME_CHARACTERS:
            room = ROLE_NAME_CHARACTERS - (len(role) - len(team.name))
            yield line(
                f"teams[{index}].name",
                team.name,
                f"at most {room} characters here: the IAM role {role} has {len(role)}, and IAM takes "
                f"{ROLE_NAME_CHARACTERS}",
            )


def _quota_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """GPU quotas that no pool can ever fill."""
    pools = values.get("gpu_pools")
    if pools is None:
        return
    total = sum(pool.max_gpus for pool in pools)
    for index, team in enumerate(values.get("teams", ())):
        if team.quota.gpus > total:
            sums = " + ".join(str(pool.max_gpus) for pool in pools) or "0"
            yield line(f"teams[{index}].quota.gpus", team.quota.gpus, f"{total} or less: the pools hold {sums} GPUs")


def _decoded(value: Any) -> Any:
    """A setting as Pulumi hands it over: groups and lists as JSON, everything else as text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value
