"""Who trained a model, on which data, and who approved it: what the records of a team say of one version."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ml.audit.chain import INTENT, REFUSED, Line
from ml.records import RunRecord

APPROVALS = ("approve", "reject", "promote", "register")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What is known of a model version, a job or an endpoint.

    registered_data: inputs by channel, as the registry has them. record: the run's record. submitted: the audit line of
    its submission. decided: lines about the version's approval and promotion, oldest first. deployed: lines of
    deployments and rollbacks of it. doubts: what does not fit together.
    """

    subject: str
    job: str | None
    registered_data: Mapping[str, str]
    record: RunRecord | None
    submitted: Line | None
    decided: list[Line] = field(default_factory=list[Line])
    deployed: list[Line] = field(default_factory=list[Line])
    doubts: list[str] = field(default_factory=list[str])

    def document(self) -> dict[str, Any]:
        """The answer as `-o json` prints it."""
        return {
            "subject": self.subject,
            "job": self.job,
            "trained_by": self.submitted.by if self.submitted else None,
            "trained_at": self.submitted.at if self.submitted else None,
            "commit": self.fact("commit"),
            "dirty": self.fact("dirty"),
            "code": self.fact("code"),
            "image": self.fact("image"),
            "data": self.data(),
            "approved_by": [line.by for line in self.decided if line.action == "approve"],
            "decided": [line.document() for line in self.decided],
            "deployed": [line.document() for line in self.deployed],
            "doubts": self.doubts,
        }

    def fact(self, name: str) -> Any:
        """What the audit line says of the run; None where it does not."""
        return self.submitted.details.get(name) if self.submitted else None

    def data(self) -> dict[str, dict[str, str | None]]:
        """The inputs by channel: `uri`, and `version`, the digest of the content that it had, where that is known."""
        versions: dict[str, str] = self.fact("data_versions") or {}
        uris: dict[str, str] = self.fact("data") or dict(self.registered_data)
        if self.record is not None:
            uris = {name: one.uri for name, one in self.record.inputs.items()} or uris
        return {
            name: {"uri": uri, "version": versions.get(name)}
            for name, uri in sorted(uris.items())
            if name not in {"code", "record"}
        }


def provenance(
    subject: str,
    job: str | None,
    registered_data: Mapping[str, str],
    record: RunRecord | None,
    lines: Iterable[Line],
) -> Provenance:
    """What lines and record say together.

    subject: `MODEL/VERSION`, or a job's name. registered_data: the inputs that the registry names, by channel.
    lines: of the job's team.
    """
    told = [line for line in sorted(lines, key=lambda one: one.number) if line.phase not in (INTENT, REFUSED)]
    submitted = next((line for line in told if line.action == "submit" and line.subject == job), None)
    doubts: list[str] = []
    if submitted is None:
        doubts.append(f"no audit line tells who submitted {job}")
    if record is None:
        doubts.append(f"there is no run record of {job}")
    elif submitted is not None and submitted.details.get("record") not in (None, record.digest):
        doubts.append("the run record is not the one that the audit line was written with: it was changed")
    decided = [line for line in told if line.action in APPROVALS and _is_about(line, subject)]
    # The registry's own word for which job it is from is a tag, which the team can change; what was promoted is a line.
    doubts += [
        f"line {line.number} says that it is of job {line.details['job']}: the registry was changed"
        for line in decided
        if line.details.get("job") not in (None, "", job)
    ]
    return Provenance(
        subject=subject,
        job=job,
        registered_data=registered_data,
        record=record,
        submitted=submitted,
        decided=decided,
        deployed=[line for line in told if line.action in ("deploy", "rollback") and job and _serves(line, job)],
        doubts=doubts,
    )


def _serves(line: Line, job: str) -> bool:
    """Whether a deployment is of a job's model, alone or among those of a multi-model endpoint."""
    models: Mapping[str, Mapping[str, Any]] = line.details.get("models") or {}
    return job in (line.details.get("job"), *(one.get("job") for one in models.values()))


def _is_about(line: Line, subject: str) -> bool:
    model, _, version = subject.partition("/")
    details = line.details
    named = details.get("model") == model and str(details.get("version")) == version
    return line.subject == subject or named
