"""How alerts are grouped and sent on: the Alertmanager definition of a workspace.

Amazon Managed Service for Prometheus takes Alertmanager's own configuration inside of a document of its own, knows no
receiver but SNS, and wants the region of the topic
(https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-alertmanager-receiver-config.html).
"""

from typing import Any

import yaml

TEMPLATE = """\
{{ define "groundwork.subject" }}[{{ .Status }}] {{ .CommonLabels.severity }}: {{ .CommonLabels.alertname }}{{ end }}
{{ define "groundwork.message" }}{{ range .Alerts }}{{ .Status }}: {{ .Annotations.summary }}
{{ .Annotations.description }}
What to do: {{ .Annotations.runbook_url }}
Labels:{{ range .Labels.SortedPairs }} {{ .Name }}={{ .Value }}{{ end }}
Since: {{ .StartsAt }}

{{ end }}{{ end }}
"""
SEVERITIES = ("critical", "warning")
"""Values of the label `severity` that have a way of their own; what has another one, or none, goes the way of the
last."""
REPEAT = {"critical": "4h", "warning": "1d"}


def alertmanager_definition(topic_arn: str, region: str) -> str:
    """The definition that sends every alert to the topic, with its severity as a message attribute to filter by.

    A warning keeps silent while the same thing is critical. An alert's own labels `alertname`, `namespace`, `nodepool`
    and `node` make one message of what belongs together.
    """
    routes = [{"receiver": severity, "matchers": [f'severity="{severity}"']} for severity in SEVERITIES]
    config: dict[str, Any] = {
        "route": {
            "receiver": SEVERITIES[-1],
            "group_by": ["alertname", "severity", "namespace", "nodepool", "node"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": REPEAT[SEVERITIES[-1]],
            "routes": [{**route, "repeat_interval": REPEAT[str(route["receiver"])]} for route in routes],
        },
        "inhibit_rules": [
            {
                "source_matchers": ['severity="critical"'],
                "target_matchers": ['severity="warning"'],
                "equal": ["alertname", "namespace", "nodepool", "node"],
            }
        ],
        "receivers": [
            {
                "name": severity,
                "sns_configs": [
                    {
                        "topic_arn": topic_arn,
                        "sigv4": {"region": region},
                        "send_resolved": True,
                        "subject": '{{ template "groundwork.subject" . }}',
                        "message": '{{ template "groundwork.message" . }}',
                        "attributes": {"severity": severity},
                    }
                ],
            }
            for severity in SEVERITIES
        ],
        "templates": ["groundwork"],
    }
    document = {
        "alertmanager_config": yaml.safe_dump(config, sort_keys=False, width=1000),
        "template_files": {"groundwork": TEMPLATE},
    }
    return yaml.safe_dump(document, sort_keys=False, default_style=None, width=1000)
