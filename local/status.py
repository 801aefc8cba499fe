"""What the local stack is doing: services, platform, and where things lie."""

from typing import Any

from local.paths import Paths
from local.pulumi_stack import resource_count
from local.supervisor.client import SupervisorClient
from local.supervisor.status import read_status


def describe(paths: Paths) -> dict[str, Any]:
    """The state as plain data: `supervisor` (pid or None), `services`, `resources` (in the stack), `problems`."""
    client = SupervisorClient(paths)
    alive = client.alive()
    last = read_status(paths)
    services: list[dict[str, Any]] = []
    for service in (alive or last).services if alive or last else ():
        state = service.state if alive else ("stopped" if service.state == "stopped" else "supervisor killed")
        services.append(
            {
                "name": service.name,
                "state": state,
                "address": service.address,
                "pid": service.pid if alive else None,
                "since": service.since,
                "detail": service.detail,
                "log": service.log_file,
            }
        )
    problems = [f"{one['name']}: {one['state']} {one['detail']}".strip() for one in services if one["state"] not in OK]
    return {
        "supervisor": alive.pid if alive else None,
        "services": services,
        "resources": resource_count(paths),
        "problems": problems,
        "folder": str(paths.local),
    }


OK = ("healthy", "waiting", "starting", "stopped")


def render(state: dict[str, Any]) -> str:
    """The same for a person."""
    lines: list[str] = []
    if not state["services"]:
        lines.append("The local services have never been started here. Run `make local`.")
    for one in state["services"]:
        process = f"process {one['pid']}" if one["pid"] else ""
        lines.append(f"{one['name']:<26} {one['state']:<10} {one['address']:<28} {process}".rstrip())
        if one["detail"]:
            lines.append(f"    {one['detail']}; log: {one['log']}")
    lines.append(f"Platform: {state['resources']} resources in the Pulumi stack `local`.")
    if state["problems"]:
        lines.append("Run `make local` to start again what is not healthy.")
    elif state["services"] and state["supervisor"] is None:
        lines.append("Nothing runs. `make local` starts it again with all its data.")
    return "\n".join(lines)
