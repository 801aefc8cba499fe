"""CloudWatch alarms with a real state: looked at at their own period, acted upon, and alarms on alarms."""

from local.aws_server.alarms import composite, history, metric, watch

__all__ = ["composite", "history", "metric", "watch"]
