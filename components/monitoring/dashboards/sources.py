"""The data sources that every dashboard uses, by the ids that they are provisioned with.

A dashboard names its data sources by id, and a Grafana that was provisioned elsewhere (Amazon Managed Grafana) must
have them under the same ids: `data_source_list` gives both.
"""

from typing import Any, Literal

import yaml
from grafana_foundation_sdk.models.dashboard import DataSourceRef

PROMETHEUS_UID = "groundwork-prometheus"
CLOUDWATCH_UID = "groundwork-cloudwatch"
PROMETHEUS = DataSourceRef(type_val="prometheus", uid=PROMETHEUS_UID)
CLOUDWATCH = DataSourceRef(type_val="cloudwatch", uid=CLOUDWATCH_UID)


Credentials = Literal["default", "workspace-iam-role"]
"""How Grafana signs: with what the AWS SDK finds (on the cluster, Pod Identity), or with the role of a workspace of
Amazon Managed Grafana."""


def data_sources(prometheus_endpoint: str, region: str) -> str:
    """Grafana's provisioning file of the two data sources (YAML)."""
    sources = data_source_list(prometheus_endpoint, region, "default")
    return yaml.safe_dump({"apiVersion": 1, "datasources": sources}, sort_keys=False)


def data_source_list(prometheus_endpoint: str, region: str, credentials: Credentials) -> list[dict[str, Any]]:
    """The two data sources, as provisioning files and Grafana's API take them.

    prometheus_endpoint: of the AMP workspace, `https://aps-workspaces.<region>.amazonaws.com/workspaces/<id>/`.
    Fields: https://grafana.com/docs/grafana/latest/datasources/prometheus/configure/#provision-the-prometheus-data-source
    and https://grafana.com/docs/grafana/latest/datasources/aws-cloudwatch/configure/#provision-the-data-source
    """
    return [
        {
            "name": "Amazon Managed Service for Prometheus",
            "uid": PROMETHEUS_UID,
            "type": "prometheus",
            "access": "proxy",
            "url": prometheus_endpoint.rstrip("/"),
            "isDefault": True,
            "editable": False,
            "jsonData": {
                "httpMethod": "POST",
                "prometheusType": "Prometheus",
                "timeInterval": "30s",
                "sigV4Auth": True,
                "sigV4AuthType": credentials,
                "sigV4Region": region,
            },
        },
        {
            "name": "Amazon CloudWatch",
            "uid": CLOUDWATCH_UID,
            "type": "cloudwatch",
            "access": "proxy",
            "editable": False,
            "jsonData": {"authType": credentials, "defaultRegion": region},
        },
    ]
