"""`ml models`."""

from pathlib import Path

from ml.commands.output import Format, numbers, print_json, table
from ml.environment import Environment, open_environment, readable_errors
from ml.errors import ExitCode, NotFoundError
from ml.packaging.inputs import read_input
from ml.packaging.source import pack_source
from ml.records import read_record
from ml.spec import JobSpec, load_spec
from ml.spec.model import as_text
from ml.targets.sagemaker import endpoints
from ml.targets.sagemaker.multi_model import jobs_of
from ml.tracking import ModelVersion, list_versions


def models(name: str | None, *, env: str | None, output: Format, limit: int, made_by: Path | None = None) -> ExitCode:
    """Versions in the registry, each with its job, its metrics and the endpoints that serve it."""
    spec = load_spec(made_by) if made_by else None
    environment = open_environment(env)
    contract = environment.platform
    versions = list_versions(environment, contract.tracking.uri, name, limit)
    if spec and made_by:
        versions = _made_by(environment, spec, made_by.parent, versions)
        if not versions:
            raise NotFoundError(f"No version was trained by {made_by} and the files beside it as they are now.")
    with readable_errors(environment):
        served: dict[str, list[str]] = {}
        for endpoint in endpoints.list_all(environment.clients.client("sagemaker")):
            for job in jobs_of(environment.clients, endpoint.name, endpoint.models):
                served.setdefault(job, []).append(endpoint.name)
    if output is Format.JSON:
        print_json([{**one.document(), "endpoints": served.get(one.job or "", [])} for one in versions])
        return ExitCode.OK
    rows = [
        (
            one.name,
            one.version,
            ", ".join(one.aliases),
            one.created.replace("T", " ").removesuffix("+00:00"),
            one.job or "",
            ", ".join(served.get(one.job or "", [])),
            # How busy the machine was says nothing about the model.
            numbers({name: value for name, value in one.metrics.items() if not name.startswith("system/")}),
        )
        for one in versions
    ]
    header = ("MODEL", "VERSION", "ALIAS", "CREATED (UTC)", "JOB", "ENDPOINT", "METRICS")
    print(table(header, rows) if rows else f"No models are registered in {environment.name}.")
    return ExitCode.OK


def _made_by(environment: Environment, spec: JobSpec, folder: Path, versions: list[ModelVersion]) -> list[ModelVersion]:
    """Versions whose run had this source, these hyperparameters and, of inputs on this machine, this content."""
    code = pack_source(folder / spec.source_dir, spec.exclude).digest
    alike = [one for one in versions if one.code == code and one.team == spec.team and one.job]
    if not alike:
        return []
    contract = environment.for_team(spec.team)
    parameters = {name: as_text(value) for name, value in spec.hyperparameters.items()}
    data = {
        name: read_input(folder / channel.source).digest for name, channel in spec.inputs.items() if channel.is_local
    }
    found: list[ModelVersion] = []
    for one in alike:
        record = read_record(environment, contract, spec.team, one.job or "")
        versions_read = {name: record.inputs[name].version for name in data if name in record.inputs}
        if record.request["HyperParameters"] == parameters and versions_read == data:
            found.append(one)
    return found
