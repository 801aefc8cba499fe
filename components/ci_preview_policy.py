"""What CI's preview role of an environment may do: read what a preview and a refresh read, and no data."""

from components.ci_scope import (
    DEPLOYED_SERVICES,
    NAMED_SERVICES,
    NOTHING_ELSEWHERE,
    READ_VERBS,
    Elsewhere,
    elsewhere_access,
    state_access,
    state_paths,
)
from components.iam import Statement, allow, document, unscoped


def preview_policy(
    *,
    partition: str,
    region: str,
    account_id: str,
    environment: str,
    state_bucket: str | None = None,
    state_key_arn: str | None = None,
    elsewhere: Elsewhere = NOTHING_ELSEWHERE,
) -> str:
    """Everything that a preview and a refresh without changes read, and no data."""
    iam = f"arn:{partition}:iam::{account_id}"
    services = (*DEPLOYED_SERVICES, *NAMED_SERVICES)
    statements = [
        unscoped(
            "Read",
            [f"{service}:{verb}" for service in services for verb in READ_VERBS],
            because="reads by verb, see READ_VERBS; most Describe and List actions know no resources",
            conditions={"StringEquals": {"aws:RequestedRegion": [region]}},
        ),
        unscoped(
            "ReadGlobal",
            [
                "budgets:ViewBudget",
                "budgets:ListTagsForResource",
                "ce:GetAnomalyMonitors",
                "ce:GetAnomalySubscriptions",
                "ce:ListTagsForResource",
            ],
            because="budgets and anomaly monitors live in no region, and have names that AWS chooses",
        ),
        allow(
            "ReadImageBuilder",
            ["codebuild:BatchGetProjects"],
            [f"arn:{partition}:codebuild:{region}:{account_id}:project/groundwork-{environment}-images"],
        ),
        allow(
            "ReadSpendGuard",
            [
                "lambda:GetFunction",
                "lambda:GetFunctionCodeSigningConfig",
                "lambda:ListTags",
                "lambda:ListVersionsByFunction",
                "scheduler:GetSchedule",
            ],
            [
                f"arn:{partition}:lambda:{region}:{account_id}:function:groundwork-{environment}-*",
                f"arn:{partition}:scheduler:{region}:{account_id}:schedule/default/groundwork-{environment}-*",
            ],
        ),
        allow(
            "ReadIdentities",
            [
                "iam:GetInstanceProfile",
                "iam:GetPolicy",
                "iam:GetPolicyVersion",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListInstanceProfilesForRole",
                "iam:ListPolicyVersions",
                "iam:ListRolePolicies",
            ],
            [
                f"{iam}:role/groundwork-{environment}-*",
                f"{iam}:policy/groundwork-*",
                f"{iam}:instance-profile/groundwork-*",
            ],
        ),
        data_stays(partition, region, account_id, environment, state_bucket, elsewhere),
        *elsewhere_access(partition, region, elsewhere, state_bucket),
    ]
    if state_bucket:
        statements += state_access(partition, environment, state_bucket, state_key_arn, write=False)
    return document(*statements)


def data_stays(
    partition: str,
    region: str,
    account_id: str,
    environment: str,
    state_bucket: str | None,
    elsewhere: Elsewhere = NOTHING_ELSEWHERE,
) -> Statement:
    """Denies what would read data rather than settings; of parameters only the environment's own contract is read."""
    allowed = [f"arn:{partition}:ssm:{region}:{account_id}:parameter/groundwork/{environment}/*"]
    if state_bucket:
        allowed += [f"arn:{partition}:s3:::{state_bucket}/{path}" for path in state_paths(environment)]
    allowed += elsewhere.objects(partition, state_bucket)
    return {
        "Sid": "DataStays",
        "Effect": "Deny",
        "Action": [
            "ecr:GetAuthorizationToken",
            "ecr:GetDownloadUrlForLayer",
            "kms:GetParametersForImport",
            "logs:GetLogEvents",
            "logs:GetLogRecord",
            "logs:GetQueryResults",
            "s3:GetObject",
            "s3:GetObjectVersion",
            "secretsmanager:GetSecretValue",
            "ssm:GetParameter",
            "ssm:GetParameterHistory",
            "ssm:GetParameters",
            "ssm:GetParametersByPath",
        ],
        "NotResource": allowed,
    }
