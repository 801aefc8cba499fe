"""`python -m local.aws_server`: the process."""

import argparse
import importlib
import importlib.util
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from local.aws_server.operations import ServerSettings, start_hooks, stop_hooks

OVERLAYS = (
    "local.aws_server.access",
    "local.aws_server.alarms",
    "local.aws_server.amp",
    "local.aws_server.autoscaling",
    "local.aws_server.budgets",
    "local.aws_server.cloudtrail",
    "local.aws_server.codebuild",
    "local.aws_server.codeconnections",
    "local.aws_server.cost_anomalies",
    "local.aws_server.ec2_launch",
    "local.aws_server.ecr",
    "local.aws_server.ecr_pull_through",
    "local.aws_server.eks",
    "local.aws_server.functions",
    "local.aws_server.iam_oidc",
    "local.aws_server.iam_simulation",
    "local.aws_server.metric_data",
    "local.aws_server.metrics",
    "local.aws_server.mlflow_apps",
    "local.aws_server.managed_grafana",
    "local.aws_server.mlflow_servers",
    "local.aws_server.moto_fixes",
    "local.aws_server.s3_object_lock",
    "local.aws_server.sagemaker",
    "local.aws_server.schedules",
    "local.aws_server.service_quotas",
)
"""Modules that register overlays when they are imported."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local.aws_server",
        description="The AWS API on one machine: moto, and in front of it what a platform must really do.",
        epilog="example: python -m local.aws_server --state-dir /tmp/state --port 5000; then "
        "aws --endpoint-url http://127.0.0.1:5000 s3 ls",
    )
    parser.add_argument("--state-dir", type=Path, required=True, help="folder for the state, which survives a restart")
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    parser.add_argument("--kubernetes-url", default="", help="API server that DescribeCluster answers with")
    parser.add_argument("--kubernetes-ca", type=Path, help="file with the API server's CA certificate (PEM)")
    parser.add_argument("--mlflow-url", default="", help="where the supervisor starts MLflow on demand")
    parser.add_argument("--run-dir", type=Path, help="folder shared with the supervisor (default: the state folder)")
    parser.add_argument("--aws-config", type=Path, help="AWS SDK config file to write (profile groundwork-local)")
    parser.add_argument("--aws-credentials", type=Path, help="AWS SDK credentials file to write (same profile)")
    parser.add_argument("--peers", type=Path, help="JSON file with the AWS servers of other accounts")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT."""
    options = parse_arguments(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for noisy in ("botocore", "boto3", "urllib3", "werkzeug", "moto"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    settings = ServerSettings(
        state_dir=options.state_dir,
        run_dir=options.run_dir or options.state_dir,
        url=f"http://127.0.0.1:{options.port}",
        kubernetes_url=options.kubernetes_url,
        kubernetes_ca=options.kubernetes_ca,
        mlflow_url=options.mlflow_url,
        aws_config=options.aws_config,
        aws_credentials=options.aws_credentials,
        peers=options.peers,
    )
    settings.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    return serve(settings, options.port)


def serve(settings: ServerSettings, port: int) -> int:
    """Loads the state, runs the start hooks, serves, and stops cleanly."""
    for module in OVERLAYS:
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module)

    from local.aws_server.admin import ensure_admin
    from local.aws_server.app import AwsServer
    from local.aws_server.codeconnections import PAGES as CONNECTION_PAGES
    from local.aws_server.eks import webhooks
    from local.aws_server.health import health
    from local.aws_server.http_server import make_server
    from local.aws_server.persistence.journal import Journal, StateError
    from local.aws_server.store import Store, StoredRecords

    store = Store(settings.state_dir / "state.sqlite")
    journal = Journal(store, settings.state_dir / "objects")
    application = AwsServer(settings, StoredRecords(store), journal)
    application.pages |= {"/_groundwork/health": health, **webhooks.PAGES, **CONNECTION_PAGES}
    server = make_server(port, application)
    try:
        server.prepare()
    except OSError as error:
        print(f"Port {port} on 127.0.0.1 cannot be listened on: {error.strerror or error}.", file=sys.stderr)
        return 1
    try:
        journal.load()
    except StateError as error:
        print(error, file=sys.stderr)
        return 1
    application.admin_access_key_id = ensure_admin(application)
    for hook in start_hooks():
        hook(application)

    def stop(signum: int, frame: object) -> None:
        threading.Thread(target=server.stop, name="stop").start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    logging.getLogger("local.aws_server").info("serving on %s", settings.url)
    server.serve()
    for hook in stop_hooks():
        hook(application)
    store.close()
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    # Everything is on disk. Taking moto's state apart object by object would hold a clean stop up for seconds.
    os._exit(code)
