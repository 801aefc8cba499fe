"""The roles that a recorded program makes, and what IAM would let them do."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from local.aws_server.iam_policy import Policy, evaluate
from tests.unit.recording import Recording


@dataclass(frozen=True)
class Role:
    """One role.

    name: its logical name.
    policies: its own policies, and AWS's that are attached to it.
    trust: statements of who may assume it.
    boundary: ARN of its permissions boundary, where it has one.
    """

    name: str
    policies: Sequence[Policy]
    trust: Sequence[Mapping[str, Any]]
    boundary: str

    def may(self, action: str, resource: str = "*", context: Mapping[str, str] | None = None) -> bool:
        """Whether the role's policies allow an action, with these condition keys; every request comes over TLS."""
        keys = {"aws:securetransport": ["true"]} | {key.lower(): [value] for key, value in (context or {}).items()}
        return evaluate(action, resource, keys, self.policies).decision == "allowed"


def roles_of(recording: Recording) -> dict[str, Role]:
    """Logical name to role, for every role of a recording."""
    inline = recording.of("aws:iam/rolePolicy:RolePolicy").values()
    attached = recording.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment").values()
    own = {item.inputs.get("name"): item for item in recording.of("aws:iam/policy:Policy").values()}
    found: dict[str, Role] = {}
    for item in recording.of("aws:iam/role:Role").values():
        name = item.inputs["name"]
        policies = [
            Policy(one.name, "role", json.loads(one.inputs["policy"])) for one in inline if one.inputs["role"] == name
        ]
        for one in attached:
            if one.inputs["role"] == name:
                policies.append(_attached(one.inputs["policyArn"], own))
        trust = json.loads(item.inputs["assumeRolePolicy"])["Statement"]
        found[item.name] = Role(item.name, policies, trust, item.inputs.get("permissionsBoundary") or "")
    return found


def _attached(arn: str, own: Mapping[Any, Any]) -> Policy:
    name = arn.rpartition("/")[2]
    if name in own:
        return Policy(name, "user-managed", json.loads(own[name].inputs["policy"]))
    return Policy(name, "aws-managed", _managed_policies()[name])


@cache
def _managed_policies() -> Mapping[str, Any]:
    """AWS's managed policies, as moto records them."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    return {name: policy["Document"] for name, policy in json.loads(aws_managed_policies_data).items()}
