"""A recorded program's resources, as the engine would hand them to the policy pack."""

import json
from collections.abc import Mapping
from typing import Any

from policies.model import Resource
from policies.parameters import Parameters, from_stack_config
from policies.values import decoded
from tests.unit.recording import Recording


def resources_of(recording: Recording) -> list[Resource]:
    """Every registration, and the stack with its outputs."""
    providers = {
        item.name: {key: decoded(value) for key, value in item.inputs.items()}
        for item in recording.registrations
        if item.type.startswith("pulumi:providers:")
    }
    found = [
        Resource(
            type=item.type,
            name=item.name,
            urn=f"urn:pulumi:test::groundwork::{item.type}::{item.name}",
            raw=item.inputs,
            protect=item.protect,
            provider=providers.get(item.provider.split("::")[-2], {}) if item.provider else {},
        )
        for item in recording.registrations
    ]
    return [*found, Resource(type="pulumi:pulumi:Stack", name="stack", raw=recording.outputs)]


def parameters_of(settings: Mapping[str, Any]) -> Parameters:
    """The pack's parameters from settings, as the engine hands them over."""
    config = {
        f"groundwork:{key}": json.dumps(value) if isinstance(value, dict | list) else str(value)
        for key, value in settings.items()
    }
    return from_stack_config("groundwork", config, [])
