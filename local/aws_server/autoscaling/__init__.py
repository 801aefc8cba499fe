"""Application Auto Scaling of endpoint variants and inference components: policies and schedules change counts."""

from local.aws_server.autoscaling import policies, schedule, tags, targets

__all__ = ["policies", "schedule", "tags", "targets"]
