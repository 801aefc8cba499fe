"""`ml card`."""

from pathlib import Path

from ml.commands.output import Format, print_json
from ml.environment import open_environment
from ml.errors import ExitCode, MlError
from ml.registry.card_page import card_html
from ml.registry.cards import gather
from ml.tracking import model_version


def card(reference: str, *, env: str | None, output: Format, file: Path | None) -> ExitCode:
    """Write a version's model card to a file."""
    environment = open_environment(env)
    version = model_version(environment, environment.platform.tracking.uri, reference)
    if not version.team:
        raise MlError(f"Model {version.name} version {version.version} does not say whose it is.")
    facts = gather(environment, environment.for_team(version.team), version.team, version)
    target = file or Path(f"{version.name}-{version.version}.html")
    target.write_text(card_html(facts), encoding="utf-8")
    if output is Format.JSON:
        print_json(
            {
                "model": version.name,
                "version": version.version,
                "file": str(target),
                "aliases": facts.aliases.of(version.version),
                "status": facts.package.status if facts.package else None,
                "gates": facts.report["results"] if facts.report else [],
            }
        )
    else:
        print(f"The card of {version.name}/{version.version} is in {target}.")
    return ExitCode.OK
