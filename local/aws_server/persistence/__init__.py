"""Keeping moto's state on disk: whatever a client was told is done, is done after kill -9.

After each request that changes something, the backends that it reached are pickled and what differs is written in one
transaction, before the answer leaves. What grows without bound is kept apart, a row an item: S3 objects (their bodies
as files), log events, metric data.

Measured on the platform's own state (35 KB of EC2, 50 KB of IAM), CPU time of one call, 2026-11: 0.1 ms for metric
data, 0.2 ms for a parameter or 20 log events, 0.3 to 0.5 ms for a small S3 object (1 ms for 1 MB), 0.5 ms for IAM,
0.9 ms for AssumeRole, 1.7 ms for EC2, out of 1.2 to 3.9 ms that such a call takes in all. Reading: 0.005 ms.
"""
