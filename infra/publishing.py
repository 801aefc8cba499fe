"""Publishes the platform contract: one SSM parameter a section and one a team, and an index of the teams."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from platform_contract import section_document, section_path, team_index_documents, team_index_path, team_path

Values = Mapping[str, pulumi.Input[Any]]


@dataclass(frozen=True, kw_only=True)
class ContractArgs:
    """What is published.

    sections: section name to its values.
    teams: team name to its document's values.
    """

    environment: str
    sections: Mapping[str, Values]
    teams: Mapping[str, Values]


class Contract(pulumi.ComponentResource):
    """The platform contract in Parameter Store. A section that does not fit its model or a parameter is an error."""

    document: pulumi.Output[dict[str, Any]]
    """The whole contract, for the stack's output."""

    def __init__(self, name: str, args: ContractArgs, opts: pulumi.ResourceOptions | None = None):
        super().__init__("groundwork:platform:Contract", name, None, opts)
        for section, values in args.sections.items():
            self._parameter(f"{name}-{section}", section_path(args.environment, section), section, values)
        for team, values in args.teams.items():
            self._parameter(f"{name}-team-{team}", team_path(args.environment, team), "team", values)
        for number, index in enumerate(team_index_documents(args.teams)):
            self._write(f"{name}-team-index-{number}", f"{team_index_path(args.environment)}/{number}", index)
        self.document = pulumi.Output.from_input(
            {**{section: dict(values) for section, values in args.sections.items()}, "teams": dict(args.teams)}
        )
        self.register_outputs({})

    def _parameter(self, name: str, path: str, section: str, values: Values) -> None:
        def write(known: Mapping[str, Any]) -> str:
            return section_document(section, known)

        self._write(name, path, pulumi.Output.all(**values).apply(write))

    def _write(self, name: str, path: str, text: pulumi.Input[str]) -> None:
        aws.ssm.Parameter(
            name,
            name=path,
            type="String",
            tier="Standard",
            description="Groundwork platform contract",
            # Nothing in it is secret, and a preview should show what changes in it.
            insecure_value=text,
            opts=pulumi.ResourceOptions(parent=self),
        )
