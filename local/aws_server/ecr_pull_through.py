"""ECR's pull-through cache rules. They are recorded: no image is fetched from another registry.

Limits: API_CreatePullThroughCacheRule of the Amazon ECR API Reference; which upstreams need a secret:
https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-creating-rule.html.
"""

import re
from datetime import UTC, datetime
from typing import Any

from local.aws_server.operations import Call, ServiceError, operation

KIND = "ecr:pull-through-cache-rule"
MOST_RULES = 50
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/service-quotas.html"""
_PREFIX = r"([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*/?|ROOT)"
_UPSTREAMS = {
    "public.ecr.aws": ("ecr-public", False),
    "quay.io": ("quay", False),
    "registry.k8s.io": ("k8s", False),
    "registry-1.docker.io": ("docker-hub", True),
    "ghcr.io": ("github-container-registry", True),
    "registry.gitlab.com": ("gitlab-container-registry", True),
}
"""Address to the upstream's name, and whether it needs a secret."""


def _key(call: Call, prefix: str) -> str:
    return f"{call.region}/{prefix}"


def _find(call: Call, prefix: str) -> dict[str, Any]:
    record = call.server.records.get(KIND, _key(call, prefix))
    if record is None:
        message = f"Pull through cache rule with prefix '{prefix}' doesn't exist in registry '{call.account_id}'."
        raise ServiceError("PullThroughCacheRuleNotFoundException", message)
    return record


def _check_secret(call: Call, arn: str) -> None:
    if ":secret:ecr-pullthroughcache/" not in arn:
        raise ServiceError("InvalidParameterException", "The secret's name must begin with ecr-pullthroughcache/.")
    try:
        call.server.call("secretsmanager", "DescribeSecret", {"SecretId": arn}, region=call.region)
    except ServiceError as error:
        raise ServiceError("SecretNotFoundException", f"The secret {arn} does not exist.") from error


@operation("ecr", "CreatePullThroughCacheRule")
def create_pull_through_cache_rule(call: Call) -> dict[str, Any]:
    prefix, url = call.params["ecrRepositoryPrefix"], call.params["upstreamRegistryUrl"]
    if not re.fullmatch(_PREFIX, prefix) or not 2 <= len(prefix) <= 30:
        raise ServiceError("InvalidParameterException", f"The prefix {prefix!r} has 2 to 30 characters of {_PREFIX}.")
    upstream, needs_secret = _UPSTREAMS.get(url, ("", False))
    if not upstream and not url.endswith((".azurecr.io", ".amazonaws.com", "cgr.dev")):
        raise ServiceError("UnsupportedUpstreamRegistryException", f"The upstream registry {url} is not supported.")
    secret = call.params.get("credentialArn")
    if needs_secret and not secret:
        raise ServiceError("InvalidParameterException", f"The upstream registry {url} needs a credentialArn.")
    with call.server.records.lock:
        if call.server.records.get(KIND, _key(call, prefix)) is not None:
            message = f"A pull through cache rule with prefix '{prefix}' exists in registry '{call.account_id}'."
            raise ServiceError("PullThroughCacheRuleAlreadyExistsException", message)
        if len(call.server.records.items(KIND, f"{call.region}/")) >= MOST_RULES:
            raise ServiceError("LimitExceededException", f"A registry has {MOST_RULES} pull through cache rules.")
        if secret:
            _check_secret(call, secret)
        now = datetime.now(UTC)
        members = ("credentialArn", "customRoleArn")
        record = {
            "ecrRepositoryPrefix": prefix,
            "upstreamRegistryUrl": url,
            "upstreamRepositoryPrefix": call.params.get("upstreamRepositoryPrefix") or "ROOT",
            "registryId": call.account_id,
            "createdAt": now,
            "updatedAt": now,
            **({"upstreamRegistry": upstream} if upstream else {}),
            **{name: call.params[name] for name in members if call.params.get(name)},
        }
        call.server.records.put(KIND, _key(call, prefix), record)
    return record


@operation("ecr", "DescribePullThroughCacheRules")
def describe_pull_through_cache_rules(call: Call) -> dict[str, Any]:
    """The rules asked for, or all of the region, on one page."""
    wanted = call.params.get("ecrRepositoryPrefixes")
    if wanted:
        return {"pullThroughCacheRules": [_find(call, prefix) for prefix in wanted]}
    return {"pullThroughCacheRules": [record for _, record in call.server.records.items(KIND, f"{call.region}/")]}


@operation("ecr", "UpdatePullThroughCacheRule")
def update_pull_through_cache_rule(call: Call) -> dict[str, Any]:
    """Who asks the upstream may change, and nothing else."""
    with call.server.records.lock:
        record = dict(_find(call, call.params["ecrRepositoryPrefix"]))
        if secret := call.params.get("credentialArn"):
            _check_secret(call, secret)
        given = {name: call.params[name] for name in ("credentialArn", "customRoleArn") if call.params.get(name)}
        record |= given | {"updatedAt": datetime.now(UTC)}
        call.server.records.put(KIND, _key(call, record["ecrRepositoryPrefix"]), record)
    return record


@operation("ecr", "DeletePullThroughCacheRule")
def delete_pull_through_cache_rule(call: Call) -> dict[str, Any]:
    record = _find(call, call.params["ecrRepositoryPrefix"])
    call.server.records.delete(KIND, _key(call, record["ecrRepositoryPrefix"]))
    return record
