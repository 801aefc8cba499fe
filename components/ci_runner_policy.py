"""IAM documents of a CI runner's own role: what CodeBuild needs to start it, and nothing that its jobs could want."""

from collections.abc import Sequence

from components.iam import allow, document, trust, unscoped


def runner_trust(*, partition: str, region: str, account_id: str, project: str) -> str:
    """CodeBuild assumes the role, for this one project
    (https://docs.aws.amazon.com/codebuild/latest/userguide/cross-service-confused-deputy-prevention.html)."""
    arn = f"arn:{partition}:codebuild:{region}:{account_id}:project/{project}"
    return document(trust(["codebuild.amazonaws.com"], conditions={"StringEquals": {"aws:SourceArn": arn}}))


def runner_policy(
    *,
    partition: str,
    region: str,
    account_id: str,
    log_group_arn: str,
    bucket_arn: str,
    prefix: str,
    kms_key_arn: str,
    connection_arn: str,
    subnet_ids: Sequence[str],
) -> str:
    """Write its log, keep its own part of the cache, read its source through the connection, attach to its subnets.

    Sources: https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html and
    https://docs.aws.amazon.com/codebuild/latest/userguide/auth-and-access-control-iam-identity-based-access-control.html
    """
    group = log_group_arn.removesuffix(":*")
    statements = [
        allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{group}:log-stream:*"]),
        allow("OwnCache", ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"], [f"{bucket_arn}/{prefix}/*"]),
        allow("FindCache", ["s3:GetBucketAcl", "s3:GetBucketLocation"], [bucket_arn]),
        allow("Encryption", ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"], [kms_key_arn]),
        allow("Source", ["codeconnections:GetConnection", "codeconnections:GetConnectionToken"], [connection_arn]),
    ]
    if subnet_ids:
        ec2 = f"arn:{partition}:ec2:{region}:{account_id}"
        statements += [
            unscoped(
                "NetworkInterfaces",
                [
                    "ec2:CreateNetworkInterface",
                    "ec2:DeleteNetworkInterface",
                    "ec2:DescribeDhcpOptions",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeVpcs",
                ],
                because="CodeBuild asks for them on every resource: the interface does not exist yet, and reads of EC2 "
                "know no resources",
                conditions={"StringEquals": {"aws:RequestedRegion": region}},
            ),
            allow(
                "AttachToItsSubnets",
                ["ec2:CreateNetworkInterfacePermission"],
                [f"{ec2}:network-interface/*"],
                {
                    "StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"},
                    "ArnEquals": {"ec2:Subnet": [f"{ec2}:subnet/{subnet}" for subnet in subnet_ids]},
                },
            ),
        ]
    return document(*statements)
