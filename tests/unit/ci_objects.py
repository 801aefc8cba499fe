"""What CI needs inside of a cluster, under mocks: shared by the tests of its shape and of its acceptance."""

from typing import Any

import pulumi_kubernetes as k8s

from components.jenkins_agents import AgentQuota, JenkinsAgents, JenkinsAgentsArgs
from components.preview_access import PreviewAccess, PreviewAccessArgs
from tests.unit.parts import with_aws
from tests.unit.recording import ACCOUNT, Recording, record

IMAGE = "registry.example/jenkins/inbound-agent:1.0"
CONTROLLER = f"arn:aws:iam::{ACCOUNT}:role/jenkins"
PREVIEWER = f"arn:aws:iam::{ACCOUNT}:role/ci-groundwork-dev-preview"


def jenkins(**more: Any) -> Recording:
    def program() -> None:
        args: dict[str, Any] = {"controller_role_arn": CONTROLLER, **more}
        JenkinsAgents(
            "jenkins",
            JenkinsAgentsArgs(
                namespace="jenkins-agents",
                image=IMAGE,
                quota=AgentQuota(cpus=16, memory_gib=64, pods=10),
                cluster_name="groundwork-dev",
                provider=k8s.Provider("kubernetes", kubeconfig="{}"),
                **args,
            ),
            with_aws(),
        )

    return record(program)


def preview() -> Recording:
    def program() -> None:
        PreviewAccess(
            "preview",
            PreviewAccessArgs(
                cluster_name="groundwork-dev",
                principals={"role-ci": PREVIEWER},
                provider=k8s.Provider("kubernetes", kubeconfig="{}"),
            ),
            with_aws(),
        )

    return record(program)


def objects(recording: Recording) -> list[dict[str, Any]]:
    """The Kubernetes objects that a program registered, in its order."""
    return [item.inputs for item in recording.registrations if item.type.startswith("kubernetes:")]
