"""CloudWatch metrics: what was put, kept for a time, and asked for by statistic and period."""

from local.aws_server.metric_data import operations

__all__ = ["operations"]
