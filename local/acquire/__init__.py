"""Finds, downloads or builds what the local stack runs: the Pulumi engine, etcd and the Kubernetes binaries."""
