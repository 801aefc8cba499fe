"""One Kubernetes minor version at a time, and not back: what EKS takes, said before anything is changed.

Sources: https://docs.aws.amazon.com/eks/latest/userguide/update-cluster.html (one minor version at a time),
https://docs.aws.amazon.com/eks/latest/userguide/rollback-cluster.html (back, within seven days, and by EKS alone).
"""

import pulumi

ROLLBACK = "https://docs.aws.amazon.com/eks/latest/userguide/rollback-cluster.html"


def minor(version: str) -> int:
    """35 of 1.35. Raises ValueError for anything else than a version of Kubernetes 1."""
    major, _, rest = version.partition(".")
    if major != "1" or not rest.isdigit():
        raise ValueError(f"{version!r} is not a Kubernetes version such as 1.35")
    return int(rest)


def between(running: str, wanted: str) -> list[str]:
    """The versions that a cluster goes through, one `up` each: after the running one, up to the wanted one."""
    return [f"1.{each}" for each in range(minor(running) + 1, minor(wanted) + 1)]


def refusal(running: str, wanted: str) -> str | None:
    """Why a cluster of one version cannot be brought to another by its settings; None where it can, or has it."""
    steps = minor(wanted) - minor(running)
    asked = f"the cluster runs Kubernetes {running}, and cluster.version asks for {wanted}"
    if steps > 1:
        order = ", then ".join(f'"{version}"' for version in between(running, wanted))
        return f"{asked}: EKS takes one minor version at a time. Set {order}, with an `up` for each."
    if steps < 0:
        return (
            f'{asked}: settings only lead forward. Set "{running}". What EKS can take back, within seven days of an '
            f"update, it does by itself: {ROLLBACK}"
        )
    return None


def version_guard(name: str) -> pulumi.ResourceHook:
    """A hook for a cluster's `before_update`: ends a preview or an `up` that would ask EKS for what it refuses.

    It compares the version in the state with the one that is wanted, and asks nobody.
    """

    def guard(update: pulumi.ResourceHookArgs) -> None:
        running = (update.old_outputs or {}).get("version") or (update.old_inputs or {}).get("version")
        wanted = (update.new_inputs or {}).get("version")
        if isinstance(running, str) and isinstance(wanted, str) and (refused := refusal(running, wanted)):
            raise pulumi.RunError(refused)

    return pulumi.ResourceHook(f"{name}-version-guard", guard, pulumi.ResourceHookOptions(on_dry_run=True))
