"""The two questions that the Kubernetes API server asks: who has this token, and may this user do that."""

import json
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from local.aws_server.eks import access_policies
from local.aws_server.eks.access import ENTRY
from local.aws_server.eks.access_policies import POLICY_PREFIX
from local.aws_server.eks.common import CLUSTER
from local.aws_server.eks.tokens import TokenError, verify
from local.aws_server.operations import ACCOUNT_ID, RawResponse, Server

logger = logging.getLogger(__name__)

AUTHENTICATE = "/_groundwork/kubernetes/authenticate"
AUTHORIZE = "/_groundwork/kubernetes/authorize"


def authenticate(server: Server, environ: Mapping[str, Any], body: bytes) -> RawResponse:
    """Answers a TokenReview with the user name and groups of the access entry of the token's IAM principal."""
    review = json.loads(body)
    clusters = _clusters(server)
    try:
        identity, cluster_name = verify(
            review["spec"].get("token", ""), list(clusters), urlsplit(server.settings.url).netloc
        )
        entry = server.records.get(ENTRY, f"{clusters[cluster_name]}/{identity.principal_arn}")
        if entry is None:
            raise TokenError(f"{identity.principal_arn} has no access entry on cluster {cluster_name}")
    except TokenError as error:
        logger.info("token refused: %s", error)
        return _answer(review, {"authenticated": False, "error": str(error)})
    session = identity.session_name.replace("@", "-")
    user = {
        "username": entry["username"].replace("{{SessionName}}", session).replace("{{AccountID}}", ACCOUNT_ID),
        "uid": f"aws-iam-authenticator:{ACCOUNT_ID}:{identity.principal_id}",
        "groups": entry["kubernetesGroups"],
        "extra": {
            "arn": [identity.arn],
            "canonicalArn": [identity.principal_arn],
            "principalId": [identity.principal_id],
            "sessionName": [identity.session_name],
        },
    }
    return _answer(review, {"authenticated": True, "user": user})


def authorize(server: Server, environ: Mapping[str, Any], body: bytes) -> RawResponse:
    """Answers a SubjectAccessReview: yes where an access policy of the user's entry says so, else no opinion."""
    review = json.loads(body)
    spec = review["spec"]
    principal = next(
        (values[0] for name, values in (spec.get("extra") or {}).items() if name.lower() == "canonicalarn"), ""
    )
    for name, prefix in _clusters(server).items():
        entry = server.records.get(ENTRY, f"{prefix}/{principal}") if principal else None
        for policy_arn, association in (entry or {"policies": {}})["policies"].items():
            if _allows(policy_arn.removeprefix(POLICY_PREFIX), association["accessScope"], spec):
                return _answer(review, {"allowed": True, "reason": f"{policy_arn} on cluster {name}"})
    return _answer(review, {"allowed": False, "denied": False})


def _allows(policy: str, scope: dict[str, Any], spec: dict[str, Any]) -> bool:
    if path := spec.get("nonResourceAttributes"):
        return scope["type"] == "cluster" and access_policies.allowed_path(policy, path["verb"])
    asked = spec.get("resourceAttributes")
    if not asked:
        return False
    if scope["type"] == "namespace" and not _in_scope(asked.get("namespace", ""), scope["namespaces"]):
        return False
    resource = asked.get("resource", "")
    if asked.get("subresource"):
        resource = f"{resource}/{asked['subresource']}"
    return access_policies.allowed(policy, asked.get("group", ""), resource, asked.get("verb", ""))


def _in_scope(namespace: str, scopes: list[str]) -> bool:
    """A scope is a namespace's name, or a prefix of names that ends with `*`."""
    return bool(namespace) and any(
        namespace.startswith(scope[:-1]) if scope.endswith("*") else namespace == scope for scope in scopes
    )


def _clusters(server: Server) -> dict[str, str]:
    """Names of the clusters that the API server may be, with their keys."""
    return {record["name"]: key for key, record in server.records.items(CLUSTER)}


def _answer(review: dict[str, Any], status: dict[str, Any]) -> RawResponse:
    document = {"apiVersion": review["apiVersion"], "kind": review["kind"], "status": status}
    return RawResponse(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


PAGES = {AUTHENTICATE: authenticate, AUTHORIZE: authorize}
