"""`/_groundwork/health`: what the supervisor and a person ask."""

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from local.aws_server.app import AwsServer
from local.aws_server.operations import ACCOUNT_ID, REGION, RawResponse, overlaid_operations


def health(server: AwsServer, environ: Mapping[str, Any], body: bytes) -> RawResponse:
    """Process, account and the operations that are more than moto's."""
    document = {
        "status": "ok",
        "pid": os.getpid(),
        "account": ACCOUNT_ID,
        "region": REGION,
        "url": server.settings.url,
        "uptime_s": round(time.time() - server.started_at, 1),
        "calls": server.calls,
        "overlays": [f"{service}:{name}" for service, name in overlaid_operations()],
    }
    return RawResponse(200, {"Content-Type": "application/json"}, json.dumps(document, indent=2).encode() + b"\n")
