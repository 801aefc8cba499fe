"""What answered a request, who trained that, and on which data: from captures to the audit log.

A capture says which variant of the endpoint answered, and when; the audit log says which configuration the endpoint had
then, and which job's model that variant was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ml.audit.chain import DONE, Line
from ml.audit.serving import Served, serving_at, timeline
from ml.audit.who import Provenance
from ml.captures import CapturedRequest
from ml.names import job_of
from ml.spec.rollout import MAIN

TAKING_OVER = timedelta(hours=1)
"""For so long after a deployment was accepted, what was there before may still have answered: the log tells when
SageMaker accepted it, and not when the new machines took over."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """What a variant was at a time.

    served: configuration and its audit lines. job: that the model is from. deployed: the line that tells of image and
    package, None where none does. before: the job whose model may still have answered; None where none may.
    """

    served: Served
    model: str | None
    job: str | None
    deployed: Line | None
    before: str | None = None

    @property
    def image(self) -> str | None:
        """The container image, with its digest where the deployment knew it."""
        return self.deployed.details.get("image") if self.deployed else None

    @property
    def package(self) -> str | None:
        """ARN of the approved model package; None for a model that needed no approval."""
        return self.deployed.details.get("package") if self.deployed else None


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """The whole answer. server, provenance: None where the log does not tell. approved: lines of approvals."""

    endpoint: str
    request: CapturedRequest
    server: Server | None
    provenance: Provenance | None
    approved: Sequence[Line] = ()
    doubts: Sequence[str] = field(default_factory=list[str])

    def document(self) -> dict[str, Any]:
        """As `-o json` prints it. Of what was asked and answered it has nothing."""
        server, request = self.server, self.request
        return {
            "endpoint": self.endpoint,
            "request": {
                "event_id": request.event_id,
                "inference_id": request.inference_id or None,
                "time": request.time.isoformat(),
                "variant": request.variant,
            },
            "served_by": {
                "config": server.served.config,
                "model": server.model,
                "job": server.job,
                "image": server.image,
                "package": server.package,
                "told_by": place_of(server.served.line),
                "deployed_by": place_of(server.deployed),
            }
            if server
            else None,
            "trained": {
                **{
                    key: value
                    for key, value in self.provenance.document().items()
                    if key not in ("deployed", "decided")
                },
                "told_by": place_of(self.provenance.submitted),
                "record": self.provenance.record.digest if self.provenance.record else None,
            }
            if self.provenance
            else None,
            "approved": [place_of(line) for line in self.approved],
            "doubts": list(self.doubts),
        }


def place_of(line: Line | None) -> dict[str, Any] | None:
    """A line with its place in the log: number and digest find it there, and `ml audit verify` tells of any change."""
    if line is None:
        return None
    return {"line": line.number, "digest": line.place.digest, "action": line.action, "at": line.at, "by": line.by}


def server_of(lines: Iterable[Line], endpoint: str, request: CapturedRequest) -> Server | None:
    """What answered a request; None where the log does not tell. lines: of the team's log, in any order."""
    told = list(lines)
    history = timeline(told, endpoint)
    served = serving_at(history, request.time)
    if served is None:
        return None
    now = _server(told, endpoint, served, request.variant)
    place = history.index(served)
    if place and request.time - served.since < TAKING_OVER and history[place - 1].until == served.since:
        earlier = _server(told, endpoint, history[place - 1], request.variant)
        if earlier.job != now.job:
            return replace(now, before=earlier.job)
    return now


def approvals(lines: Iterable[Line], package: str | None) -> list[Line]:
    """The lines that tell who approved a model package."""
    return [
        line
        for line in lines
        if line.phase == DONE and line.action == "approve" and package and line.details.get("package") == package
    ]


def _server(lines: Sequence[Line], endpoint: str, served: Served, variant: str) -> Server:
    details = served.made_by.details
    variants: Mapping[str, str] = details.get("variants") or {details.get("variant") or MAIN: ""}
    model = variants.get(variant) or None
    job = job_of(model) if model else None
    if job is None and variant == (details.get("variant") or MAIN):
        job = details.get("job")
    # A deployment tells of its own variant alone: what another one was made of stands in the one that brought it.
    deployed = [
        line
        for line in lines
        if line.subject == endpoint
        and line.action == "deploy"
        and (line.phase == DONE or line is served.made_by)
        and line.number <= served.made_by.number
        and line.details.get("job") == job
    ]
    return Server(
        served=served,
        model=model,
        job=job,
        deployed=max(deployed, key=lambda line: line.number, default=None),
    )
