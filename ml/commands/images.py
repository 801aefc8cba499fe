"""`ml images build`, `list` and `show`."""

import difflib
import sys
from pathlib import Path

from ml.commands.output import Format, print_json, say, table
from ml.environment import Environment, open_environment, readable_errors, team_names
from ml.errors import EnvironmentNotReadyError, ExitCode, NotFoundError, SpecError
from ml.images import builds, registry
from ml.images.builds import Build
from ml.images.context import folder_of, read_context
from ml.images.lock import write_lock
from ml.images.uris import platform_image
from platform_contract import PlatformContract

SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL", "UNDEFINED")
_TAG_CHARACTERS = 12


def build(
    repository: str,
    *,
    env: str | None,
    output: Format,
    tag: str | None,
    folder: Path | None,
    spec_file: Path | None,
    team: str | None,
    wait: bool,
) -> ExitCode:
    """Build an image, unless its tag is there: tags never move."""
    environment = open_environment(env)
    with readable_errors(environment):
        owner = _team(environment, team, spec_file)
        contract = environment.for_team(owner)
        _check_repository(contract, repository)
        source = folder_of(repository, folder)
        context = read_context(source)
        chosen = tag or _default_tag(contract, repository, context.digest)
        uri = platform_image(f"{repository}:{chosen}", contract)
        there = registry.find(environment, contract, uri)
        if there is not None:
            say(f"{repository}:{chosen} is there already: tags never move. Another one needs another --tag.")
            return _tell(environment, contract, f"{repository}:{chosen}", None, output, spec_file)
        if not contract.registry.build_project:
            raise EnvironmentNotReadyError(
                f"The environment {environment.name!r} has no image builder: set `registry.build.enabled` and bring it "
                f"up, or push {uri} yourself."
            )
        begun = builds.running(environment, contract, f"{repository}:{chosen}")
        if begun is None:
            location = builds.upload(environment, contract, owner, context)
            begun = builds.start(environment, contract, owner, repository, chosen, location)
            say(f"{begun.id}: {len(context.files)} files of {source} ({context.digest[:12]}) → {repository}:{chosen}")
        else:
            say(f"{begun.id} builds {repository}:{chosen} already.")
        if not wait:
            if output is Format.JSON:
                print_json(begun.document())
            return ExitCode.OK
        try:
            ended = builds.follow(environment, begun, say)
        except KeyboardInterrupt:
            say("\nNo longer waiting; the build goes on. The same command follows it again.")
            return ExitCode.INTERRUPTED
        if ended.status != "SUCCEEDED":
            return _failed(ended, output)
        return _tell(environment, contract, f"{repository}:{chosen}", ended, output, spec_file)


def _tell(
    environment: Environment,
    contract: PlatformContract,
    name: str,
    build: Build | None,
    output: Format,
    spec_file: Path | None,
) -> ExitCode:
    image = registry.find(environment, contract, platform_image(name, contract))
    if image is None:
        raise NotFoundError(f"{name} was built and is not in the registry.")
    lock = None
    if spec_file is not None:
        lock = write_lock(spec_file.parent, environment.name, name, image.digest)
    if output is Format.JSON:
        told = {**image.document(), "image": name, "build": build.document() if build else None}
        print_json({**told, "lock": str(lock) if lock else None})
    else:
        print(f"{name} is {image.digest}, {image.size_mb:g} MB, {_findings(image.findings)}.")
        if lock:
            print(f"{lock} says so for {environment.name!r}.")
    return ExitCode.OK


def _failed(build: Build, output: Format) -> ExitCode:
    if output is Format.JSON:
        print_json(build.document())
    else:
        print(f"{build.image} was not released: the build {build.status}. {build.reason}".rstrip())
        print(f"Its log: CloudWatch Logs, {build.log_group}, {build.log_stream}")
    sys.stdout.flush()
    return build.exit_code


def _default_tag(contract: PlatformContract, repository: str, digest: str) -> str:
    """What endpoints use, for the serving image; for others a tag that the same files make again."""
    served, _, tag = contract.registry.serving_image.rpartition(":")
    return tag if contract.registry.repositories.get(repository) == served else digest[:_TAG_CHARACTERS]


def _team(environment: Environment, team: str | None, spec_file: Path | None) -> str:
    """Whose prefix the context goes to."""
    if team:
        return team
    if spec_file is not None:
        from ml.spec import load_spec

        return load_spec(spec_file).team
    teams = team_names(environment)
    if len(teams) != 1:
        raise SpecError(f"Which team builds? Say --team: {', '.join(teams) or 'there is none'}.")
    return teams[0]


def _check_repository(contract: PlatformContract, repository: str) -> None:
    known = contract.registry.repositories
    if repository not in known:
        close = difflib.get_close_matches(repository, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(known)) or 'none'}."
        raise SpecError(f"The platform's registry has no repository {repository!r}; {hint}")


def list_images(repository: str | None, *, env: str | None, output: Format) -> ExitCode:
    """The images that are there."""
    environment = open_environment(env)
    with readable_errors(environment):
        contract = environment.platform
        if repository:
            _check_repository(contract, repository)
        purposes = [repository] if repository else sorted(contract.registry.repositories)
        images = [image for purpose in purposes for image in registry.list_images(environment, contract, purpose)]
    if output is Format.JSON:
        print_json([image.document() for image in images])
    elif not images:
        print(f"No images. `ml images build serving --env {environment.name}` makes the one that endpoints use.")
    else:
        rows = [
            (
                image.repository,
                ", ".join(image.tags),
                image.digest[:19],
                image.pushed[:16].replace("T", " "),
                f"{image.size_mb:g} MB",
                _findings(image.findings),
            )
            for image in images
        ]
        print(table(("repository", "tags", "digest", "pushed", "size", "findings"), rows))
    return ExitCode.OK


def show(image: str, *, env: str | None, output: Format) -> ExitCode:
    """One image, with its findings."""
    environment = open_environment(env)
    with readable_errors(environment):
        contract = environment.platform
        uri = platform_image(image, contract)
        if registry.purpose_of(contract, uri) is None:
            raise SpecError(f"{image}: is in no repository of the platform")
        found = registry.find(environment, contract, uri)
        if found is None:
            raise NotFoundError(f"The image {image} is not in the registry of {environment.name!r}.")
        findings = list(registry.findings(environment, contract, found))
        sbom = registry.bill_of_materials(environment, contract, found)
    if output is Format.JSON:
        print_json({**found.document(), "found": findings, "sbom": sbom})
        return ExitCode.OK
    print(f"{found.repository}: {', '.join(found.tags) or 'no tag'}")
    print(f"  digest    {found.digest}")
    print(f"  pushed    {found.pushed}, {found.size_mb:g} MB")
    print(f"  materials {sbom or 'no bill of materials is attached'}")
    print(f"  scan      {_findings(found.findings)}")
    ordered = sorted(
        findings, key=lambda one: SEVERITIES.index(one["severity"]) if one["severity"] in SEVERITIES else 9
    )
    for one in ordered:
        print(f"    {one['severity']:<13} {one['name']}  {one['package']} {one['version']}".rstrip())
    return ExitCode.OK


def _findings(counts: dict[str, int] | None) -> str:
    if counts is None:
        return "not scanned"
    known = [f"{counts[severity]} {severity.lower()}" for severity in SEVERITIES if counts.get(severity)]
    return ", ".join(known) or "no findings"
