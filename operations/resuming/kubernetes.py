"""Objects of Kubernetes: their id is `[namespace/]name`, and the engine has both.

https://www.pulumi.com/registry/packages/kubernetes/api-docs/core/v1/configmap/#import
"""

from operations.resuming.finder import Wanted, search
from policies.values import UNKNOWN_TEXT

PREFIX = "kubernetes:"


def object_id(wanted: Wanted) -> str:
    """The id of an object. Raises LookupError where its name was not known yet."""
    name, namespace = (search(f"metadata.{part}", wanted.inputs) for part in ("name", "namespace"))
    if not isinstance(name, str) or UNKNOWN_TEXT in (name, namespace):
        raise LookupError("its name is not known to the engine")
    return f"{namespace}/{name}" if isinstance(namespace, str) and namespace else name
