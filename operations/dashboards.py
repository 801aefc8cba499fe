"""`groundwork dashboards`: the dashboards as files, for a Grafana that the program does not provision."""

import sys
from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example:  groundwork dashboards /tmp/dashboards"


def dashboards(
    folder: Annotated[
        Path, typer.Argument(help="Where the files go; it is made where it is missing.", file_okay=False)
    ],
    prometheus: Annotated[
        str, typer.Option(help="Endpoint of a Prometheus workspace: writes data-sources.yaml for it besides.")
    ] = "",
    region: Annotated[str, typer.Option(help="AWS region of the data sources.")] = "us-east-1",
) -> None:
    """Write every dashboard as JSON that Grafana imports."""
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
    for name in files:
        print(folder / name)
