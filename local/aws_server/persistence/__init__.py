"""Keeping moto's state on disk: whatever a client was told is done, is done after kill -9.

After each request that changes something, the backends that it reached are pickled and what differs is written in one
transaction, before the answer leaves. What grows without bound is kept apart, a row an item: S3 objects (their bodies
as files), log events, metric data.
"""
