"""`groundwork dashboards`: the dashboards as files, or loaded into a workspace of Amazon Managed Grafana."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from local.cli import Format, Output

app = typer.Typer(
    help="The dashboards, where the program does not provision them itself.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Endpoint = Annotated[str, typer.Option("--prometheus", help="Endpoint of the Amazon Managed Prometheus workspace.")]
Region = Annotated[str, typer.Option(help="AWS region of the data sources.")]


@app.command(epilog="Example:  groundwork dashboards write /tmp/dashboards")
def write(
    folder: Annotated[
        Path, typer.Argument(help="Where the files go; it is made where it is missing.", file_okay=False)
    ],
    prometheus: Endpoint = "",
    region: Region = "us-east-1",
    output: Output = Format.text,
) -> None:
    """Write every dashboard as JSON that Grafana imports; with --prometheus, data-sources.yaml besides."""
    # Imported here: the other commands need not wait for it.
    from components.monitoring.dashboards import rendered
    from components.monitoring.dashboards.sources import data_sources

    files = dict(rendered())
    if prometheus:
        files["data-sources.yaml"] = data_sources(prometheus, region)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text if text.endswith("\n") else f"{text}\n")
    except OSError as error:
        print(f"{folder} cannot be written: {error.strerror or error}", file=sys.stderr)
        raise typer.Exit(1) from None
    written = [str(folder / name) for name in files]
    print(json.dumps({"files": written}, indent=2) if output is Format.json else "\n".join(written))


@app.command(epilog="Example:  groundwork dashboards load g-2054c75a02 --prometheus https://aps-workspaces.…")
def load(
    workspace: Annotated[str, typer.Argument(help="Id of the workspace of Amazon Managed Grafana.")],
    prometheus: Endpoint,
    region: Region = "us-east-1",
    output: Output = Format.text,
) -> None:
    """Load data sources and dashboards into Amazon Managed Grafana, as the AWS profile's own identity."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from components.monitoring.dashboards import rendered
    from components.monitoring.dashboards.sources import data_source_list
    from operations.grafana_loader import GrafanaApi, LoadError, administrator_token

    loaded: list[str] = []
    sources = data_source_list(prometheus, region, "workspace-iam-role")
    try:
        client = cast(Any, boto3.Session(region_name=region)).client("grafana")
        endpoint = client.describe_workspace(workspaceId=workspace)["workspace"]["endpoint"]
        with administrator_token(client, workspace) as token:
            for address in GrafanaApi(f"https://{endpoint}", token).load(sources, rendered()):
                loaded.append(address)
                if output is Format.text:
                    print(address)
    except (BotoCoreError, ClientError, LoadError) as error:
        print(f"The dashboards are not all loaded: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    if output is Format.json:
        print(json.dumps({"dashboards": loaded}, indent=2))
