"""Application Auto Scaling of endpoint variants: target tracking and scheduled actions truly change instance counts."""

from local.aws_server.autoscaling import policies, schedule, targets

__all__ = ["policies", "schedule", "targets"]
