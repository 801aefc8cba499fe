"""`ml models`."""

from pathlib import Path

from ml.commands.output import Format, numbers, print_json, table
from ml.environment import open_environment, readable_errors
from ml.errors import ExitCode, NotFoundError
from ml.packaging.source import pack_source
from ml.spec import load_spec
from ml.targets.sagemaker import endpoints
from ml.tracking import list_versions


def models(name: str | None, *, env: str | None, output: Format, limit: int, made_by: Path | None = None) -> ExitCode:
    """Versions in the registry, each with its job, its metrics and the endpoints that serve it."""
    code = _code(made_by) if made_by else None
    environment = open_environment(env)
    contract = environment.platform
    versions = list_versions(environment, contract.tracking.uri, name, limit)
    if made_by:
        versions = [one for one in versions if one.code == code]
        if not versions:
            raise NotFoundError(f"No version was trained by {made_by} and the files beside it as they are now.")
    with readable_errors(environment):
        served: dict[str, list[str]] = {}
        for endpoint in endpoints.list_all(environment.clients.client("sagemaker")):
            for job in endpoint.jobs:
                served.setdefault(job, []).append(endpoint.name)
    if output is Format.JSON:
        print_json([{**one.document(), "endpoints": served.get(one.job or "", [])} for one in versions])
        return ExitCode.OK
    rows = [
        (
            one.name,
            one.version,
            one.created.replace("T", " ").removesuffix("+00:00"),
            one.job or "",
            ", ".join(served.get(one.job or "", [])),
            numbers(one.metrics),
        )
        for one in versions
    ]
    header = ("MODEL", "VERSION", "CREATED (UTC)", "JOB", "ENDPOINT", "METRICS")
    print(table(header, rows) if rows else f"No models are registered in {environment.name}.")
    return ExitCode.OK


def _code(spec_file: Path) -> str:
    """The digest that `ml train` would give the source now."""
    spec = load_spec(spec_file)
    return pack_source(spec_file.parent / spec.source_dir, spec.exclude).digest
