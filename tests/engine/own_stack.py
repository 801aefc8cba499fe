"""A local stack of a test's own: a copy of the checkout with this environment's packages, and services of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.checkout import SOURCE, Checkout, fresh_checkout

GROUNDWORK = (sys.executable, "-c", "from operations.cli import main; main()")
STREAMED = {"PULUMI_ENABLE_STREAMING_JSON_PREVIEW": "true"}
PREPARE = (
    "from local.paths import this_checkout; from local.pulumi_stack import prepare; prepare(this_checkout(), print)"
)
STEPS = ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent")


@dataclass(frozen=True)
class Run:
    """What a run of `groundwork stack up` came to.

    status: its exit status, negative for a signal. steps: events of the engine about resources that it changed.
    changes: operation to number of resources, of a run that ended. errors: what the engine's diagnostics said.
    said: what was written on stderr.
    """

    status: int
    steps: int
    changes: dict[str, int]
    errors: list[str]
    said: str


@dataclass(frozen=True)
class OwnStack:
    """The checkout, and `groundwork` run in it."""

    checkout: Checkout
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.checkout.folder

    @property
    def state_file(self) -> Path:
        return self.folder / ".groundwork/local/pulumi-state/.pulumi/stacks/groundwork/local.json"

    def environment(self) -> dict[str, str]:
        unwanted = ("AWS_", "PULUMI_", "KUBE", "MLFLOW_", "VIRTUAL_ENV", "MAKE", "PYTEST_")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        return {**inherited, "PYTHONPATH": str(self.folder), **self.variables}

    def groundwork(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.checkout.run(*GROUNDWORK, *arguments, environment=self.environment())

    def must(self, *arguments: str) -> str:
        done = self.groundwork(*arguments)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def checkout_status(self) -> dict[str, Any]:
        """What `groundwork local status -o json` says of the services."""
        done = subprocess.run(
            [*GROUNDWORK, "local", "status", "-o", "json"],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(done.stdout)

    def state(self) -> dict[str, Any]:
        return json.loads(self.state_file.read_text())["checkpoint"]["latest"]

    def start_up(self, *more: str) -> "subprocess.Popen[str]":
        """`groundwork stack up local` in a process group of its own, its events on stdout."""
        options = ("--yes", "--skip-preview", "--non-interactive", "--json", *more)
        return subprocess.Popen(
            [*GROUNDWORK, "stack", "up", "local", "--", *options],
            cwd=self.folder,
            env=self.environment() | STREAMED,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def up(self, at: int = 0, act: "Callable[[subprocess.Popen[str]], None] | None" = None, *more: str) -> Run:
        """Runs `up` to its end, and does something to it after so many events about changes. more: engine's options."""
        process = self.start_up(*more)
        assert process.stdout is not None
        assert process.stderr is not None
        said: list[str] = []
        reader = threading.Thread(target=lambda stream: said.extend(stream), args=(process.stderr,), daemon=True)
        reader.start()
        steps, changes, errors = 0, {}, []
        for line in process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                # The line that a kill cut off says nothing; any other one is the engine's own words.
                errors += [line] if line.endswith("\n") else []
                continue
            changed = [event[name]["metadata"]["op"] != "same" for name in STEPS if name in event]
            steps += any(changed)
            if (told := event.get("diagnosticEvent")) and told["severity"] == "error":
                errors.append(told["message"])
            changes = (event.get("summaryEvent") or {}).get("resourceChanges") or changes
            if act is not None and any(changed) and steps == at:
                act(process)
        status = process.wait()
        reader.join(timeout=60)
        return Run(status, steps, changes, errors, "".join(said))


def kill_group(process: "subprocess.Popen[str]") -> None:
    """SIGKILL to the command and all of its process group."""
    os.killpg(process.pid, signal.SIGKILL)


def kill_engine(process: "subprocess.Popen[str]") -> None:
    """SIGKILL to the engine alone, which has taken the command's process over."""
    process.kill()


def new_stack(folder: Path) -> OwnStack:
    """The services run, and there is a stack with nothing in it."""
    checkout = fresh_checkout(folder)
    (folder / ".venv").symlink_to(SOURCE / ".venv" if (SOURCE / ".venv").exists() else Path(sys.prefix))
    stack = OwnStack(checkout)
    stack.must("local", "up", "--until", "services")
    checkout.must(sys.executable, "-c", PREPARE, environment=stack.environment())
    return stack


def twins(checkout: Checkout) -> dict[str, list[str]]:
    """What AWS has twice: kinds whose ids AWS chooses, with the `Name` tags of this platform that two of them have."""
    ec2, kms, amp = checkout.aws("ec2"), checkout.aws("kms"), checkout.aws("amp")
    lists = {
        "describe_vpcs": "Vpcs",
        "describe_subnets": "Subnets",
        "describe_route_tables": "RouteTables",
        "describe_addresses": "Addresses",
        "describe_nat_gateways": "NatGateways",
        "describe_security_groups": "SecurityGroups",
        "describe_internet_gateways": "InternetGateways",
        "describe_security_group_rules": "SecurityGroupRules",
        "describe_vpc_endpoints": "VpcEndpoints",
        "describe_flow_logs": "FlowLogs",
    }
    named = {
        key: [tag["Value"] for each in getattr(ec2, operation)()[key] for tag in each.get("Tags", []) if _is_name(tag)]
        for operation, key in lists.items()
    }
    keys = [each["KeyId"] for each in kms.list_keys()["Keys"]]
    tags = [tag for key in keys for tag in kms.list_resource_tags(KeyId=key)["Tags"]]
    named["Keys"] = [tag["TagValue"] for tag in tags if tag["TagKey"] == "Name"]
    named["Workspaces"] = [each["alias"] for each in amp.list_workspaces()["workspaces"]]
    assert len(named["Subnets"]) > 1
    assert len(named["Keys"]) > 1
    found = {kind: sorted({name for name in names if names.count(name) > 1}) for kind, names in named.items()}
    return {kind: names for kind, names in found.items() if names}


def _is_name(tag: dict[str, str]) -> bool:
    return tag["Key"] == "Name" and tag["Value"].startswith("groundwork-local-")
