"""Cases of the rules about IAM policies and Kubernetes roles."""

from policies.model import Resource
from policies.values import UNKNOWN
from tests.policy.cases import ACCOUNT, Case, allow, document, resource

ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
BUCKET = "arn:aws:s3:::b/teams/a/*"
FORGE = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
SUBJECT = "token.actions.githubusercontent.com:sub"


def policy(*statements: object) -> list[Resource]:
    return [resource("aws:iam/rolePolicy:RolePolicy", policy=document(*statements))]  # type: ignore[arg-type]


def trusted(principal: object, conditions: object = None) -> list[Resource]:
    statement = {"Sid": "T", "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    if conditions:
        statement["Condition"] = conditions
    return [resource("aws:iam/role:Role", assumeRolePolicy=document(statement))]


def cluster_role(**inputs: object) -> list[Resource]:
    return [resource("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", **inputs)]


def binding(role: str) -> list[Resource]:
    kind = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"
    return [resource(kind, roleRef={"kind": "ClusterRole", "name": role})]


def attachment(name: str) -> list[Resource]:
    kind = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    return [resource(kind, role="r", policyArn=f"arn:aws:iam::aws:policy/{name}")]


CASES = [
    Case("iam-no-wildcards", "named actions on named resources", policy(allow("Read", ["s3:GetObject"], [BUCKET]))),
    Case(
        "iam-no-wildcards", "a text that is not known yet", [resource("aws:iam/rolePolicy:RolePolicy", policy=UNKNOWN)]
    ),
    Case("iam-no-wildcards", "a denial of everything", policy({"Effect": "Deny", "Action": "*", "Resource": "*"})),
    Case(
        "iam-no-wildcards",
        "an action that AWS lets nobody narrow",
        policy(allow("LoginUnscoped", ["ecr:GetAuthorizationToken"], ["*"])),
    ),
    Case(
        "iam-no-wildcards",
        "such an action without the word for it",
        policy(allow("Login", "ecr:GetAuthorizationToken", "*")),
        "unscoped",
    ),
    Case(
        "iam-no-wildcards",
        "all objects there are",
        policy(allow("ReadUnscoped", "s3:GetObject", "*")),
        "s3:GetObject on '*'",
    ),
    Case(
        "iam-no-wildcards",
        "an ARN without a name",
        policy(allow("Read", "s3:GetObject", "arn:aws:s3:::*")),
        "arn:aws:s3:::*",
    ),
    Case("iam-no-wildcards", "every action", policy(allow("All", "*", BUCKET)), "'*'"),
    Case("iam-no-wildcards", "every action of a service", policy(allow("All", ["s3:*"], BUCKET)), "s3:*"),
    Case("iam-no-wildcards", "actions by a pattern", policy(allow("Read", "s3:Get*", BUCKET)), "s3:Get*"),
    Case(
        "iam-no-wildcards",
        "all but some actions",
        policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": BUCKET}),
        "NotAction",
    ),
    Case(
        "iam-no-wildcards",
        "all but some resources",
        policy({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": BUCKET}),
        "NotResource",
    ),
    Case(
        "iam-no-wildcards",
        "the account's statement of a key",
        [resource("aws:kms/key:Key", policy=document(allow("AccountDecides", "kms:*", "*")))],
    ),
    Case(
        "iam-no-wildcards",
        "that statement elsewhere",
        policy(allow("AccountDecides", "kms:*", "*")),
        "kms:*",
    ),
    Case(
        "iam-no-wildcards",
        "an inline policy of a role",
        [resource("aws:iam/role:Role", inlinePolicies=[{"name": "x", "policy": document(allow("A", "s3:*", BUCKET))}])],
        "s3:*",
    ),
    Case("iam-trust", "a service", trusted({"Service": "sagemaker.amazonaws.com"})),
    Case(
        "iam-trust",
        "jobs of one repository's environment",
        trusted({"Federated": FORGE}, {"StringEquals": {SUBJECT: "repo:o/n:environment:prod"}}),
    ),
    Case("iam-trust", "everybody", trusted("*"), "everybody"),
    Case("iam-trust", "every account", trusted({"AWS": "*"}), "everybody"),
    Case("iam-trust", "every job of a forge", trusted({"Federated": FORGE}), "every token"),
    Case(
        "iam-trust",
        "every repository of a forge",
        trusted({"Federated": FORGE}, {"StringLike": {SUBJECT: "repo:*"}}),
        "every token",
    ),
    Case("iam-no-admin", "a policy for pulling images", attachment("AmazonEC2ContainerRegistryPullOnly")),
    Case("iam-no-admin", "an administrator", attachment("AdministratorAccess"), "AdministratorAccess"),
    Case("iam-no-admin", "everything but IAM", attachment("PowerUserAccess"), "PowerUserAccess"),
    Case("iam-no-admin", "everything of a service", attachment("AmazonS3FullAccess"), "AmazonS3FullAccess"),
    Case(
        "iam-no-admin",
        "a role that names the policy itself",
        [resource("aws:iam/role:Role", managedPolicyArns=["arn:aws:iam::aws:policy/IAMFullAccess"])],
        "IAMFullAccess",
    ),
    Case(
        "cluster-no-admin",
        "named verbs",
        cluster_role(rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
    ),
    Case("cluster-no-admin", "a binding of a reader", binding("view")),
    Case("cluster-no-admin", "a binding of cluster-admin", binding("cluster-admin"), "cluster-admin"),
    Case(
        "cluster-no-admin",
        "every verb",
        cluster_role(rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}]),
        "verbs",
    ),
    Case(
        "cluster-no-admin",
        "every resource",
        cluster_role(rules=[{"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}]),
        "resources",
    ),
]
