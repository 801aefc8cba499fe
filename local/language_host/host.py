"""The LanguageRuntime service of the Pulumi SDK's language.proto, for Python.

argv[-1] is the engine's address. The first line on stdout is the port; the engine is served until it says stop or dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import interpreter
import packages
import processes
from protocol import SDK_FOLDER, Empty, grpc, json_format, language, language_grpc, plugin

_PROGRAM = Path(__file__).with_name("program.py")
_SHOWN_TO_THE_USER = 32  # the same as in program.py, which imports nothing of the host


def _sdk_version() -> str:
    for info in SDK_FOLDER.parent.glob("pulumi-[0-9]*.dist-info"):
        return info.name.removesuffix(".dist-info").removeprefix("pulumi-")
    return "0.0.0"


class Host(language_grpc.LanguageRuntimeServicer):
    """Runs Python programs and plugins for the engine at `engine_address`."""

    def __init__(self, engine_address: str) -> None:
        self._engine_address = engine_address

    # What the engine calls; the names are the protocol's.

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self._engine_address = request.engine_address
        return language.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return plugin.PluginInfo(version=_sdk_version())

    def GetRequiredPackages(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        python = self._interpreter(request.info, context)
        return language.GetRequiredPackagesResponse(
            packages=[
                plugin.PackageDependency(name=found.name, kind="resource", version=found.version, server=found.server)
                for found in packages.plugin_packages(python.site_packages())
            ]
        )

    def GetProgramDependencies(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        python = self._interpreter(request.info, context)
        return language.GetProgramDependenciesResponse(
            dependencies=[
                language.DependencyInfo(name=name, version=version)
                for name, version in packages.distributions(python.site_packages())
            ]
        )

    def About(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        python = self._interpreter(request.info, context)
        version = sys.version.split()[0]
        if not python.is_own and python.prefix is not None:
            with contextlib.suppress(OSError, StopIteration):
                lines = (python.prefix / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
                version = next(line.split("=")[1].strip() for line in lines if line.startswith("version"))
        return language.AboutResponse(executable=str(python.executable), version=version)

    def RuntimeOptionsPrompts(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return language.RuntimeOptionsResponse()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        processes.stop_all()
        return Empty()

    def Run(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        python = self._interpreter(request.info, context)
        if request.attach_debugger:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "Groundwork's language host cannot attach a debugger.")
        info = request.info
        program = os.path.normpath(Path(info.program_directory, info.entry_point or "."))
        settings = {
            "project": request.project,
            "stack": request.stack,
            "monitor": request.monitor_address,
            "engine": self._engine_address,
            "parallel": request.parallel,
            "dry_run": request.dryRun,
            "organization": request.organization,
            "root_directory": info.root_directory,
        }
        environment = python.environment(os.environ)
        environment["GROUNDWORK_RUN"] = json.dumps(settings)
        environment["PULUMI_CONFIG"] = json.dumps(dict(request.config))
        environment["PULUMI_CONFIG_SECRET_KEYS"] = json.dumps(list(request.configSecretKeys))
        command = [str(python.executable), "-u", str(_PROGRAM), program, *request.args]
        status = processes.wait(
            processes.start(command, request.pwd or info.program_directory, environment, piped=False)
        )
        if status == 0:
            return language.RunResponse()
        if status == _SHOWN_TO_THE_USER:
            return language.RunResponse(bail=True)
        if status < 0:
            return language.RunResponse(error=f"The program was ended by signal {-status} ({_signal_name(-status)}).")
        return language.RunResponse(error=f"Program exited with non-zero exit code: {status}")

    def RunPlugin(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        python = self._interpreter(request.info, context)
        environment = dict(entry.split("=", 1) for entry in request.env if "=" in entry) or dict(os.environ)
        info = request.info
        program = os.path.normpath(Path(info.program_directory, info.entry_point or "."))
        command = [str(python.executable), "-u", program, *request.args]
        process = processes.start(
            command, request.pwd or info.program_directory, python.environment(environment), piped=True
        )
        # The engine ends a plugin by dropping the call.
        context.add_callback(lambda: process.poll() is None and processes.stop(process))
        for name, chunk in processes.stream(process):
            yield language.RunPluginResponse(**{name: chunk})
        yield language.RunPluginResponse(exitcode=processes.wait(process))

    def InstallDependencies(self, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        for name, chunk in self._install(request, context):
            yield language.InstallDependenciesResponse(**{name: chunk})

    def _install(self, request: Any, context: grpc.ServicerContext) -> Iterator[tuple[str, bytes]]:
        options = json_format.MessageToDict(request.info.options)
        root = Path(request.info.root_directory or request.directory)
        requirements = next(
            (r for r in (Path(request.directory, "requirements.txt"), root / "requirements.txt") if r.is_file()), None
        )
        prefix = root / str(options["virtualenv"]) if options.get("virtualenv") else None
        steps: list[list[str]] = []
        if prefix is not None and not (prefix / "bin" / "python").exists():
            yield "stdout", f"Creating the virtual environment {prefix}\n".encode()
            steps.append([sys.executable, "-m", "venv", str(prefix)])
        python = str(prefix / "bin" / "python") if prefix is not None else sys.executable
        if requirements is not None:
            steps.append([python, "-m", "pip", "install", "--disable-pip-version-check", "-r", str(requirements)])
        for step in steps:
            process = processes.start(step, root, os.environ, piped=True)
            yield from processes.stream(process)
            if status := processes.wait(process):
                context.abort(grpc.StatusCode.UNKNOWN, f"`{' '.join(step)}` failed with exit status {status}.")

    def _interpreter(self, info: Any, context: grpc.ServicerContext) -> interpreter.Interpreter:
        try:
            return interpreter.find(info.root_directory, json_format.MessageToDict(info.options))
        except interpreter.InterpreterError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(
            "usage: pulumi-language-python ENGINE_ADDRESS (the engine starts this; there is nothing to run by hand)"
        )
    unlimited = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.so_reuseport", 0),
    ]
    server = grpc.server(ThreadPoolExecutor(max_workers=16), options=unlimited)
    language_grpc.add_LanguageRuntimeServicer_to_server(Host(sys.argv[-1]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    # The engine holds the other end of our stdin, so its death, however sudden, closes it.
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), stopping.set()), daemon=True).start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    stopping.wait()
    processes.stop_all()
    server.stop(grace=None)
    # Threads of a call that the engine has given up need not be waited for.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
