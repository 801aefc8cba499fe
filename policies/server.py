"""Serves the rules to the engine: the Analyzer service of Pulumi's analyzer.proto.

Not by pulumi-policy's PolicyPack, for three reasons that its 1.21.0 gives. It does not hand on the stack's settings,
which ConfigureStack brings and per-environment parameters come from. It gives a policy up for a resource at the first
value that a preview does not know. And it decodes each resource once a policy and imports the whole SDK, which every
preview would wait for. Names, messages, levels and the configuration by `--policy-pack-config` are the same.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google._upb import _message  # pyright: ignore[reportMissingImports, reportMissingModuleSource]
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2

from policies.judge import judge, judge_stack
from policies.model import Resource, Rule, Violation
from policies.parameters import Parameters, from_stack_config
from policies.rules import RULES
from policies.values import decoded, from_struct

PACK = "groundwork"
analyzer: Any = analyzer_pb2
analyzer_grpc: Any = analyzer_pb2_grpc
plugin: Any = plugin_pb2
LEVELS: Mapping[str, int] = {
    "advisory": analyzer.ADVISORY,
    "mandatory": analyzer.MANDATORY,
    "disabled": analyzer.DISABLED,
}


class PolicyPack(analyzer_grpc.AnalyzerServicer):
    """The rules, held against what the engine registers. Each is mandatory unless the engine is told otherwise."""

    def __init__(self, rules: tuple[Rule, ...], version: str = ""):
        self._rules = rules
        self._version = version
        self._parameters = Parameters()
        self._levels = dict.fromkeys((rule.name for rule in rules), analyzer.MANDATORY)

    # What the engine calls; the names are the protocol's.

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802
        return analyzer.AnalyzerHandshakeResponse()

    def GetAnalyzerInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return analyzer.AnalyzerInfo(
            name=PACK,
            displayName="Groundwork",
            version=self._version,
            supportsConfig=True,
            policies=[
                analyzer.PolicyInfo(
                    name=rule.name,
                    description=rule.description,
                    enforcementLevel=analyzer.MANDATORY,
                    policy_type=analyzer.POLICY_TYPE_STACK if rule.check_stack else analyzer.POLICY_TYPE_RESOURCE,
                )
                for rule in self._rules
            ],
        )

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin.PluginInfo(version=self._version)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        for name, config in request.policyConfig.items():
            # `remediate` means at least mandatory: no rule here changes what a program asked for.
            remediate = config.enforcementLevel == analyzer.REMEDIATE
            self._levels[name] = analyzer.MANDATORY if remediate else config.enforcementLevel
        return Empty()

    def ConfigureStack(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._parameters = from_stack_config(request.project, dict(request.config), list(request.config_secret_keys))
        return analyzer.AnalyzerStackConfigureResponse()

    def Remediate(self, request: Any, context: Any) -> Any:  # noqa: N802
        return analyzer.RemediateResponse()

    def Analyze(self, request: Any, context: Any) -> Any:  # noqa: N802
        resource = _resource(request)
        return analyzer.AnalyzeResponse(
            diagnostics=[
                self._diagnostic(rule, Violation(message, request.urn))
                for rule, message in judge(self._active(), resource, self._parameters)
            ]
        )

    def AnalyzeStack(self, request: Any, context: Any) -> Any:  # noqa: N802
        resources = [_resource(item) for item in request.resources]
        return analyzer.AnalyzeResponse(
            diagnostics=[
                self._diagnostic(rule, violation)
                for rule, violation in judge_stack(self._active(), resources, self._parameters)
            ]
        )

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return Empty()

    def _active(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self._rules if self._levels[rule.name] != analyzer.DISABLED)

    def _diagnostic(self, rule: Rule, violation: Violation) -> Any:
        return analyzer.AnalyzeDiagnostic(
            policyName=rule.name,
            policyPackName=PACK,
            policyPackVersion=self._version,
            description=rule.description,
            message=f"{rule.description}\n{violation.message}",
            enforcementLevel=self._levels[rule.name],
            urn=violation.urn,
        )


def _resource(message: Any) -> Resource:
    """A resource of an Analyze or AnalyzeStack request."""
    given = getattr(message, "propertyDependencies", {})
    provider = from_struct(message.provider.properties) if message.HasField("provider") else {}
    return Resource(
        type=message.type,
        name=message.name,
        urn=message.urn,
        raw=from_struct(message.properties),
        protect=message.options.protect,
        provider={key: decoded(value) for key, value in provider.items()},
        refers_to={key: frozenset(urns.urns) for key, urns in given.items()},
    )


def serve() -> None:
    """Serve until the engine says stop or dies. The first line on stdout is the port."""
    # A level of a document is three of its message; protobuf reads 100, too few for the definition of a pod template.
    _message.SetAllowOversizeProtos(True)
    unlimited = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.server(ThreadPoolExecutor(max_workers=4), options=unlimited)
    analyzer_grpc.add_AnalyzerServicer_to_server(PolicyPack(RULES), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stopping = threading.Event()

    def stop(number: int, frame: object) -> None:
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    stopping.wait()
    server.stop(grace=None)
    sys.stdout.flush()
    # Threads of a call that the engine has given up need not be waited for.
    os._exit(0)
