"""Cases of the types that the spend guard is made of."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from aws_provider_cases import Case, World, unique

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_ARCHIVE, _ASSET = "0def7320c3a5731c473e5ecbe6d01bc7", "c44067f5952c0a294b673a41bacd8c17"
"""How Pulumi marks archives and assets on the wire (sdk/proto, resource.go)."""


def _code(text: str) -> dict[str, Any]:
    return {_SIGNATURE: _ARCHIVE, "assets": {"work.py": {_SIGNATURE: _ASSET, "text": text}}}


def _function(world: World, **more: Any) -> dict[str, Any]:
    return {
        "name": unique("work"),
        "role": world.role("lambda").state["arn"],
        "handler": "work.handler",
        "runtime": "python3.13",
        "code": _code("def handler(event, context): return 1\n"),
        **more,
    }


def _schedule(world: World, **more: Any) -> dict[str, Any]:
    function = world.make("aws:lambda/function:Function", **_function(world)).state["arn"]
    return {
        "name": unique("every"),
        "scheduleExpression": "rate(1 day)",
        "flexibleTimeWindow": {"mode": "OFF"},
        "target": {"arn": function, "roleArn": world.role("scheduler").state["arn"]},
        **more,
    }


CASES: dict[str, Case] = {
    "aws:lambda/function:Function": Case(
        lambda w: _function(
            w,
            description="works",
            environment={"variables": {"WORD": "sesame"}},
            kmsKeyArn=w.key().state["arn"],
            loggingConfig={"logFormat": "Text", "logGroup": "/aws/lambda/work"},
        ),
        {
            "name": lambda w: unique("renamed"),
            "role": lambda w: w.role("lambda").state["arn"],
            "handler": "work.other",
            "runtime": "python3.14",
            "code": lambda w: _code("def handler(event, context): return 2\n"),
            "architectures": ["arm64"],
            "description": "works otherwise",
            "environment": {"variables": {"WORD": "open"}},
            "kmsKeyArn": lambda w: w.key().state["arn"],
            "loggingConfig": {"logFormat": "Text", "logGroup": "/aws/lambda/other"},
            "memorySize": 256,
            "timeout": 30,
        },
    ),
    "aws:scheduler/schedule:Schedule": Case(
        lambda w: _schedule(w, description="each day"),
        {
            "name": lambda w: unique("renamed"),
            "scheduleExpression": "rate(2 days)",
            "scheduleExpressionTimezone": "Europe/Berlin",
            "flexibleTimeWindow": {"mode": "FLEXIBLE", "maximumWindowInMinutes": 5},
            "target": lambda w: _schedule(w)["target"] | {"input": "{}", "retryPolicy": {"maximumRetryAttempts": 0}},
            "state": "DISABLED",
            "description": "other",
            "kmsKeyArn": lambda w: w.key().state["arn"],
        },
        unchanged={"groupName": "the program makes no schedule groups"},
    ),
}

CANNOT_BE_LEFT_OUT = {
    ("aws:lambda/function:Function", "code"): "a function is its code",
    ("aws:lambda/function:Function", "handler"): "a function from an archive names its handler",
    ("aws:lambda/function:Function", "runtime"): "a function from an archive names its runtime",
}
