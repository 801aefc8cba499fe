"""Entry point of the Pulumi program."""

from infra.stack import deploy

deploy()
