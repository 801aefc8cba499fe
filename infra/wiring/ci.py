"""What CI needs inside of an environment."""

from components.cluster import Cluster
from components.jenkins_agents import AgentQuota, JenkinsAgents, JenkinsAgentsArgs
from components.preview_access import PreviewAccess, PreviewAccessArgs
from infra.principals import logical_name, principal_arn
from infra.wiring.context import Context


def preview_access(context: Context, in_cluster: Cluster) -> PreviewAccess | None:
    """Dry runs for CI's preview roles, where the settings name some."""
    roles = context.settings.ci.preview_roles
    if not roles:
        return None
    return PreviewAccess(
        "preview",
        PreviewAccessArgs(
            cluster_name=in_cluster.name,
            principals={logical_name(role): principal_arn(role, context.placement) for role in roles},
            provider=in_cluster.provider,
        ),
        context.opts,
    )


def jenkins_agents(context: Context, in_cluster: Cluster) -> JenkinsAgents | None:
    """Agents as pods, where the settings have a controller for them."""
    chosen = context.settings.ci.jenkins
    if chosen is None:
        return None
    role = chosen.controller_role
    return JenkinsAgents(
        "jenkins",
        JenkinsAgentsArgs(
            namespace=chosen.namespace,
            image=chosen.image,
            quota=AgentQuota(cpus=chosen.cpus, memory_gib=chosen.memory_gib, pods=chosen.pods),
            agent_cpus=chosen.agent_cpus,
            agent_memory_gib=chosen.agent_memory_gib,
            cluster_name=in_cluster.name,
            controller_account=chosen.controller_account,
            controller_role_arn=principal_arn(role, context.placement) if role else None,
            provider=in_cluster.provider,
        ),
        context.opts,
    )
