"""Pulumi provider plugins that run the platform's program against the local stack's servers."""
