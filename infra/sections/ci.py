"""Settings of what CI needs inside of an environment. What it needs once an account is in account/."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field

from infra.sections.section import Problem, Section, check
from infra.sections.values import KubernetesName, Principal, matching


def _pinned_image(text: str) -> str:
    allowed = "an image with a tag other than latest, or a digest, such as jenkins/inbound-agent@sha256:…"
    image = matching(r"[\w.-]+(:\d+)?(/[\w.-]+)*(:[\w][\w.-]*)?(@sha256:[0-9a-f]{64})?", allowed)(text)
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    if "@sha256:" not in image and tag in ("", "latest"):
        raise ValueError(allowed)
    return image


PinnedImage = Annotated[str, AfterValidator(_pinned_image)]
ServiceAccount = Annotated[
    str,
    AfterValidator(matching(r"[a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9.-]*", "a service account as NAMESPACE/NAME")),
]


class JenkinsSettings(Section):
    """Jenkins agents as pods on the cluster.

    image: of the agents, pinned.
    namespace: of the agents alone.
    controller_account: service account of a controller on this cluster, as NAMESPACE/NAME.
    controller_role: IAM role of a controller outside of it.
    cpus: the most that all agents ask for at a time.
    memory_gib: the most that all agents ask for at a time.
    pods: the most agents at a time.
    agent_cpus: what one agent asks for.
    agent_memory_gib: what one agent asks for.
    """

    image: PinnedImage
    namespace: KubernetesName = "jenkins-agents"
    controller_account: ServiceAccount | None = None
    controller_role: Principal | None = None
    cpus: Annotated[int, Field(ge=1)] = 16
    memory_gib: Annotated[int, Field(ge=1)] = 64
    pods: Annotated[int, Field(ge=1)] = 10
    agent_cpus: Annotated[int, Field(ge=1)] = 1
    agent_memory_gib: Annotated[int, Field(ge=1)] = 2

    @check("controller_account", "controller_role")
    def there_is_one_controller(self) -> Iterator[Problem]:
        """Agents that nobody may start, or that two may."""
        if (self.controller_account is None) == (self.controller_role is None):
            yield Problem(
                key="controllerAccount",
                value=self.controller_account,
                message="one controller starts agents: allowed is controllerAccount or controllerRole, and one of them",
            )

    @check("cpus", "memory_gib", "agent_cpus", "agent_memory_gib")
    def one_agent_fits(self) -> Iterator[Problem]:
        """A quota below one agent, with the arithmetic."""
        if self.agent_cpus > self.cpus:
            yield Problem(
                key="cpus", value=self.cpus, message=f"no agent would ever start: one asks for {self.agent_cpus} CPUs"
            )
        if self.agent_memory_gib > self.memory_gib:
            yield Problem(
                key="memoryGib",
                value=self.memory_gib,
                message=f"no agent would ever start: one asks for {self.agent_memory_gib} GiB",
            )


class CiSettings(Section):
    """What CI needs inside of the environment.

    preview_roles: IAM roles that preview it: in the cluster they look, and try changes out in dry runs alone.
    jenkins: Jenkins agents as pods.
    """

    preview_roles: tuple[Principal, ...] = ()
    jenkins: JenkinsSettings | None = None
