"""What keeps an environment within its bounds: budgets, anomaly alarms, an audit trail, and copies of public images."""
