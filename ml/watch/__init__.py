"""Watching an endpoint: what it is asked, window by window, held against a reference that is profiled once.

`reference` profiles and calibrates; `windows` cuts captured requests; `judging` holds a window against the reference;
`run` goes on where it stopped; `place` keeps what is known in S3; `told` and `metrics` say it.
"""
