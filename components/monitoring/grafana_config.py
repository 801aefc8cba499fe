"""Grafana's own configuration and provisioning files, as text."""

from collections.abc import Mapping

import yaml

CONFIG_FOLDER = "/etc/groundwork"
PROVISIONING_FOLDER = f"{CONFIG_FOLDER}/provisioning"
DASHBOARD_FOLDER = f"{CONFIG_FOLDER}/dashboards"
DATA_FOLDER = "/var/lib/grafana"
PORT = 3000

_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "paths": {"data": DATA_FOLDER, "plugins": f"{DATA_FOLDER}/plugins", "provisioning": PROVISIONING_FOLDER},
    "server": {"http_port": str(PORT)},
    "log": {"mode": "console", "level": "info"},
    # Nothing leaves the cluster but questions to AWS.
    "analytics": {"reporting_enabled": "false", "check_for_updates": "false", "check_for_plugin_updates": "false"},
    "news": {"news_feed_enabled": "false"},
    "snapshots": {"external_enabled": "false"},
    "plugins": {"plugin_admin_enabled": "false", "preinstall_disabled": "true"},
    "public_dashboards": {"enabled": "false"},
    # Alerts are rules of Amazon Managed Prometheus and alarms of CloudWatch.
    "unified_alerting": {"enabled": "false"},
    "users": {"allow_sign_up": "false", "allow_org_create": "false", "viewers_can_edit": "false"},
    "dashboards": {"default_home_dashboard_path": f"{DASHBOARD_FOLDER}/platform.json"},
    # Credentials come from Pod Identity alone, which the SDK's default chain finds.
    "aws": {"allowed_auth_providers": "default", "assume_role_enabled": "false"},
}
"""Section → option → value. Source: https://grafana.com/docs/grafana/v11.6/setup-grafana/configure-grafana/"""

_VIEWERS_ONLY: Mapping[str, Mapping[str, str]] = {
    "security": {"disable_initial_admin_creation": "true"},
    "auth": {"sigv4_auth_enabled": "true", "disable_login_form": "true"},
    "auth.anonymous": {"enabled": "true", "org_name": "Main Org.", "org_role": "Viewer", "hide_version": "true"},
}
_SIGN_IN: Mapping[str, Mapping[str, str]] = {
    "security": {"disable_gravatar": "true"},
    "auth": {"sigv4_auth_enabled": "true", "disable_login_form": "false"},
    "auth.anonymous": {"enabled": "false"},
}


def grafana_ini(*, sign_in: bool) -> str:
    """Grafana's configuration file.

    sign_in: somebody made an administrator's Secret, and everyone signs in. Without it nobody does: there is no
        administrator at all, and whoever reaches Grafana reads the dashboards, which are code and need no editor.
    """
    sections = {**_OPTIONS, **(_SIGN_IN if sign_in else _VIEWERS_ONLY)}
    return "\n".join(
        line
        for section, options in sections.items()
        for line in (f"[{section}]", *(f"{option} = {value}" for option, value in options.items()), "")
    )


def dashboard_provider() -> str:
    """Provisioning file that loads the dashboards from their folder.

    Source: https://grafana.com/docs/grafana/v11.6/administration/provisioning/#dashboards
    """
    provider = {
        "name": "groundwork",
        "folder": "Groundwork",
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 60,
        "options": {"path": DASHBOARD_FOLDER},
    }
    return yaml.safe_dump({"apiVersion": 1, "providers": [provider]}, sort_keys=False)
