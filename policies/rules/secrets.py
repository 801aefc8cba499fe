"""No secret is written where everybody reads it."""

import re
from collections.abc import Iterator, Mapping, Sequence

from policies.model import Resource, Violation, resource_rule, stack_rule
from policies.parameters import Parameters
from policies.rules.images import POD_SPECS, containers
from policies.values import at, decoded, rows, texts

SHAPES: Mapping[str, re.Pattern[str]] = {
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a GitHub token": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    "a GitLab token": re.compile(r"\bgl(pat|rt|dt|cbt)-[A-Za-z0-9_-]{20,}"),
    "a Slack token or webhook": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}|hooks\.slack\.com/services/T"),
    "a JSON web token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\."),
    "a password in an address": re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@{$]+@"),
}
"""What secrets look like. Sources: each service's own documentation of its tokens' prefixes."""
NAMES = re.compile(r"(password|passwd|secret|token|api_?key|private_?key|credentials?)$", re.IGNORECASE)
"""How a setting or an environment variable is called that holds a secret."""
SECRET_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "aws:codebuild/sourceCredential:SourceCredential": ("token",),
    "aws:elasticache/replicationGroup:ReplicationGroup": ("authToken",),
    "aws:rds/cluster:Cluster": ("masterPassword",),
    "aws:rds/instance:Instance": ("password",),
    "aws:secretsmanager/secretVersion:SecretVersion": ("secretString", "secretBinary"),
}
"""Resource type to the inputs that are secrets by their nature, so that their value must be one of Pulumi's."""
KUBERNETES_SECRET = "kubernetes:core/v1:Secret"  # noqa: S105
STACK = "pulumi:pulumi:Stack"
MEND = "Set it with `pulumi config set --secret`, or better keep it in Secrets Manager and name its ARN."


def looks_like(text: str) -> str:
    """What kind of secret a text holds; nothing where it looks like none."""
    return next((kind for kind, shape in SHAPES.items() if shape.search(text)), "")


@resource_rule("no-plain-secrets", "No input of a resource holds a secret that Pulumi does not know as one.")
def no_plain_secrets(resource: Resource, parameters: Parameters) -> Iterator[str]:
    """Texts that look like secrets, and inputs that are secrets by their name."""
    for path, text in texts(resource.raw):
        if kind := looks_like(text):
            yield f"{resource.name} holds what looks like {kind} in {path}. {MEND}"
    for key in SECRET_PROPERTIES.get(resource.type, ()):
        if isinstance(resource.raw.get(key), str):
            yield f"{resource.name} has a plain {key}, which the state would hold as it is. {MEND}"
    if resource.type == KUBERNETES_SECRET:
        for key in ("data", "stringData"):
            if [path for path, text in texts(resource.raw.get(key)) if text]:
                yield f"{resource.name} is a Kubernetes Secret with plain values. Make its data a pulumi.Output.secret."
    if resource.type in POD_SPECS:
        yield from _variables(resource)


def _variables(resource: Resource) -> Iterator[str]:
    for container in containers(resource):
        for variable in rows(container, "env"):
            name, value = str(at(variable, "name")), at(variable, "value")
            if NAMES.search(name) and isinstance(value, str) and value:
                yield f"{resource.name} sets the variable {name} to a plain text. Use valueFrom.secretKeyRef."


def _kind(path: str, text: str) -> str:
    """What kind of secret a setting or an output holds; the name of one (an ARN, a path) is none."""
    named = NAMES.search(path) and text and not text.startswith(("arn:", "/"))
    return looks_like(text) or ("a secret, by its name" if named else "")


@stack_rule("no-secrets-in-settings", "No plain setting of the stack holds a secret.")
def no_secrets_in_settings(resources: Sequence[Resource], parameters: Parameters) -> Iterator[Violation]:
    """Settings that look like secrets, or are called like one and hold a text."""
    for key, value in parameters.settings.items():
        for path, text in texts(decoded(value), key):
            if kind := _kind(path, text):
                yield Violation(f"The setting {path} holds what looks like {kind}. {MEND}")


@stack_rule("no-secrets-in-outputs", "No plain output of the stack holds a secret.")
def no_secrets_in_outputs(resources: Sequence[Resource], parameters: Parameters) -> Iterator[Violation]:
    """Outputs, which everybody who may read the state sees."""
    for stack in resources:
        if stack.type != STACK:
            continue
        for path, text in texts(stack.raw):
            if kind := _kind(path, text):
                yield Violation(
                    f"The output {path} holds what looks like {kind}. Make it pulumi.Output.secret.", stack.urn
                )
