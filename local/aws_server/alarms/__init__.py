"""CloudWatch: alarms keep what they were told and their state, and alarms on alarms exist."""

from local.aws_server.alarms import composite, metric

__all__ = ["composite", "metric"]
