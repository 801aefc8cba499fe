"""Amazon Managed Service for Prometheus: what moto lacks of it. Nothing is scraped and no rule evaluated here.

`groundwork local monitoring` runs a genuine Prometheus with the rules of the workspace's namespaces instead.
"""

from local.aws_server.amp import alertmanager, rules, scrapers, workspaces

__all__ = ["alertmanager", "rules", "scrapers", "workspaces"]
