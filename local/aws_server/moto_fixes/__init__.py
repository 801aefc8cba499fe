"""Operations that moto has and does not finish: members that it accepts and drops, and what it should refuse."""

from local.aws_server.moto_fixes import ec2, kms, logs, rds, s3, sns, sts, tagging

__all__ = ["ec2", "kms", "logs", "rds", "s3", "sns", "sts", "tagging"]
