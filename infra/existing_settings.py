"""What settings that name things that are there already must agree on, before AWS is asked about them."""

from collections.abc import Iterator, Sequence

from infra.sections.compute import ClusterSettings
from infra.sections.network import NetworkSettings
from infra.sections.node_pools import NodePoolSettings
from infra.sections.section import Problem
from infra.sections.storage import KeysSettings


def cluster_problems(
    cluster: ClusterSettings, network: NetworkSettings, pools: Sequence[NodePoolSettings]
) -> Iterator[Problem]:
    """An existing cluster without its VPC, and pools whose add-ons would be made in it."""
    if cluster.existing is None:
        return
    if network.existing is None:
        message = "with `cluster.existing` set it names the VPC that the cluster lies in: {vpcId, privateSubnetIds}"
        yield Problem(key="network.existing", value=None, message=message)
    for index, pool in enumerate(pools):
        if pool.kind == "managed":
            message = "with `cluster.existing` set allowed is `auto`: managed pools bring add-ons for the whole cluster"
            yield Problem(key=f"nodePools[{index}].kind", value=pool.kind, message=message)


def key_problems(keys: KeysSettings, region: str, account_id: str) -> Iterator[Problem]:
    """Keys of another region or account: buckets and log groups take none from elsewhere."""
    for purpose, arn in keys.existing.by_purpose.items():
        _, _, _, there, owner, _ = arn.split(":", 5)
        if there != region or (account_id and owner != account_id):
            place = f"of {region}" + (f" in the account {account_id}" if account_id else "")
            yield Problem(key=f"keys.existing.{purpose}", value=arn, message=f"allowed is a key {place}")


def own_name_problems(cluster: ClusterSettings, own: str) -> Iterator[Problem]:
    """The name that the platform's own cluster would have: a teardown would take it for that."""
    if cluster.existing is not None and cluster.existing.name == own:
        message = f"{own} is what the platform names its own cluster; `groundwork teardown` would clear it"
        yield Problem(key="cluster.existing.name", value=own, message=message)
