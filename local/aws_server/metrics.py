"""What the server tells a Prometheus: metrics of itself, and the inference servers that it runs, as targets.

`/_groundwork/metrics` is in Prometheus' text format. `/_groundwork/prometheus/targets` is for its HTTP service
discovery (https://prometheus.io/docs/prometheus/latest/http_sd/): inference servers come and go, and choose their
ports.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from local.aws_server.operations import RawResponse, Server, ServiceError, on_start
from local.aws_server.sagemaker import endpoint_record, training_record
from local.aws_server.sagemaker.endpoints import endpoints_of

METRICS_PAGE = "/_groundwork/metrics"
TARGETS_PAGE = "/_groundwork/prometheus/targets"


@on_start
def add_pages(server: Server) -> None:
    """Makes both pages answer."""
    pages: dict[str, Any] = getattr(server, "pages", {})
    pages[METRICS_PAGE] = metrics
    pages[TARGETS_PAGE] = targets


def metrics(server: Any, environ: Mapping[str, Any], body: bytes) -> RawResponse:
    """Calls, uptime, training jobs and endpoints by status."""
    jobs = Counter(record.status for _, record in server.records.items(training_record.KIND))
    endpoints = Counter(record.status for _, record in server.records.items(endpoint_record.KIND))
    lines = [
        *_family("aws_server_calls_total", "counter", "Calls of the AWS API.", [("", server.calls)]),
        *_family(
            "aws_server_uptime_seconds", "gauge", "Seconds since its start.", [("", time.time() - server.started_at)]
        ),
        *_family("aws_server_training_jobs", "gauge", "Training jobs by status.", _by("status", jobs) or [("", 0)]),
        *_family("aws_server_endpoints", "gauge", "Endpoints by status.", _by("status", endpoints) or [("", 0)]),
    ]
    content = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
    return RawResponse(200, content, ("\n".join(lines) + "\n").encode())


def targets(server: Any, environ: Mapping[str, Any], body: bytes) -> RawResponse:
    """Every instance of every endpoint that is healthy now."""
    found: list[dict[str, Any]] = []
    try:
        endpoints = endpoints_of(server)
    except ServiceError:
        endpoints = None
    for key, record in server.records.items(endpoint_record.KIND) if endpoints is not None else ():
        traffic = endpoints.traffic(key)
        fleets = traffic.fleets() if traffic is not None else []
        for variant in (each for fleet in fleets for each in fleet.everything):
            for instance in list(variant.instances):
                if instance.port and instance.healthy.is_set():
                    found.append(
                        {
                            "targets": [f"127.0.0.1:{instance.port}"],
                            "labels": {
                                "endpoint": record.name,
                                "variant": variant.name,
                                # Ports are given out anew; an instance's own name tells it from the one before.
                                "instance": instance.identity,
                            },
                        }
                    )
    return RawResponse(200, {"Content-Type": "application/json"}, json.dumps(found).encode() + b"\n")


def _by(label: str, counts: Mapping[str, int]) -> list[tuple[str, float]]:
    return [(f'{{{label}="{name}"}}', count) for name, count in sorted(counts.items())]


def _family(name: str, kind: str, meaning: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    return [
        f"# HELP {name} {meaning}",
        f"# TYPE {name} {kind}",
        *(f"{name}{labels} {value:g}" for labels, value in samples),
    ]
