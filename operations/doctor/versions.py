"""The cluster's versions: whether EKS would take what the settings want, and how long it supports what runs."""

from collections.abc import Iterator
from datetime import UTC, datetime

from operations.doctor.finding import Finding, failure, ok, warning
from operations.doctor.subject import Subject
from operations.upgrade.found import running_cluster
from operations.upgrade.plan import cluster_notes, cluster_refusals

CHECK = "versions"


def check_versions(subject: Subject) -> Iterator[Finding]:
    """What stands between the running cluster and the settings' versions; nothing where there is no cluster yet."""
    chosen = subject.settings.cluster
    if chosen.existing:
        return  # whoever looks after it decides its versions
    name = f"groundwork-{subject.env.name}"
    cluster = running_cluster(subject.client("eks"), name, chosen.version)
    if cluster is None:
        return
    refusals = list(cluster_refusals(chosen.version, chosen.addon_versions, cluster))
    for each in refusals:
        yield failure(CHECK, name, f"{each.what}: {each.text}", each.mend)
    for each in cluster_notes(cluster, datetime.now(UTC).date()):
        yield warning(CHECK, name, f"{each.what}: {each.text}", each.mend)
    if not refusals:
        to = "" if chosen.version == cluster.version else f", and EKS would take {chosen.version}"
        yield ok(CHECK, name, f"the cluster runs Kubernetes {cluster.version}{to}")
