"""Benches: how fast Groundwork is beside its peers, measured in one run on one machine."""
